"""The answer for every case of two sides, and what a gate makes of them. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from orchestrator.comparing.answers import USUAL_THRESHOLD, Answer, Comparison, compare
from orchestrator.comparing.boards import Looks, Moved, board_moved
from orchestrator.comparing.intervals import CONFIDENCE
from orchestrator.comparing.many import correct
from orchestrator.comparing.measured import CASE_FIELDS, Measured
from orchestrator.comparing.notes import case_notes, runs_text, statuses_text
from orchestrator.comparing.pairing import SHOWN, Pair, Terms, Unpaired, pair_cases
from orchestrator.errors import UsageError
from orchestrator.runtimes import usual_delegate

NOTHING = "nothing was compared"
"""Why a gate fails that had nothing to look at."""


class Basis(StrEnum):
    """Where a threshold comes from."""

    GIVEN = "given"
    NOISE_FLOOR = "noise floor"
    USUAL = "usual"


@dataclass(frozen=True)
class CaseAnswer:
    """One case: the runs of both sides, and what they say.

    `first_ns` and `second_ns` are typical latencies, medians over the runs' medians; the ratio with its interval is in
    `comparison`. `notes` are sentences that its reader must know; `moved` is there where the board itself changed.
    """

    pair: Pair
    comparison: Comparison
    basis: Basis
    first_ns: float
    second_ns: float
    notes: tuple[str, ...] = ()
    moved: Moved | None = None

    @property
    def devices(self) -> tuple[str, ...]:
        """The board, or the two that are compared."""
        return _devices(self.pair)

    def text(self, field: str) -> str:
        """A field of the case for people; of what is compared, both values."""
        values = dict.fromkeys((self.pair.first[0].text(field), self.pair.second[0].text(field)))
        return " → ".join(values)


@dataclass(frozen=True)
class Compared:
    """Two sides by the names that the user gave them, case by case; what found no partner is in `unpaired`."""

    first: str
    second: str
    terms: Terms
    cases: tuple[CaseAnswer, ...]
    unpaired: tuple[Unpaired, ...]
    confidence: float = CONFIDENCE

    def count(self, answer: Answer) -> int:
        return sum(case.comparison.answer is answer for case in self.cases)


class FailOn(StrEnum):
    """What ends a gate. `slower`: any case that is slower. `regression`: one that is slower by more than the threshold,
    or of which runs fail now and none did before. `inconclusive`: a case of the first side without an answer."""

    REGRESSION = "regression"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"


def compare_sides(
    first: tuple[str, Sequence[Measured]],
    second: tuple[str, Sequence[Measured]],
    terms: Terms,
    *,
    floors: Mapping[str, float],
    threshold: float | None = None,
    confidence: float = CONFIDENCE,
    looks: Looks | None = None,
) -> Compared:
    """Compare two sides, each a name and runs. `floors` are the noise floors of devices, shares; `threshold` is taken
    instead where it is given; `confidence` is that of the intervals; `looks` are the reference model's runs. Alarms are
    corrected for the number of cases. `UsageError` where both sides share runs: what is compared with itself is always
    the same, and a gate would pass for nothing."""
    _check_apart(first[1], second[1])
    found = pair_cases(first[1], second[1], terms)
    cases = [_answer(pair, _threshold(pair, floors, threshold), confidence, looks or {}) for pair in found.pairs]
    answers = correct([case.comparison for case in cases], confidence)
    judged = [replace(case, comparison=answer) for case, answer in zip(cases, answers, strict=True)]
    judged.sort(key=lambda case: _order(case.pair.first[0]))
    unpaired = sorted(found.unpaired, key=lambda one: _order(one.run))
    return Compared(first[0], second[0], terms, tuple(judged), tuple(unpaired), confidence)


def failing(compared: Compared, fail_on: Collection[FailOn]) -> list[str]:
    """Why a gate fails, a sentence a case; none where it passes. A gate that compared nothing fails."""
    faults = [(case_text(case), fault_of_case(case, fail_on)) for case in compared.cases]
    faults += [(unpaired_name(one), fault_of_unpaired(one, fail_on)) for one in compared.unpaired]
    found = [f"{who}: {fault}" for who, fault in faults if fault]
    return found if found or compared.cases else [NOTHING]


def unanswered(compared: Compared) -> int:
    """Cases of the first side of which nobody knows: a gate that passes has not seen them."""
    return compared.count(Answer.INCONCLUSIVE) + sum(one.on_first for one in compared.unpaired)


def fault_of_case(case: CaseAnswer, fail_on: Collection[FailOn]) -> str:
    """Why a gate fails at this case; empty where it does not."""
    found = case.comparison
    failed = case.pair.failed
    if FailOn.REGRESSION in fail_on and failed[1] and not failed[0]:
        return f"{runs_text(failed[1])} failed on the second side and none on the first: {statuses_text(failed[1])}"
    slower = found.answer is Answer.SLOWER
    beyond = found.ratio > 1 + found.threshold
    if slower and (FailOn.SLOWER in fail_on or (FailOn.REGRESSION in fail_on and beyond)):
        return f"slower, {change_text(found)}{f'; {case.moved}' if case.moved else ''}"
    if found.answer is Answer.INCONCLUSIVE and FailOn.INCONCLUSIVE in fail_on:
        return f"inconclusive, {change_text(found)}"
    return ""


def fault_of_unpaired(one: Unpaired, fail_on: Collection[FailOn]) -> str:
    """The same of a case without a partner."""
    broke = one.broke and FailOn.REGRESSION in fail_on
    return one.because if broke or (FailOn.INCONCLUSIVE in fail_on and one.on_first) else ""


def change_text(found: Comparison) -> str:
    """`+6.2 % [+4.1 %, +8.3 %]`; `[not known]` where too few runs show no spread."""
    if found.high == math.inf:
        return f"{_percent(found.ratio)} [not known]"
    return f"{_percent(found.ratio)} [{_percent(found.low)}, {_percent(found.high)}]"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def case_text(case: CaseAnswer) -> str:
    """`kitchen · bert · litert → onnxruntime · 4 threads`; delegates and options only where they are not the usual."""
    plain = _is_plain(case.pair.first[0]) and _is_plain(case.pair.second[0])
    return _joined({field: case.text(field) for field in CASE_FIELDS}, plain=plain, manner=case.pair.manner)


def run_text(run: Measured, manner: str = "") -> str:
    """The same of a single run."""
    return _joined({field: run.text(field) for field in CASE_FIELDS}, plain=_is_plain(run), manner=manner)


def unpaired_name(one: Unpaired) -> str:
    """The same of a case that has no partner."""
    return run_text(one.run, one.manner)


def _is_plain(run: Measured) -> bool:
    return run.fingerprint.delegate == usual_delegate(run.fingerprint.runtime)


def _joined(texts: Mapping[str, str], *, plain: bool, manner: str) -> str:
    left_out = {"delegate"} if plain else set()
    left_out |= {"options"} if texts["options"] == "none" else set()
    words = [
        f"{text} thread{'s' * (text != '1')}" if field == "threads" else text
        for field, text in texts.items()
        if field not in left_out
    ]
    return " · ".join([*words, manner] if manner else words)


def _answer(pair: Pair, least: tuple[float, Basis], confidence: float, looks: Looks) -> CaseAnswer:
    threshold, basis = least
    medians = [[run.median_ns for run in side if run.median_ns is not None] for side in (pair.first, pair.second)]
    # Blocks of two boards have nothing in common but their number.
    one_board = len(_devices(pair)) == 1
    blocks = tuple([(run.sweep_id, run.block) for run in side] for side in (pair.first, pair.second))
    near = (blocks[0], blocks[1]) if one_board else None
    found = compare(medians[0], medians[1], threshold=threshold, blocks=near, confidence=confidence)
    moved = board_moved(pair, looks, threshold)
    notes = case_notes(pair) if moved is None else (*case_notes(pair), str(moved))
    return CaseAnswer(pair, found, basis, median(medians[0]), median(medians[1]), notes, moved)


def _threshold(pair: Pair, floors: Mapping[str, float], given: float | None) -> tuple[float, Basis]:
    devices = _devices(pair)
    known = [floors[device] for device in devices if device in floors]
    if given is not None:
        return given, Basis.GIVEN
    return (max(known), Basis.NOISE_FLOOR) if len(known) == len(devices) else (USUAL_THRESHOLD, Basis.USUAL)


def _devices(pair: Pair) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.fingerprint.device for run in (pair.first[0], pair.second[0])))


def _check_apart(first: Sequence[Measured], second: Sequence[Measured]) -> None:
    ours, theirs = ({run.job_id: run.fingerprint.device for run in side if run.is_measured} for side in (first, second))
    shared = ours.keys() & theirs.keys()
    if not shared:
        return
    if ours.keys() == theirs.keys():
        raise UsageError(
            f"both sides are the same {len(shared)} runs, and would be compared with themselves",
            "measure once more: dynofarm run …; how much a board differs from itself: dynofarm noise",
        )
    boards = sorted({ours[job_id] for job_id in shared})
    shown = ", ".join(boards[:SHOWN]) + (", …" if len(boards) > SHOWN else "")
    raise UsageError(
        f"{len(shared)} runs stand on both sides, and would be compared with themselves: of {shown}",
        "take the sides apart, for example: dynofarm compare since:30d,until:7d since:7d",
    )


def _order(run: Measured) -> tuple[str, ...]:
    return tuple(run.text(field).zfill(4) if field == "threads" else run.text(field) for field in CASE_FIELDS)
