"""Baselines: which runs may stand for how fast a case is. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.comparing.measured import CASE_FIELDS, OTHER_FIELDS, Measured, is_doubted
from orchestrator.errors import UsageError
from orchestrator.trust.verdicts import Verdict

FEWEST_RUNS = 2
"""Of one run nobody knows how far the next one lies from it. A case that was measured once is taken all the same, with
a word; one that has no two trusted runs because the others are suspect is not."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class BaselineRecord:
    """A baseline as it is stored. `forced` of its runs are suspect and went in all the same; `added` is when runs were
    put into it last."""

    name: str
    created: datetime
    added: datetime
    devices: tuple[str, ...]
    sweeps: tuple[int, ...]
    cases: int
    runs: int
    forced: int


@dataclass(frozen=True)
class BaselineCase:
    """One case of a baseline, with the runs that stand for it."""

    runs: tuple[Measured, ...]

    @property
    def forced(self) -> int:
        return sum(run.vouched for run in self.runs)


@dataclass(frozen=True)
class Choice:
    """What goes into a baseline: `kept` runs, of which those in `forced` are suspect. `refused` are cases that are
    suspect themselves, each by its runs; `left_out` counts suspect and invalid runs of cases that are fine without;
    `single` are cases with one run only."""

    kept: tuple[Measured, ...]
    forced: frozenset[str]
    refused: tuple[tuple[Measured, ...], ...]
    left_out: int
    single: tuple[Measured, ...]


def check_name(name: str) -> None:
    """`UsageError` for a name that a side of a comparison could not be told by."""
    if not _NAME.fullmatch(name) or name.isdecimal() or name == "last" or _DAY.match(name):
        raise UsageError(
            f"{name[:70]!r} cannot name a baseline",
            "letters, digits, dots, dashes and underscores; not a number, a date or `last`: for example main",
        )


def choose(runs: Sequence[Measured], *, force: bool) -> Choice:
    """The runs that go into a baseline, case by case: the trusted ones, and with `force` the suspect ones of cases that
    have no other. Invalid runs never do."""
    kept: list[Measured] = []
    forced: set[str] = set()
    refused: list[tuple[Measured, ...]] = []
    single: list[Measured] = []
    left_out = 0
    for case in cases_of(runs):
        measured = [run for run in case.runs if run.is_measured]
        good = [run for run in measured if not is_doubted(run, include_suspect=False)]
        suspect = [run for run in measured if run not in good and run.verdict is not Verdict.INVALID]
        if len(good) < FEWEST_RUNS and len(good) < len(measured):
            if not force or not (good or suspect):
                refused.append(tuple(measured))
                continue
            forced.update(run.job_id for run in suspect)
            good += suspect
        left_out += len(measured) - len(good)
        kept += good
        single += good if len(good) == 1 else []
    return Choice(tuple(kept), frozenset(forced), tuple(refused), left_out, tuple(single))


def cases_of(runs: Sequence[Measured]) -> list[BaselineCase]:
    """Runs of one case, one artifact and one manner of measuring together, in order of first appearance."""
    cases: dict[tuple[object, ...], list[Measured]] = {}
    for run in runs:
        key = (run.digest, *(run.value(field) for field in (*CASE_FIELDS, *OTHER_FIELDS)))
        cases.setdefault(key, []).append(run)
    return [BaselineCase(tuple(members)) for members in cases.values()]
