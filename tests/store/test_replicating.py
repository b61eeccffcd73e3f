"""`compare --replicate` over a real store: boards that measure what they are told to, and bring what a test wants."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.comparing import Answer
from orchestrator.comparing.measured import Axis, Measured
from orchestrator.comparing.pairing import Terms
from orchestrator.comparing.replicating import LOOK_CONFIDENCE, LOOKS
from orchestrator.comparing.selectors import parse_selector
from orchestrator.comparing.verdicts import Compared, compare_sides
from orchestrator.devices import Device
from orchestrator.launch import Outcome
from orchestrator.model_files.digest import digest_file
from orchestrator.models import Model
from orchestrator.records import RunFilter
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.store.reading import open_reader
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from orchestrator.visits.replicating import Bench, Replication, Sides, replicate
from tests.making import MOMENT, make_job, make_model, make_result, make_run

NAMES = ("bert", "roberta")
LEVELS_MS = (10.0, 10.4)
CASE = "kitchen · bert → roberta · litert · 1 thread"


@dataclass
class Farm:
    """One board, two models that differ by 4 %, and five noisy runs of each."""

    store: Store
    models: Sequence[Model]
    spread: float = 0.03
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    said: list[str] = field(default_factory=list)

    def measure(self, job: Job, **changes: Any) -> Run:
        level_ms = LEVELS_MS[NAMES.index(job.model)] if job.model in NAMES else 1.0
        latency_ns = round(level_ms * 1e6 * self.dice.lognormvariate(0, self.spread))
        return make_run(job, result=make_result(job.job_id, [latency_ns] * 70, **changes))

    def sides(self, sweep: int = 1) -> Sides:
        runs = self.store.measured_runs(RunFilter(sweep=sweep))
        return [run for run in runs if run.model == "bert"], [run for run in runs if run.model == "roberta"]

    def replicate(
        self,
        make: Callable[[Job], Run],
        afterwards: Callable[[int], None] = lambda _sweep_id: None,
        sweep: int = 1,
        outcome: Outcome | None = None,
        **more: Any,
    ) -> tuple[Compared, Replication]:
        def run(sweep_id: int) -> Outcome:
            if outcome is not None:
                return outcome
            for job in self.store.owed_jobs(sweep_id):
                self.store.save_run(make(job))
            afterwards(sweep_id)
            return Outcome(sweep_id, {}, 0)

        bench = Bench(self.store, [Device("kitchen")], judge, run, self.said.append, **more)
        return replicate(bench, self.sides(sweep), 3600)

    def tried(self) -> int:
        """Runs of either model that were planned, beyond the first ten."""
        jobs = (job for record in self.store.sweeps() for job in self.store.jobs(record.sweep_id))
        return sum(job.role is Role.CASE for job in jobs) - 10


def judge(sides: tuple[list[Measured], list[Measured]]) -> Compared:
    terms = Terms(frozenset({Axis.MODEL}))
    return compare_sides(("A", sides[0]), ("B", sides[1]), terms, floors={}, threshold=0.02, confidence=LOOK_CONFIDENCE)


def crash(job: Job) -> Run:
    return make_run(job, RunStatus.CRASHED, message="it broke")


@pytest.fixture
def farm(tmp_path: Path) -> Any:
    models = []
    for name in NAMES:
        path = tmp_path / f"{name}.tflite"
        path.write_text(name)
        models.append(make_model(name, path=path, digest=digest_file(path).digest))
    with Store.open(tmp_path / "results.db", create=True) as store:
        farm = Farm(store, models)
        jobs = [
            make_job(
                hashlib.sha256(f"{block}{model.name}".encode()).hexdigest()[:32],
                model=model.name,
                model_digest=model.digest,
                block=block,
            )
            for block in range(5)
            for model in models
        ]
        store.create_sweep(Sweep("nightly", NAMES, ("all",)), jobs, models, MOMENT)
        for job in jobs:
            store.save_run(farm.measure(job))
        yield farm


def test_an_undecided_case_is_measured_on_until_it_is_decided(farm: Farm) -> None:
    compared, done = farm.replicate(farm.measure)
    assert [case.comparison.answer for case in compared.cases] == [Answer.SLOWER]
    assert (done.ended, done.barred) == ("every case is decided", {})


def test_what_was_killed_in_the_middle_is_not_measured_again(farm: Farm) -> None:
    done = 0

    def killed(job: Job) -> Run:
        nonlocal done
        done += job.role is Role.CASE
        if done > 7:
            raise KeyboardInterrupt
        return farm.measure(job)

    with pytest.raises(KeyboardInterrupt):
        farm.replicate(killed)
    assert farm.tried() == 10
    compared, again = farm.replicate(farm.measure)
    assert "runs that were measured for the same question before count as well: sweep 2" in farm.said
    (case,) = compared.cases
    counted = {run.sweep_id for run in (*case.pair.first, *case.pair.second)}
    assert counted == {1, 2, *again.sweeps}
    assert {run.model for run in case.pair.first} == {"bert"}
    assert {run.model for run in case.pair.second} == {"roberta"}
    assert sum(run.sweep_id == 2 for run in (*case.pair.first, *case.pair.second)) == 7


def test_who_asks_again_and_again_does_not_get_more_looks(farm: Farm) -> None:
    farm.spread = 0.5
    _, first = farm.replicate(farm.measure)
    assert (first.ended, len(first.sweeps)) == ("5 looks are taken", LOOKS - 1)
    compared, second = farm.replicate(farm.measure)
    assert (second.ended, second.sweeps) == ("5 looks are taken", [])
    assert compared.cases[0].comparison.first_n == 80


def test_runs_for_the_same_words_that_are_older_than_what_they_mean_now_do_not_count(farm: Farm) -> None:
    farm.replicate(farm.measure)
    jobs = [make_job(f"{number:032x}", model=m.name, model_digest=m.digest) for number, m in enumerate(farm.models)]
    sweep_id = farm.store.create_sweep(Sweep("nightly", NAMES, ("all",)), jobs, farm.models, MOMENT)
    for job in jobs:
        farm.store.save_run(replace(farm.measure(job), started=datetime.now(UTC) + timedelta(seconds=1)))
    compared, _ = farm.replicate(crash, sweep=sweep_id)
    assert {run.sweep_id for case in compared.cases for run in case.pair.first} == {sweep_id}


def test_runs_on_another_version_do_not_count_and_no_further_ones_are_made(farm: Farm) -> None:
    compared, done = farm.replicate(lambda job: farm.measure(job, runtime_version="2.4.0"))
    told = "its new runs of the first side were measured in another manner: version: 2.3.0 and 2.4.0"
    assert done.barred == {CASE: told}
    assert done.ended == "nothing can be run again"
    assert farm.tried() == 10, "one look, and then it is known"
    assert len(compared.cases) == 2


def test_runs_that_all_fail_end_it(farm: Farm) -> None:
    _, done = farm.replicate(lambda job: crash(job) if job.model == "roberta" else farm.measure(job))
    assert done.barred == {CASE: "no new run of the second side counts: crashed"}
    assert farm.tried() == 10


def test_runs_that_are_all_suspect_end_it(farm: Farm) -> None:
    throttled = Judgement(Verdict.SUSPECT, (Reason("throttled", {"how": "soft limit"}),))

    def doubt(sweep_id: int) -> None:
        runs = farm.store.measured_runs(RunFilter(sweep=sweep_id))
        farm.store.keep_judgements([(run.job_id, 1, throttled) for run in runs])

    _, done = farm.replicate(farm.measure, afterwards=doubt)
    assert done.barred == {CASE: "no new run of the first side counts: throttled"}
    assert farm.tried() == 10


def test_a_sweep_that_brought_nothing_is_not_said_to_hold_new_runs(farm: Farm) -> None:
    ends = {
        "no board could be reached": Outcome(2, {}, 10, reached=False),
        "the last sweep measured nothing": Outcome(3, {}, 10),
    }
    for told, outcome in ends.items():
        _, done = farm.replicate(farm.measure, outcome=outcome)
        assert (done.ended, done.sweeps) == (told, [])


def test_further_runs_are_not_the_last_sweep(farm: Farm, tmp_path: Path) -> None:
    farm.replicate(farm.measure)
    with open_reader(tmp_path / "results.db") as reader:
        assert {run.sweep_id for run in reader.runs_of_side(parse_selector("last", datetime.now(UTC)))} == {1}


def test_a_board_in_quarantine_is_said_to_be_there(farm: Farm) -> None:
    _, done = farm.replicate(farm.measure, left_out={"kitchen": "in quarantine"})
    assert done.barred == {CASE: "kitchen is in quarantine"}
    assert farm.tried() == 0
