"""Runs of one case together. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.records import RunSummary
from orchestrator.report.words import status_text
from orchestrator.runs import RunStatus
from orchestrator.trust.verdicts import Verdict


@dataclass(frozen=True)
class CaseRow:
    """The runs of one case together: medians over its runs, and how far the runs lie apart.

    `summary` is the first good run, or the first of all; `inferences` the least and the
    most that a good run timed; `trouble` what came of those that are not good; `energy_j` of an inference is from runs
    of their own, of the same case in the same sweeps. `verdicts` of the good runs, and the codes of what lowered them,
    once a run.
    """

    summary: RunSummary
    runs: int
    good: int
    inferences: tuple[int, int]
    median_ns: float | None
    spread: float | None
    p90_ns: float | None
    p99_ns: float | None
    load_ns: float | None
    first_ns: float | None
    cpu_ns: float | None
    peak_rss_bytes: float | None
    steady: bool
    trouble: tuple["Trouble", ...]
    energy_j: float | None = None
    energy_source: str | None = None
    verdicts: tuple[Verdict | None, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def skipped(self) -> bool:
        """Nothing of it was tried."""
        return self.good == 0 and all(one.status is RunStatus.SKIPPED for one in self.trouble)


@dataclass(frozen=True)
class Trouble:
    """So many runs of a case ended like this, for this reason."""

    status: RunStatus
    message: str
    runs: int


def case_rows(runs: Sequence[RunSummary], energy: Sequence[RunSummary] = ()) -> list[CaseRow]:
    """Group runs into cases, in order of first appearance. The unit of evidence is the run: figures are medians
    over runs, `spread` is (largest - smallest) / median of the runs' medians. `energy`: runs of role energy, whose
    figure goes to the cases of their sweeps."""
    metered: dict[tuple[object, ...], list[RunSummary]] = {}
    for run in energy:
        metered.setdefault(_energy_key(run), []).append(run)
    cases: dict[tuple[str, ...], list[RunSummary]] = {}
    for run in runs:
        cases.setdefault((run.case_key, run.device_kind, run.model_digest, run.protocol, run.role), []).append(run)
    return [
        case_row(members, [one for key in dict.fromkeys(map(_energy_key, members)) for one in metered.get(key, ())])
        for case in cases.values()
        for members in _by_version(case)
    ]


def _energy_key(run: RunSummary) -> tuple[object, ...]:
    return run.sweep_id, run.case_key, run.model_digest, run.runtime_version


def _by_version(case: Sequence[RunSummary]) -> list[list[RunSummary]]:
    """What ran under several versions is several rows; a run that never came to a version counts with the others as
    long as it is clear with which."""
    ran = list(dict.fromkeys(run.runtime_version for run in case if run.status is RunStatus.OK))
    if len(ran) <= 1:
        return [list(case)]
    groups = [[run for run in case if run.status is RunStatus.OK and run.runtime_version == one] for one in ran]
    failed = [run for run in case if run.status is not RunStatus.OK]
    return [*groups, failed] if failed else groups


def case_row(members: Sequence[RunSummary], energy: Sequence[RunSummary] = ()) -> CaseRow:
    """One row of runs that belong together; at least one. Runs of role energy have the figure themselves."""
    good = [run for run in members if run.status is RunStatus.OK]
    middles = [run.median_ns for run in good if run.median_ns is not None]
    counts = [run.n or 0 for run in good]
    middle = median(middles) if middles else None
    metered = [run for run in (*good, *energy) if run.energy_j_per_inference is not None]
    joules = [run.energy_j_per_inference for run in metered if run.energy_j_per_inference is not None]
    return CaseRow(
        summary=good[0] if good else members[0],
        runs=len(members),
        good=len(good),
        inferences=(min(counts, default=0), max(counts, default=0)),
        median_ns=middle,
        spread=(max(middles) - min(middles)) / middle if middle and len(middles) > 1 else None,
        p90_ns=_middle([run.p90_ns for run in good]),
        p99_ns=_middle([run.p99_ns for run in good]),
        load_ns=_middle([run.load_ns for run in good]),
        first_ns=_middle([run.first_ns for run in good]),
        cpu_ns=_middle([run.cpu_ns_per_inference for run in good]),
        peak_rss_bytes=max((run.peak_rss_bytes for run in good if run.peak_rss_bytes), default=None),
        steady=all(run.steady for run in good),
        verdicts=tuple(run.verdict for run in good),
        reasons=_grave(good),
        trouble=_troubles([run for run in members if run.status is not RunStatus.OK]),
        energy_j=median(joules) if joules else None,
        energy_source=next((run.energy_source for run in metered if run.energy_source), None),
    )


def _grave(good: Sequence[RunSummary]) -> tuple[str, ...]:
    """The codes of what lowered a verdict, once a run."""
    doubted = [run for run in good if run.reasons]
    if not doubted:
        return ()
    from orchestrator.trust.reasons import grave  # all rules come with it, and most lists need none

    return tuple(code for run in doubted for code in grave(run.reasons))


def _troubles(bad: Sequence[RunSummary]) -> tuple[Trouble, ...]:
    counts: dict[tuple[RunStatus, str], int] = {}
    for run in bad:
        counts[run.status, run.message] = counts.get((run.status, run.message), 0) + 1
    return tuple(Trouble(status, message, count) for (status, message), count in counts.items())


def _middle(values: Sequence[float | None]) -> float | None:
    """The median, or None where any run lacks the figure: a p99 of some runs is not the case's p99."""
    present = [value for value in values if value is not None]
    return median(present) if present and len(present) == len(values) else None


def trouble_text(row: CaseRow) -> str:
    """`2 of 3 crashed`, `skipped`."""
    return ", ".join(
        (f"{one.runs} of {row.runs} " if one.runs < row.runs else "") + status_text(one.status) for one in row.trouble
    )
