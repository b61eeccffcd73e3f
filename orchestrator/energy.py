"""Energy of an inference, from the readings of a job for energy. Pure.

The window is the timed loop exactly, T seconds and n inferences long; net is what it took above the idle board:

    E_net = E_loop - P_idle · T,    per inference E_net / n

The uncertainty is half the width of a 95 % interval: k √(u_loop² + (T u_idle)²) + bounds, with Student's k for the
fewer independent readings of both parts (GUM, JCGM 100:2008, 5.1.2 and G.3; `power_curves` has the terms). How truly a
sensor is calibrated is in none of this.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.protocol import JobResult
from orchestrator.power_curves import Curve, NotMeasured, Stretch, add, measure, student_95, unwrap

WHOLE_TELLS_LESS = 0.95
"""A meter of the whole board that saw less than this share of what a part's meter saw is not believed (chosen: room for
two calibrations that differ)."""

_SCOPES = ("board", "module", "part")


@dataclass(frozen=True)
class Energy:
    """Joules, watts. A figure that was not measured is None, and `reason` says why in words.

    `gross_j_per_inference` has the idle board's share in it. `uncertainty_j`: of one inference's net, half the width of
    the 95 % interval. `source`: the rails or counters; `covers`: what of the board they feed.
    """

    j_per_inference: float | None = None
    gross_j_per_inference: float | None = None
    idle_w: float | None = None
    uncertainty_j: float | None = None
    source: str | None = None
    covers: str | None = None
    reason: str = ""

    @property
    def provenance(self) -> str | None:
        """`package-0: processor package only`, to stand beside every figure."""
        return f"{self.source}: {self.covers}" if self.source else None


@dataclass(frozen=True)
class _Source:
    """As the agent describes it (`agent.sensors.meters.Source`)."""

    name: str
    unit: str
    scope: str
    covers: str
    adds: str
    step: float
    lag_s: float | None
    wraps_at_j: float | None
    channel: str
    meter: int


@dataclass(frozen=True)
class _Told:
    """What one source, or one sum of sources, tells."""

    name: str
    scope: str
    covers: str
    loop: Stretch
    idle: Stretch

    @property
    def net_j(self) -> float:
        return self.loop.energy_j - self.idle.power_w * self.loop.duration_s

    @property
    def uncertainty_j(self) -> float:
        share = self.loop.duration_s / self.idle.duration_s
        k = student_95(min(self.loop.independent, self.idle.independent) - 1)
        u_j = math.hypot(self.loop.u_j, self.loop.duration_s * self.idle.level_u_w)
        return k * u_j + self.loop.bound_j + share * self.idle.bound_j


def energy_of(result: JobResult) -> Energy:
    """What the board's meters tell of one job.

    The best one is taken: of the whole board, else of the module, else of a part; among equals the one that saw most.
    Rails are added only where they are known to feed different things.
    """
    details = result.details.get("energy")
    if not isinstance(details, Mapping):
        return Energy(reason="no power was read in this run")
    try:
        sources = [_source(one) for one in details["sources"]]
        idle_until_ns = details["idle_until_ns"]
    except (KeyError, TypeError):
        return Energy(reason="the board's account of its power sensors cannot be read")
    if not sources or not isinstance(idle_until_ns, int):
        return Energy(reason="no power sensor on this board")
    if not result.timing.latencies_ns or result.timing.loop_wall_ns <= 0:
        return Energy(reason="no inference was timed")
    told, failures = _hear_all(result, sources, idle_until_ns)
    if not told:
        return Energy(reason="; ".join(failures))
    return _per_inference(_best(told), len(result.timing.latencies_ns))


def _source(plain: Mapping[str, Any]) -> _Source:
    """What comes from a board is checked before it is reckoned with."""
    source = _Source(**plain)
    numbers = (source.step, source.lag_s or 0.0, source.wraps_at_j or 0.0, source.meter)
    words = (source.name, source.unit, source.scope, source.covers, source.adds, source.channel)
    if not all(isinstance(one, (int, float)) for one in numbers) or not all(isinstance(one, str) for one in words):
        raise TypeError
    if source.scope not in _SCOPES:
        raise KeyError(source.scope)
    return source


def _per_inference(best: _Told, n: int) -> Energy:
    net_j, uncertainty_j = best.net_j / n, best.uncertainty_j / n
    known = Energy(
        gross_j_per_inference=best.loop.energy_j / n,
        idle_w=best.idle.power_w,
        uncertainty_j=uncertainty_j,
        source=best.name,
        covers=best.covers,
    )
    if net_j > uncertainty_j:
        return replace(known, j_per_inference=net_j)
    figures = f"{net_j * 1e3:.3g} ± {uncertainty_j * 1e3:.2g} mJ"
    return replace(known, reason=f"not to be told apart from the idle board: {figures} above it")


def _best(told: Sequence[_Told]) -> _Told:
    for rank, scope in enumerate(_SCOPES):
        mine = [one for one in told if one.scope == scope]
        below = [one.loop.energy_j for one in told if _SCOPES.index(one.scope) > rank]
        if mine:
            most = max(mine, key=lambda one: one.loop.energy_j)
            if most.loop.energy_j >= WHOLE_TELLS_LESS * max(below, default=0.0):
                return most
    return max(told, key=lambda one: one.loop.energy_j)


def _hear_all(result: JobResult, sources: Sequence[_Source], idle_until_ns: int) -> tuple[list[_Told], list[str]]:
    """Every source that stands alone, and every sum of those that add up; why the others tell nothing."""
    groups: dict[tuple[int, str], list[_Source]] = {}
    for index, source in enumerate(sources):
        groups.setdefault((source.meter, source.adds or f"#{index}"), []).append(source)
    told, failures = [], []
    for members in groups.values():
        name = "+".join(source.name for source in members)
        try:
            told.append(_hear(result, name, members, idle_until_ns))
        except NotMeasured as error:
            failures.append(f"{name}, {error}")
    return told, failures


def _hear(result: JobResult, name: str, members: Sequence[_Source], idle_until_ns: int) -> _Told:
    begin_ns = result.timing.loop_start_ns
    curve = add([_curve(result, source) for source in members])
    if not curve.t_s:
        raise NotMeasured("its rails never gave a reading together")
    idle = _measure(curve, curve.t_s[0], (idle_until_ns - begin_ns) / 1e9, "idle board")
    loop = _measure(curve, 0.0, result.timing.loop_wall_ns / 1e9, "timed loop")
    return _Told(name, members[0].scope, members[0].covers, loop, idle)


def _measure(curve: Curve, start_s: float, end_s: float, where: str) -> Stretch:
    try:
        return measure(curve, start_s, end_s)
    except NotMeasured as error:
        raise NotMeasured(f"{where}: {error}") from None


def _curve(result: JobResult, source: _Source) -> Curve:
    """Seconds since the loop began."""
    values: Sequence[float | None] = result.samples.channels.get(source.channel, ())
    known = {t_ns: value for t_ns, value in zip(result.samples.t_ns, values, strict=False) if value is not None}
    readings = [known[t_ns] for t_ns in sorted(known)]
    t_s = [(t_ns - result.timing.loop_start_ns) / 1e9 for t_ns in sorted(known)]
    counter = source.unit == "j"
    return Curve(t_s, unwrap(readings, source.wraps_at_j) if counter else readings, counter, source.step, source.lag_s)


def energy_objection(sensors: Sequence[str]) -> str | None:
    """Why energy cannot be measured on a board with these sensors (`Facts.sensors`); None where it can."""
    if any(name.startswith(("power:", "energy:")) for name in sensors):
        return None
    locked = [name.removeprefix("locked:") for name in sensors if name.startswith("locked:")]
    if locked:
        return f"energy is not measured: only root may read this board's energy counter ({', '.join(locked)})"
    return "energy is not measured: no power sensor on this board"
