"""Further interleaved blocks of both sides of a comparison, until every case is decided or the time is over."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestrator.comparing.measured import Measured
from orchestrator.comparing.replicating import LOOKS, Wanted, blocks_within, in_vain, interleave, key_of, undecided
from orchestrator.comparing.verdicts import CaseAnswer, Compared, case_text
from orchestrator.devices import Device
from orchestrator.errors import UnknownName
from orchestrator.launch import Outcome, new_job_id
from orchestrator.model_files.digest import digest_file
from orchestrator.models import Model
from orchestrator.plan import reference_job
from orchestrator.purpose import FURTHER_RUNS, FURTHER_RUNS_NOTES
from orchestrator.records import RunFilter
from orchestrator.reference_model import reference_model
from orchestrator.runs import Job, options_key
from orchestrator.runtimes import objection
from orchestrator.store import Store
from orchestrator.sweep import Sweep

UNKNOWN_JOB_S = 30.0
"""Where no such job was ever measured; what the comparison starts from was, so this is rare."""

Sides = tuple[list[Measured], list[Measured]]


@dataclass
class Replication:
    """What came of it: the sweeps that brought runs, why it ended, and which cases could not be run again, with why.
    `interrupted` is by the user, not by the end of the time."""

    sweeps: list[int] = field(default_factory=list)
    ended: str = ""
    barred: dict[str, str] = field(default_factory=dict)
    outcome: Outcome | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class _Pair:
    """One case: a job like those of each side, and how often to run it."""

    case: CaseAnswer
    first: Job
    second: Job
    runs: int


@dataclass(frozen=True)
class Bench:
    """What further runs are measured with. `judge` compares two sides at `LOOK_CONFIDENCE`; `run` runs a stored sweep
    to its end; `tell` says what is done; `left_out` says of boards that may not measure what they are."""

    store: Store
    devices: Sequence[Device]
    judge: Callable[[Sides], Compared]
    run: Callable[[int], Outcome]
    tell: Callable[[str], None]
    left_out: Mapping[str, str] = field(default_factory=dict)


def replicate(bench: Bench, sides: Sides, budget_s: float) -> tuple[Compared, Replication]:
    """Measure undecided cases on, in rounds, each a sweep of its own; the last comparison, and what was done. `sides`
    get the new runs."""
    done = Replication()
    until = time.monotonic() + budget_s
    compared = bench.judge(sides)
    taken = _recall(bench, compared, sides)
    compared = bench.judge(sides) if taken else compared
    asked = {key_of(case, compared.terms) for case in compared.cases}
    for look in range(2 + taken, LOOKS + 1):
        open_cases = [one for one in undecided(compared) if key_of(one.case, compared.terms) in asked]
        pairs = _runnable(bench, open_cases, done)
        if not pairs:
            done.ended = "nothing can be run again" if done.barred else "every case is decided"
            return compared, done
        blocks = blocks_within(_block_seconds(bench.store, pairs), max(pair.runs for pair in pairs), _left_s(until))
        if not blocks:
            done.ended = "the time is over"
            return compared, done
        bench.tell(f"look {look} of {LOOKS}: {blocks} more runs a side of what is undecided")
        found = _measure(bench, pairs, compared, blocks, sides, done)
        if found:
            compared = bench.judge(sides)
            asked -= _given_up(pairs, compared, sides, done)
        if not found or (done.outcome is not None and done.outcome.stopped):
            done.ended = _why_ended(done.outcome)
            return compared, done
    done.ended = f"{LOOKS} looks are taken" if undecided(compared) else "every case is decided"
    return compared, done


def _why_ended(outcome: Outcome | None) -> str:
    if outcome is not None and outcome.stopped:
        return "it was stopped, or the time was over"
    return "the last sweep measured nothing" if outcome is None or outcome.reached else "no board could be reached"


def _recall(bench: Bench, compared: Compared, sides: Sides) -> int:
    """Add the runs that were measured for the same question before, if it was stopped or killed, or asked again; how
    many looks they were for. Who begins anew each time looks as often as he likes.

    What a name such as `last` stood for then may be another today: only sweeps younger than all runs in hand are meant.
    """
    store, newest = bench.store, max(run.started for side in sides for run in side)
    records = [
        record
        for record in store.sweeps()
        if record.name == FURTHER_RUNS and record.sweep.notes == _notes(compared) and record.created > newest
    ]
    side_of: dict[object, int] = {}
    for case in compared.cases if records else ():
        jobs = [store.job(side[0].job_id) for side in (case.pair.first, case.pair.second)]
        side_of |= {_what(job): index for index, job in enumerate(jobs)} if _what(jobs[0]) != _what(jobs[1]) else {}
    taken = []
    for record in sorted(records, key=lambda one: one.sweep_id):
        whats = {job.job_id: _what(job) for job in store.jobs(record.sweep_id)}
        runs = store.measured_runs(RunFilter(sweep=record.sweep_id))
        known = [(side_of[whats[run.job_id]], run) for run in runs if whats[run.job_id] in side_of]
        for index, run in known:
            sides[index].append(run)
        taken += [str(record.sweep_id)] if any(run.is_measured for _, run in known) else []
    if taken:
        bench.tell(f"runs that were measured for the same question before count as well: sweep {', '.join(taken)}")
    return len(taken)


def _given_up(pairs: Sequence[_Pair], compared: Compared, sides: Sides, done: Replication) -> set[tuple[object, ...]]:
    """The cases whose new runs do not count: further ones would not either, and take the time of the others."""
    given_up = set()
    for pair in pairs:
        new = ([run for run in side if run.sweep_id == done.sweeps[-1]] for side in sides)
        why = in_vain(pair.case, compared, tuple(new))
        if why:
            done.barred[case_text(pair.case)] = why
            given_up.add(key_of(pair.case, compared.terms))
    return given_up


def _left_s(until: float) -> float:
    return until - time.monotonic()


def _measure(
    bench: Bench, pairs: Sequence[_Pair], compared: Compared, blocks: int, sides: Sides, done: Replication
) -> int:
    """One sweep of both sides; how many measurements it brought."""
    jobs, side_of, models = _jobs(bench, pairs, blocks)
    sweep = _sweep(pairs, compared, blocks)
    sweep_id = bench.store.create_sweep(sweep, jobs, models, datetime.now(UTC))
    done.outcome = bench.run(sweep_id)
    found = 0
    for one in bench.store.measured_runs(RunFilter(sweep=sweep_id)):
        if one.job_id in side_of:
            sides[side_of[one.job_id]].append(one)
            found += one.is_measured
    if found:
        done.sweeps.append(sweep_id)
    return found


def _runnable(bench: Bench, cases: Sequence[Wanted], done: Replication) -> list[_Pair]:
    store = bench.store
    pairs = []
    for wanted in cases:
        jobs = [store.job(side[0].job_id) for side in (wanted.case.pair.first, wanted.case.pair.second)]
        why = _objection(bench, wanted.case, jobs)
        if why:
            done.barred[case_text(wanted.case)] = why
        elif jobs[0] is not None and jobs[1] is not None:
            pairs.append(_Pair(wanted.case, jobs[0], jobs[1], wanted.runs))
    return pairs


def _objection(bench: Bench, case: CaseAnswer, jobs: Sequence[Job | None]) -> str:
    """Why a case cannot be run again; empty where it can."""
    known = {device.name for device in bench.devices}
    for device in case.devices:
        if device in bench.left_out:
            return f"{device} is {bench.left_out[device]}"
        if device not in known:
            return f"there is no profile of {device} any more"
    if None in jobs or _what(jobs[0]) == _what(jobs[1]):
        return "both sides would be the same job today: only time, board or version tell them apart"
    for job in jobs:
        if job is not None and not _has_file(bench.store, job):
            return f"the file of {job.model} ({job.model_digest[:12]}) is gone or changed; next: dynofarm model add"
    return ""


def _what(job: Job | None) -> object:
    return job and (job.device, job.model_digest, job.runtime, job.threads, job.delegate, options_key(job.options))


def _has_file(store: Store, job: Job) -> bool:
    try:
        return digest_file(store.model(job.model_digest).path).digest == job.model_digest
    except (OSError, ValueError, UnknownName):
        return False


def _block_seconds(store: Store, pairs: Sequence[_Pair]) -> Mapping[str, float]:
    jobs = [job for pair in pairs for job in (pair.first, pair.second)]
    typical = store.typical_durations_s(jobs)
    seconds: dict[str, float] = {}
    for job in jobs:
        seconds[job.device] = seconds.get(job.device, 0.0) + (typical[job.job_id] or UNKNOWN_JOB_S)
    return seconds


def _jobs(bench: Bench, pairs: Sequence[_Pair], blocks: int) -> tuple[list[Job], dict[str, int], list[Model]]:
    facts, reference = bench.store.last_facts(), reference_model()
    names = {job.device for pair in pairs for job in (pair.first, pair.second)}
    busy = [device for device in bench.devices if device.name in names]
    seed = 1 + max(job.seed for pair in pairs for job in (pair.first, pair.second))
    sweep = Sweep(FURTHER_RUNS, (), (), seed=seed)

    def looks(block: int) -> list[Job]:
        found = [
            reference_job(sweep, reference, one, facts.get(one.name), objection, block, new_job_id()) for one in busy
        ]
        return [job for job in found if job.skip_reason is None]

    jobs, side_of = interleave(
        [(pair.first, pair.second, pair.runs) for pair in pairs], looks, blocks=blocks, seed=seed, new_id=new_job_id
    )
    digests = sorted({job.model_digest for pair in pairs for job in (pair.first, pair.second)})
    return jobs, side_of, [reference, *(bench.store.model(digest) for digest in digests)]


def _sweep(pairs: Sequence[_Pair], compared: Compared, blocks: int) -> Sweep:
    """How the plan is described to whoever lists it; the jobs themselves are in it already."""
    jobs = [job for pair in pairs for job in (pair.first, pair.second)]
    return Sweep(
        name=FURTHER_RUNS,
        models=tuple(sorted({job.model for job in jobs})),
        on=tuple(sorted({job.device for job in jobs})),
        runtimes=tuple(dict.fromkeys(job.runtime for job in jobs)),
        threads=tuple(sorted({job.threads for job in jobs})),
        delegates=tuple(dict.fromkeys(job.delegate for job in jobs)),
        protocol=jobs[0].protocol,
        repeats=blocks,
        seed=1 + max(job.seed for job in jobs),
        notes=_notes(compared),
    )


def _notes(compared: Compared) -> str:
    return f"{FURTHER_RUNS_NOTES}{compared.first} and {compared.second}"
