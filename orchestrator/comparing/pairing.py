"""Which runs stand against which: case by case, on one board, and measured in the same way. Pure.

A case is paired with the same case of the other side, never with the row that happens to stand beside it. What is
compared may differ; everything else must be alike. What finds no partner is told with the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from orchestrator.comparing.measured import CASE_FIELDS, NEVER_CROSSED, OTHER_FIELDS, Axis, Measured, is_doubted
from orchestrator.errors import UsageError
from orchestrator.fingerprint import Difference
from orchestrator.runs import RunStatus

MIXED_FIELDS = (*CASE_FIELDS, "version", "protocol")
"""A side that has two values of one of these has no figure: it would be a mixture."""

FAILURES = tuple(one for one in RunStatus if one not in (RunStatus.OK, RunStatus.SKIPPED, RunStatus.LOST))
"""It was tried and gave no measurement. A job that was skipped or lost was not."""

SHOWN = 3
"""Values that are named where others would do as well."""


class Why(StrEnum):
    """Why a case has no partner."""

    REFUSED = "refused"
    MIXED = "mixed"
    SUSPECT = "suspect"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True)
class Pair:
    """The runs of one case on both sides that count. `doubted` are measured but not believed, `failed` gave no
    measurement: of the first side, and of the second. `manner` tells it from others of the same case that were measured
    in another way, in words; empty where there is none."""

    first: tuple[Measured, ...]
    second: tuple[Measured, ...]
    doubted: tuple[tuple[Measured, ...], ...] = ((), ())
    failed: tuple[tuple[Measured, ...], ...] = ((), ())
    manner: str = ""


@dataclass(frozen=True)
class Unpaired:
    """A case that cannot be compared. `run` is one run of it, `on_first` and `on_second` say where it has runs that
    count. `fields` are those in which the sides differ, where that is the reason; `because` is the reason in words;
    `manner` as in `Pair`.
    """

    run: Measured
    why: Why
    because: str
    on_first: bool
    on_second: bool
    fields: tuple[str, ...] = ()
    manner: str = ""

    @property
    def broke(self) -> bool:
        """Measured on the first side, and tried in vain on the second."""
        return self.why is Why.FAILED and self.on_first and not self.on_second


@dataclass(frozen=True)
class Pairing:
    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]


@dataclass(frozen=True)
class Terms:
    """`by`: what is compared; `across`: fields that may differ all the same; `include_suspect`: runs judged suspect
    count. `UsageError` for a field that does not exist, or may never differ."""

    by: frozenset[Axis] = frozenset()
    across: frozenset[str] = frozenset()
    include_suspect: bool = False

    def __post_init__(self) -> None:
        known = [*CASE_FIELDS, *OTHER_FIELDS]
        for field in sorted(self.across):
            if field not in known:
                allowed = ", ".join(one for one in known if one not in NEVER_CROSSED)
                raise UsageError(f"--across {field}: there is no such field", f"there are: {allowed}")
            if field == "device":
                raise UsageError(
                    "--across device: two boards are never paired by accident", "compare them: --by device A B"
                )
            if field in NEVER_CROSSED:
                raise UsageError(
                    f"--across {field}: figures of real, loopback and emulated boards never stand in one ratio",
                    "compare boards of one kind",
                )

    @property
    def open_fields(self) -> frozenset[str]:
        """Those that may differ."""
        return self.across.union(*(axis.fields for axis in self.by))

    def case_of(self, run: Measured) -> tuple[object, ...]:
        runtimes = Axis.RUNTIME in self.by
        return tuple(
            run.kin(field) if runtimes else run.value(field) for field in CASE_FIELDS if field not in self.open_fields
        )

    def manner_of(self, run: Measured) -> tuple[object, ...]:
        return tuple(run.value(field) for field in OTHER_FIELDS if field not in self.open_fields)


def pair_cases(first: Sequence[Measured], second: Sequence[Measured], terms: Terms) -> Pairing:
    """Every case of both sides, once: with its partner, or with the reason why it has none."""
    sides = [_by_case(side, terms) for side in (first, second)]
    near = [_neighbours(side, terms) for side in sides]
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    for case in dict.fromkeys([*sides[0], *sides[1]]):
        runs = [side.get(case, []) for side in sides]
        if all(runs):
            found, left = _pair_manners(runs[0], runs[1], terms)
            pairs += found
            unpaired += left
        else:
            unpaired.append(_missing(runs, near, terms))
    return Pairing(tuple(pairs), tuple(unpaired))


def _by_case(side: Iterable[Measured], terms: Terms) -> dict[tuple[object, ...], list[Measured]]:
    found: dict[tuple[object, ...], list[Measured]] = {}
    for run in side:
        found.setdefault(terms.case_of(run), []).append(run)
    return found


def _pair_manners(
    first: Sequence[Measured], second: Sequence[Measured], terms: Terms
) -> tuple[list[Pair], list[Unpaired]]:
    """One case that both sides have: pair what was measured in the same manner."""
    good = [[run for run in side if _counts(run, terms)] for side in (first, second)]
    if not all(good):
        return [], [_without_runs((first, second), good)]
    rest = [[run for run in side if not _counts(run, terms)] for side in (first, second)]
    groups = [_by_manner(side, terms) for side in good]
    told = _manner_texts([runs[0] for group in groups for runs in group.values()], terms)
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    for manner in [one for one in groups[0] if one in groups[1]]:
        sides = [group.pop(manner) for group in groups]
        mixture = _mixture(sides)
        if mixture:
            mixed = Unpaired(sides[0][0], Why.MIXED, mixture, on_first=True, on_second=True, manner=told[manner])
            unpaired.append(mixed)
            continue
        doubted = tuple(
            tuple(run for run in side if run.is_measured and terms.manner_of(run) == manner) for side in rest
        )
        failed = tuple(_failed(side, ours[0]) for side, ours in zip(rest, sides, strict=True))
        pairs.append(Pair(tuple(sides[0]), tuple(sides[1]), doubted, failed, told[manner]))
    return pairs, unpaired + [replace(one, manner=told[terms.manner_of(one.run)]) for one in _refused(*groups)]


def _manner_texts(runs: Iterable[Measured], terms: Terms) -> dict[tuple[object, ...], str]:
    """By manner, what tells it from the others of these: `version 2.2.0`."""
    known = {terms.manner_of(run): run for run in runs}
    differ = [
        field
        for field in OTHER_FIELDS
        if field not in terms.open_fields and len({run.value(field) for run in known.values()}) > 1
    ]
    return {manner: ", ".join(f"{field} {run.text(field)}" for field in differ) for manner, run in known.items()}


def _failed(side: Iterable[Measured], measured: Measured) -> tuple[Measured, ...]:
    """Those that failed, if what they would have run on is not known to be something else."""
    version = measured.fingerprint.version
    return tuple(run for run in side if run.status in FAILURES and run.fingerprint.version in (None, version))


def _by_manner(side: Iterable[Measured], terms: Terms) -> dict[tuple[object, ...], list[Measured]]:
    found: dict[tuple[object, ...], list[Measured]] = {}
    for run in side:
        found.setdefault(terms.manner_of(run), []).append(run)
    return found


def _counts(run: Measured, terms: Terms) -> bool:
    return run.is_measured and not is_doubted(run, include_suspect=terms.include_suspect)


def _refused(
    first: Mapping[tuple[object, ...], list[Measured]], second: Mapping[tuple[object, ...], list[Measured]]
) -> list[Unpaired]:
    """What was measured in one manner here and in another there, each beside the nearest of the other side."""
    found = []
    alone = dict(second)
    for runs in first.values():
        if not second:
            found.append(_alone(runs[0], on_first=True))
            continue
        nearest = min(second, key=lambda manner: len(differing(runs[0], second[manner][0], OTHER_FIELDS)))
        unlike = differing(runs[0], second[nearest][0], OTHER_FIELDS)
        alone.pop(nearest, None)
        because = "; ".join(f"{one.field}: {one.first} and {one.second}" for one in unlike)
        names = tuple(one.field for one in unlike)
        found.append(Unpaired(runs[0], Why.REFUSED, because, on_first=True, on_second=True, fields=names))
    return found + [_alone(runs[0], on_first=False) for runs in alone.values()]


def _alone(run: Measured, *, on_first: bool) -> Unpaired:
    because = f"not measured in the same manner on the {_side(not on_first)}"
    return Unpaired(run, Why.MISSING, because, on_first, not on_first)


def differing(first: Measured, second: Measured, names: Sequence[str]) -> list[Difference]:
    """The fields of these in which two runs differ, with both values."""
    return [
        Difference(name, first.text(name), second.text(name))
        for name in names
        if first.value(name) != second.value(name)
    ]


def _mixture(sides: Sequence[Sequence[Measured]]) -> str:
    """In words, what makes a side of a case more than one thing; empty where both are one."""
    for side, name in zip(sides, ("first side", "second side"), strict=True):
        for field in MIXED_FIELDS:
            values = list(dict.fromkeys(run.text(field) for run in side))
            if len(values) > 1:
                return f"the {name} has more than one {field}: {', '.join(values)}"
        digests = list(dict.fromkeys(run.digest[:12] for run in side))
        if len(digests) > 1:
            return f"the {name} has more than one artifact of {side[0].model}: {', '.join(digests)}"
    return ""


def _without_runs(sides: Sequence[Sequence[Measured]], good: Sequence[Sequence[Measured]]) -> Unpaired:
    """Both sides were planned, and one of them or both have no run that counts; the second is told first."""
    index = 1 if not good[1] else 0
    side, name = sides[index], _side(index == 0)
    found = Unpaired(sides[0][0], Why.MISSING, f"not measured yet on the {name}", bool(good[0]), bool(good[1]))
    suspect = [run for run in side if run.is_measured]
    if suspect:
        codes = ", ".join(dict.fromkeys(code for one in suspect for code in one.reasons))
        verdicts = " and ".join(dict.fromkeys(str(one.verdict) for one in suspect))
        because = f"all runs of the {name} are {verdicts}{f': {codes}' if codes else ''}"
        return replace(found, why=Why.SUSPECT, because=because)
    for run in side:
        if run.status in (*FAILURES, RunStatus.SKIPPED):
            told = f"{run.status.replace('_', ' ')} on the {name}{f': {run.message}' if run.message else ''}"
            found = replace(found, why=Why.FAILED if run.status in FAILURES else Why.MISSING, because=told)
            if found.why is Why.FAILED:
                break
    return found


_Neighbours = Mapping[tuple[object, ...], Sequence[Measured]]


def _neighbours(side: Mapping[tuple[object, ...], Sequence[Measured]], terms: Terms) -> _Neighbours:
    """By a field and all other fields of a case: a run of each case that is alike but for that field. Thousands of
    cases may lack a partner, and none of them looks at all the others."""
    found: dict[tuple[object, ...], list[Measured]] = {}
    for runs in side.values():
        for field in _case_fields(terms):
            found.setdefault(_all_but(runs[0], field, terms), []).append(runs[0])
    return found


def _all_but(run: Measured, field: str, terms: Terms) -> tuple[object, ...]:
    return field, *(run.value(one) for one in _case_fields(terms) if one != field)


def _case_fields(terms: Terms) -> list[str]:
    return [field for field in CASE_FIELDS if field not in terms.open_fields]


def _missing(runs: Sequence[Sequence[Measured]], near: Sequence[_Neighbours], terms: Terms) -> Unpaired:
    """A case that one side does not have at all; what it does have instead is named."""
    on_first = bool(runs[0])
    run = (runs[0] or runs[1])[0]
    counts = any(_counts(one, terms) for one in runs[0] or runs[1])
    because = f"not measured on the {_side(not on_first)}"
    for field in _case_fields(terms):
        others = near[on_first].get(_all_but(run, field, terms), ())
        there = list(islice((one.text(field) for one in others if one.value(field) != run.value(field)), SHOWN + 1))
        if there:
            told = ", ".join(there[:SHOWN]) + (", …" if len(there) > SHOWN else "")
            because += f"; there with {field} {told}{' (two boards are never paired)' if field == 'device' else ''}"
            break
    return Unpaired(run, Why.MISSING, because, on_first and counts, not on_first and counts)


def _side(first: bool) -> str:
    return "first side" if first else "second side"
