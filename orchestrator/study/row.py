"""One row of a study's table. Pure type."""

from dataclasses import dataclass

from orchestrator.metrics import Estimate, Paired, Perplexity
from orchestrator.study.artifacts import Artifact
from orchestrator.study.case_names import CaseNames
from orchestrator.study.failures import Failure
from orchestrator.study.figures import Figure
from orchestrator.trust.verdicts import Verdict

LEAST_ITEMS_PER_S = 1.0
"""At least one tweet per second: what "in real time" means in the study that this table repeats (arXiv 2310.03971)."""


@dataclass(frozen=True)
class StudyRow(CaseNames):
    """One case in one scope. An item is one inference, or one text that was written.

    `teacher` is None where the study has none. `speedup` is the teacher's p50 over this one's, on the same board with
    the same runtime, version, threads, delegate and options; `throughput_gain` is its items/s over the teacher's there,
    `over_plain` the p50 of its plain form (plain_forms.py) over its own. `n` is the least number of inferences that
    one of the `runs` timed. `reasons` are the codes of what lowered the verdict; `failure` says why there are no
    figures, `trouble` what became of the runs that do not count. `agrees`: its answers are those of the other boards.
    """

    scope: str
    task: str
    parameters: int | None
    file_bytes: int | None
    teacher: Artifact | None = None
    accuracy: Estimate | None = None
    macro_f1: Estimate | None = None
    exact_match: Estimate | None = None
    f1: Estimate | None = None
    perplexity: Perplexity | None = None
    versus_teacher: Paired | None = None
    f1_versus_teacher: Estimate | None = None
    cut_off: int | None = None
    agrees: bool | None = None
    load_ns: Figure | None = None
    first_ns: Figure | None = None
    p50_ns: Figure | None = None
    p90_ns: Figure | None = None
    p99_ns: Figure | None = None
    first_token_ns: Figure | None = None
    token_ns: Figure | None = None
    items_per_s: Figure | None = None
    speedup: Figure | None = None
    over_plain: Figure | None = None
    throughput_gain: Figure | None = None
    peak_rss_bytes: int | None = None
    teacher_rss_bytes: int | None = None
    cpu_s_per_item: Figure | None = None
    energy_j_per_item: Figure | None = None
    energy_source: str | None = None
    runs: int = 0
    n: int = 0
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    failure: Failure | None = None
    trouble: str = ""

    @property
    def is_teacher(self) -> bool:
        return self.teacher is not None and self.teacher.digest == self.model_digest

    @property
    def bytes_ratio(self) -> float | None:
        """The teacher's file over this one's."""
        return self.teacher.file_bytes / self.file_bytes if self.teacher and self.file_bytes else None

    @property
    def one_per_s(self) -> str:
        """Whether it does an item a second, decided on the interval: `yes`, `no`, `undecided`, `not measured`."""
        if self.items_per_s is None:
            return "not measured"
        if self.items_per_s.low >= LEAST_ITEMS_PER_S:
            return "yes"
        return "no" if self.items_per_s.high < LEAST_ITEMS_PER_S else "undecided"
