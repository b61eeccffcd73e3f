"""Judging the runs of a sweep with all that is known of it. Nothing is measured, so it may be done at any time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.reference_model import reference_model
from orchestrator.store import Store
from orchestrator.sweep import REFERENCE
from orchestrator.trust.contexts import Visit, contexts_of, sweeps_beside
from orchestrator.trust.evidence import NOTHING_KNOWN
from orchestrator.trust.judge import judge
from orchestrator.trust.rules_of_neighbours import LEAST_OVERLAP_S
from orchestrator.trust.verdicts import Judgement, Verdict

KEPT_AT_ONCE = 100
"""Verdicts in one transaction: few enough that a board's result never waits for long."""


@dataclass(frozen=True)
class Change:
    """A run whose verdict is another now; `before` is None where it had none. `reasons` are the codes now."""

    job_id: str
    attempt: int
    device: str
    model: str
    before: Verdict | None
    after: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What came of judging a sweep: how many runs, how many with other reasons or figures than before, and those
    whose verdict changed."""

    sweep_id: int
    runs: int
    rewritten: int
    changes: tuple[Change, ...]


def judge_sweep(store: Store, sweep_id: int) -> int:
    """Judge every measured run of a sweep that is over, with its neighbours; returns how many there are.

    Sweeps that it disturbed on one machine are judged with it: they may have been over before anybody knew of that.
    """
    visits = store.visits_around(sweep_id)
    runs = _judge(store, sweep_id, visits).runs
    for other in sweeps_beside(visits, sweep_id, LEAST_OVERLAP_S):
        judge_again(store, other)
    return runs


def judge_again(store: Store, sweep_id: int, told: Callable[[int], None] = lambda _: None) -> Judged:
    """Judge every measured run of one sweep by today's rules, and say what changed by it. `told` hears the count of
    runs judged so far.

    Runs come from the store a few at a time, and what did not change is not written.
    """
    return _judge(store, sweep_id, store.visits_around(sweep_id), told)


def _judge(
    store: Store, sweep_id: int, visits: Sequence[Visit], told: Callable[[int], None] = lambda _: None
) -> Judged:
    own = [visit for visit in visits if visit.sweep_id == sweep_id]
    histories = {device: _history(store, device, began) for device, began in _first_starts(own).items()}
    contexts = contexts_of(visits, sweep_id, histories)
    waiting: list[tuple[str, int, Judgement]] = []
    changes: list[Change] = []
    runs = rewritten = 0
    for stored in store.each_measured_run(sweep_id):
        summary = stored.summary
        key = (summary.job_id, summary.attempt)
        judgement = judge(stored.run, contexts.get(key, NOTHING_KNOWN))
        runs += 1
        if judgement != stored.judgement:
            waiting.append((*key, judgement))
            rewritten += 1
        if summary.verdict is not judgement.verdict:
            codes = tuple(reason.code for reason in judgement.reasons)
            boards = (summary.device, summary.model)
            changes.append(Change(*key, *boards, summary.verdict, judgement.verdict, codes))
        if len(waiting) >= KEPT_AT_ONCE:
            store.keep_judgements(waiting)
            waiting = []
        told(runs)
    if waiting:
        store.keep_judgements(waiting)
    return Judged(sweep_id, runs, rewritten, tuple(changes))


def _first_starts(visits: Sequence[Visit]) -> dict[str, datetime]:
    """When the sweep began on each board."""
    found: dict[str, datetime] = {}
    for visit in visits:
        found[visit.device] = min(visit.started, found.get(visit.device, visit.started))
    return found


def _history(store: Store, device: str, began: datetime) -> list[float]:
    """Medians of the reference model on a board before the sweep began there."""
    runs = store.reference_runs(device, reference_model().digest, REFERENCE.name)
    return [run.median_ns for run in runs if run.started < began and run.median_ns]
