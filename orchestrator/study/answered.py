"""The scores of a study from what was answered in its sweep."""

from collections.abc import Sequence

from orchestrator.runs import Run
from orchestrator.study.figures import Figure, between_runs
from orchestrator.study.scores import ScoreKey, TaskScore
from orchestrator.tasks.pace import paces_of
from orchestrator.tasks.scoring import Scored
from orchestrator.tasks.worth import Worth


def task_scores(scored: Sequence[Scored]) -> dict[ScoreKey, TaskScore]:
    """By case and scope; of several tasks of a case in one scope, the last."""
    return {(one.case_key, one.task.scope): _score(one) for one in scored}


def _score(one: Scored) -> TaskScore:
    worth = one.worth or Worth()
    summaries, runs = [run.summary for run in one.usable], [run.run for run in one.usable]
    paces = paces_of(runs)
    return TaskScore(
        task=f"{one.task.kind}: {one.task.data}/{one.task.split}",
        scope=one.task.scope,
        n=one.task.examples,
        accuracy=worth.accuracy,
        macro_f1=worth.macro_f1,
        exact_match=worth.exact_match,
        f1=worth.f1,
        perplexity=worth.perplexity,
        versus_teacher=one.versus_teacher,
        f1_versus_teacher=one.f1_versus_teacher,
        cut_off=worth.questions.cut_off if worth.questions else None,
        items_per_s=_between([pace.items_per_s for pace in paces]),
        first_token_ns=_between([pace.first_ns for pace in paces]),
        token_ns=_between([pace.token_ns for pace in paces]),
        p50_ns=_between([run.median_ns for run in summaries]),
        p90_ns=_between([run.p90_ns for run in summaries]),
        p99_ns=_between([run.p99_ns for run in summaries]),
        cpu_s_per_item=_cpu_s_per_item(runs),
        agrees=None if one.same is None else one.same.agrees,
        trouble=one.trouble,
    )


def _cpu_s_per_item(runs: Sequence[Run]) -> Figure | None:
    """Of the whole pass: what feeds and collects is in it."""
    return between_runs(
        [
            run.result.timing.loop_cpu_ns / 1e9 / run.job.task.examples
            for run in runs
            if run.job.task is not None and run.result is not None
        ]
    )


def _between(values: Sequence[float | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    return between_runs(known) if len(known) == len(values) else None
