"""How well one case did its task: what the table takes of the answers that came back."""

from dataclasses import dataclass

from orchestrator.metrics import Estimate, Paired, Perplexity
from orchestrator.study.figures import Figure

ScoreKey = tuple[str, str]
"""The key of the case without its task (`Job.case_key` of a job of role case), and the scope."""


@dataclass(frozen=True)
class TaskScore:
    """A task of one case in one scope; what a task does not have, or nobody measured, is None.

    `n` examples. Shares, not percent. `versus_teacher`: the same examples against the answers of the teacher, right or
    not; `f1_versus_teacher`: by how much the F1 of answers to questions differs. Of questions `cut_off` is how many
    have their answer behind what the model reads.
    `items_per_s` and the latencies are those of the task's own runs, between runs as `figures.between_runs` has them;
    a row of scope `end_to_end` takes them from here alone, one of scope `model` only where the case has no runs of its
    own, or writes texts. `first_token_ns` of a text, and `token_ns` of each one after it. `agrees`: the answers are
    those that the artifact gave on the other boards. `trouble`: in words, why there are no answers.
    """

    task: str
    scope: str
    n: int
    accuracy: Estimate | None = None
    macro_f1: Estimate | None = None
    exact_match: Estimate | None = None
    f1: Estimate | None = None
    perplexity: Perplexity | None = None
    versus_teacher: Paired | None = None
    f1_versus_teacher: Estimate | None = None
    cut_off: int | None = None
    items_per_s: Figure | None = None
    p50_ns: Figure | None = None
    p90_ns: Figure | None = None
    p99_ns: Figure | None = None
    cpu_s_per_item: Figure | None = None
    first_token_ns: Figure | None = None
    token_ns: Figure | None = None
    agrees: bool | None = None
    trouble: str = ""
