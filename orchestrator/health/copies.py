"""Copies of the same board: how far they differ, and whether two artifacts differ by more than that. Pure.

Each case is a one-way layout with random effects: log median of run j on copy i = level + copy i + run ij. The two
variances come from the analysis of variance, unbalanced as runs are (Searle, Casella and McCulloch, Variance
Components, 1992, chapter 3): the mean square within copies, and what the mean square between copies has beyond it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean

from agent.protocol import Facts
from orchestrator.comparing.student import quantile
from orchestrator.devices import Device
from orchestrator.records import RunSummary
from orchestrator.trust.verdicts import Verdict

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Unit:
    """One copy: a device, and what board it is a copy of."""

    device: str
    board: str


@dataclass(frozen=True)
class CaseSpread:
    """One case on several copies. Standard deviations are of log medians: 0.02 is 2 %.

    `between` is None where no copy has two runs: then copies cannot be told from runs, and `within` is None as well.
    `levels_ns` are the copies' own typical medians (geometric means of their runs), by device.
    """

    model: str
    setting: str
    levels_ns: Mapping[str, float]
    runs: int
    between: float | None
    within: float | None


class Than(StrEnum):
    """A difference of two artifacts, beside that of two copies of the board."""

    LARGER = "larger"
    SMALLER = "smaller"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class PairSpread:
    """Two artifacts in one setting. `difference` is that of the logs of their medians, over the copies that have
    both; `copies` is the standard deviation of the difference between two copies, and `bound` what two copies differ
    by in less than one of twenty cases, as far as so few of them can tell."""

    first: str
    second: str
    setting: str
    units: int
    difference: float
    copies: float
    bound: float
    answer: Than


@dataclass(frozen=True)
class BoardSpread:
    """All that is known of the copies of one board."""

    board: str
    units: tuple[str, ...]
    cases: tuple[CaseSpread, ...]
    pairs: tuple[PairSpread, ...]


def units_of(devices: Sequence[Device], facts: Mapping[str, Facts]) -> list[Unit]:
    """The devices that have a copy among them. What a board is, its profile says (`board_model`), else the board.

    Devices of one group are one machine, not copies of one; the first of them stands for it. Emulated boards are
    nobody's copies.
    """
    kinds: dict[str, dict[str, Unit]] = defaultdict(dict)
    for device in devices:
        found = facts.get(device.name)
        board = device.board_model or (found.board if found else None)
        if board and device.kind != "emulated" and not (found and found.emulated):
            kinds[board].setdefault(device.exclusion, Unit(device.name, board))
    return [unit for units in kinds.values() if len(units) > 1 for unit in units.values()]


def spread_of(units: Sequence[Unit], runs: Iterable[RunSummary]) -> list[BoardSpread]:
    """The spread of every case that was measured on two copies, by board. Runs judged invalid are left out."""
    boards = {unit.device: unit.board for unit in units}
    logs: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.device in boards and run.median_ns and run.verdict is not Verdict.INVALID:
            key = (boards[run.device], _setting(run), _artifact(run))
            logs[key][run.device].append(math.log(run.median_ns))
    found = []
    for board in dict.fromkeys(boards.values()):
        mine = {key[1:]: copies for key, copies in sorted(logs.items()) if key[0] == board and len(copies) > 1}
        cases = tuple(_case(model, setting, copies) for (setting, model), copies in mine.items())
        pairs = tuple(_pairs(mine))
        if cases:
            found.append(BoardSpread(board, tuple(unit.device for unit in units if unit.board == board), cases, pairs))
    return found


def components(copies: Sequence[Sequence[float]]) -> tuple[float | None, float | None]:
    """Standard deviations between and within groups, from the analysis of variance; a negative variance counts as 0.

    None for both where no group has two values.
    """
    total, k = sum(map(len, copies)), len(copies)
    if total == k or k < 2:
        return None, None
    means = [fmean(values) for values in copies]
    grand = sum(len(values) * mean for values, mean in zip(copies, means, strict=True)) / total
    within = sum((x - mean) ** 2 for values, mean in zip(copies, means, strict=True) for x in values) / (total - k)
    between = sum(len(values) * (mean - grand) ** 2 for values, mean in zip(copies, means, strict=True)) / (k - 1)
    usual_size = (total - sum(len(values) ** 2 for values in copies) / total) / (k - 1)
    return math.sqrt(max(0.0, (between - within) / usual_size)), math.sqrt(within)


def _case(model: str, setting: str, copies: Mapping[str, Sequence[float]]) -> CaseSpread:
    between, within = components(list(copies.values()))
    levels = {device: math.exp(fmean(values)) for device, values in copies.items()}
    return CaseSpread(model, setting, levels, sum(map(len, copies.values())), between, within)


def _pairs(mine: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> Iterable[PairSpread]:
    for (one, first), (other, second) in combinations(mine, 2):
        both = sorted(set(mine[one, first]) & set(mine[other, second]))
        if one == other and len(both) > 1:
            yield _pair(one, (first, second), mine[one, first], mine[other, second], both)


def _pair(
    setting: str,
    names: tuple[str, str],
    first: Mapping[str, Sequence[float]],
    second: Mapping[str, Sequence[float]],
    both: Sequence[str],
) -> PairSpread:
    """A difference is larger than that of copies where two copies hardly ever differ by so much.

    Copies differ by √2 times the standard deviation of a copy, of which so few say little: hence Student's t, with
    one degree of freedom less than there are copies. The deviation is that of the copies' means, so that the spread
    of runs is in it too, and the larger of the two artifacts' counts.
    """
    means = [[fmean(case[device]) for device in both] for case in (first, second)]
    difference = fmean(means[1]) - fmean(means[0])
    deviation = max(_deviation(values) for values in means)
    copies = math.sqrt(2) * deviation
    bound = quantile((1 + CONFIDENCE) / 2, len(both) - 1) * copies
    answer = Than.UNCLEAR
    if abs(difference) > bound:
        answer = Than.LARGER
    elif abs(difference) <= copies:
        answer = Than.SMALLER
    return PairSpread(*names, setting, len(both), difference, copies, bound, answer)


def _deviation(values: Sequence[float]) -> float:
    mean = fmean(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _setting(run: RunSummary) -> str:
    """Everything of a case but its board and its artifact."""
    options = " ".join(f"{key}={run.options[key]}" for key in sorted(run.options))
    threads = f"{run.threads} thread{'s' * (run.threads != 1)}"
    parts = (run.runtime, run.runtime_version, threads, run.delegate, options, run.protocol)
    return " · ".join(part for part in parts if part)


def _artifact(run: RunSummary) -> str:
    return run.model
