"""What the operators of a model took, from a run of role profile: `details.operator_profile` of its result. Pure.

The agent stores every node (`agent/profiling.py`); people read a row a kind of operator and place. How far the figures
can be believed is told by two sums: what the operators took together against the timed loop of the same run, which was
not profiled, and against the profiled inferences themselves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.protocol import JobResult

DETAIL = "operator_profile"
"""Where it lies in `JobResult.details`."""


@dataclass(frozen=True)
class Operator:
    """A node of the model, or all nodes of one kind in one place; per inference, in microseconds.

    `share` is of the sum of all operators.
    """

    name: str
    kind: str
    where: str
    nodes: int
    calls: float
    us: float
    share: float


@dataclass(frozen=True)
class ProfileTable:
    """Operators by what they took, most first: of each kind, and each node alone.

    `inferences` out of `of` count: the middle half by time. `sum_us` of the operators; `wall_us` of the profiled
    inferences, `loop_us` the median of the timed loop. Without any operators `reason` says why.
    """

    kinds: tuple[Operator, ...] = ()
    nodes: tuple[Operator, ...] = ()
    source: str = ""
    inferences: int = 0
    of: int = 0
    sum_us: float = 0.0
    wall_us: float = 0.0
    loop_us: float = 0.0
    reason: str = ""

    @property
    def sum_over_loop(self) -> float | None:
        """1.0: the operators account for the latency; less: time between them; more: what profiling costs."""
        return self.sum_us / self.loop_us if self.loop_us > 0 else None

    @property
    def cost(self) -> float | None:
        """By how much the profiled inferences were slower than the loop; 0.29 is 29 %."""
        return self.wall_us / self.loop_us - 1 if self.loop_us > 0 else None

    def us_by_place(self) -> dict[str, float]:
        """Microseconds of an inference in each delegate, and in the runtime's own kernels; the most first."""
        found: dict[str, float] = {}
        for kind in self.kinds:
            found[kind.where] = found.get(kind.where, 0.0) + kind.us
        return dict(sorted(found.items(), key=lambda one: -one[1]))


def profile_of(result: JobResult) -> ProfileTable:
    """What the board told. Nothing of it is taken on trust: what does not fit is a table with a `reason`."""
    told = result.details.get(DETAIL)
    if not isinstance(told, Mapping):
        return ProfileTable(reason="no operator was profiled in this run")
    try:
        nodes = [_node(one) for one in told["operators"]]
        source = _text(told["source"])
        inferences, of = int(_number(told["inferences"])), int(_number(told["of"]))
        wall_us, loop_us = _number(told["wall_us"]), _number(told["loop_us"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return ProfileTable(reason="the board's account of its operators cannot be read")
    sum_us = math.fsum(node.us for node in nodes)
    if not nodes or sum_us <= 0 or not math.isfinite(sum_us):
        return ProfileTable(reason="the board's account of its operators is empty")
    return ProfileTable(
        kinds=_shared(_by_kind(nodes), sum_us),
        nodes=_shared(nodes, sum_us),
        source=source,
        inferences=inferences,
        of=of,
        sum_us=sum_us,
        wall_us=wall_us,
        loop_us=loop_us,
    )


def table_values(table: ProfileTable) -> dict[str, Any]:
    """For programs: a row a kind, and how well it agrees; the nodes stand in the result's details."""
    if table.reason:
        return {"reason": table.reason}
    return {
        "source": table.source,
        "sum_us": table.sum_us,
        "wall_us": table.wall_us,
        "loop_us": table.loop_us,
        "sum_over_loop": table.sum_over_loop,
        "cost": table.cost,
        "us_by_place": table.us_by_place(),
        "kinds": [
            {"kind": one.kind, "where": one.where, "nodes": one.nodes, "calls": one.calls, "us": one.us}
            | {"share": one.share}
            for one in table.kinds
        ],
    }


def _by_kind(nodes: Sequence[Operator]) -> list[Operator]:
    groups: dict[tuple[str, str], list[Operator]] = {}
    for node in nodes:
        groups.setdefault((node.kind, node.where), []).append(node)
    return [
        Operator(kind, kind, where, len(group), sum(one.calls for one in group), math.fsum(one.us for one in group), 0)
        for (kind, where), group in groups.items()
    ]


def _shared(operators: Sequence[Operator], sum_us: float) -> tuple[Operator, ...]:
    shared = [
        Operator(one.name, one.kind, one.where, one.nodes, one.calls, one.us, one.us / sum_us) for one in operators
    ]
    return tuple(sorted(shared, key=lambda one: -one.us))


def _node(plain: Mapping[str, Any]) -> Operator:
    name, kind, where = _text(plain["name"]), _text(plain["kind"]), _text(plain["where"])
    return Operator(name, kind, where, 1, _number(plain["calls"]), _number(plain["us"]), 0.0)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(value)
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
