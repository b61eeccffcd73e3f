"""The times of runs that belong together: one value a run, and what the judge said of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.records import RunSummary
from orchestrator.study.failures import graves
from orchestrator.study.figures import Figure, of_every_run
from orchestrator.trust.verdicts import Verdict


@dataclass(frozen=True)
class Times:
    """Fields of the same names as in `StudyRow`. `n`: the least number of inferences in a run."""

    p50_ns: Figure | None = None
    p90_ns: Figure | None = None
    p99_ns: Figure | None = None
    items_per_s: Figure | None = None
    cpu_s_per_item: Figure | None = None
    runs: int = 0
    n: int = 0
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()


def times_of(runs: Sequence[RunSummary]) -> Times:
    """Of runs that may be used."""
    verdicts = {run.verdict for run in runs}
    return Times(
        p50_ns=of_every_run([run.median_ns for run in runs]),
        p90_ns=of_every_run([run.p90_ns for run in runs]),
        p99_ns=of_every_run([run.p99_ns for run in runs]),
        items_per_s=of_every_run([1e9 / run.mean_ns if run.mean_ns else None for run in runs]),
        cpu_s_per_item=of_every_run(
            [run.cpu_ns_per_inference / 1e9 if run.cpu_ns_per_inference else None for run in runs]
        ),
        runs=len(runs),
        n=min((run.n or 0 for run in runs), default=0),
        verdict=next((one for one in (Verdict.SUSPECT, Verdict.TRUSTED) if one in verdicts), None),
        reasons=graves(runs),
    )
