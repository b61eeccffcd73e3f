"""Sweeps with the reference model, from end to end on this machine: LiteRT's real library looks at the board around
cases of the fake runtime."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.carriers import CarrierShelf
from orchestrator.errors import RuntimeOutOfReach, RuntimeUnavailable, UnknownName
from orchestrator.events import BoardFailed, JobFinished
from orchestrator.farm import find_farm
from orchestrator.launch import Outcome
from orchestrator.records import RunFilter
from orchestrator.reference_model import NAME, reference_model
from orchestrator.runs import Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import REFERENCE_RUNTIME
from tests.leaks import no_leaks
from tests.making import MOMENT, make_conditions, make_facts
from tests.unit.this_machine import Bench

EVERYTHING = RunFilter(roles=(), every_attempt=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


@pytest.fixture
def able(bench: Bench) -> Bench:
    """A bench with LiteRT's library: from the cache of the user who tests, fetched once."""
    bench.farm = replace(bench.farm, cache=find_farm(bench.root).cache)
    link = bench.link(bench.device())
    link.open(0.0)
    link.close(politely=True)
    bench.heard.clear()
    assert link.facts is not None
    try:
        CarrierShelf(bench.farm.cache).fetch(REFERENCE_RUNTIME, link.facts)
    except RuntimeUnavailable as error:
        pytest.skip(error.message)
    return bench


def finished(bench: Bench) -> list[Run]:
    """What came of each job, in the order in which they ran."""
    return [event.run for event in bench.told(JobFinished)]


def stop_when(bench: Bench, enough: Callable[[list[Run]], bool]) -> None:
    told = bench.notify

    def notify(event: object) -> None:
        told(event)
        if isinstance(event, JobFinished) and enough(finished(bench)):
            bench.stop.set()

    bench.notify = notify


def go_on(bench: Bench, sweep_id: int = 1) -> Outcome:
    bench.stop.clear()
    bench.heard.clear()
    bench.notify = Bench.notify.__get__(bench)
    return bench.launcher().resume(sweep_id, [bench.device()])


def places(runs: list[Run]) -> list[tuple[str, int, int]]:
    return [(str(run.job.role), run.job.block, run.job.position) for run in runs]


def test_a_board_is_looked_at_before_between_and_after_and_only_cases_are_counted(able: Bench) -> None:
    model = able.model()
    outcome = able.launcher().launch(able.sweep(model, repeats=2, reference=True), [model], [able.device()])
    assert outcome == Outcome(1, {RunStatus.OK: 2}, 0)
    assert places(finished(able)) == [
        ("reference", 0, 0),
        ("case", 0, 1),
        ("reference", 1, 0),
        ("case", 1, 1),
        ("reference", 2, 0),
    ]
    looks = able.store.runs(RunFilter(roles=(Role.REFERENCE,)))
    assert {(look.model, look.runtime, look.status) for look in looks} == {(NAME, "litert", RunStatus.OK)}
    assert all(look.median_ns and look.n and look.n >= 64 for look in looks)
    assert [run.role for run in able.store.runs()] == [Role.CASE] * 2


def test_a_sweep_without_it_has_no_trace_of_it(bench: Bench) -> None:
    model = bench.model()
    bench.launcher().launch(bench.sweep(model, reference=False), [model], [bench.device()])
    assert [run.role for run in bench.store.runs(EVERYTHING)] == [Role.CASE]
    with pytest.raises(UnknownName):
        bench.store.model(reference_model().digest)


def test_a_resumed_sweep_looks_at_the_board_again_before_it_goes_on(able: Bench) -> None:
    model = able.model()
    stop_when(able, lambda runs: sum(run.job.role is Role.CASE for run in runs) == 1)
    options = ({"sleep_ms": 1}, {"sleep_ms": 2})
    sweep = able.sweep(model, repeats=2, options=options, reference=True)
    stopped = able.launcher().launch(sweep, [model], [able.device()])
    assert (stopped.exit_code, stopped.counts, stopped.owed) == (130, {RunStatus.OK: 1}, 3)
    resumed = go_on(able)
    assert (resumed.exit_code, resumed.counts, resumed.owed) == (0, {RunStatus.OK: 4}, 0)
    assert places(finished(able)) == [
        ("reference", 0, 0),
        ("case", 0, 2),
        ("reference", 1, 0),
        ("case", 1, 1),
        ("case", 1, 2),
        ("reference", 2, 0),
    ]
    assert len(able.store.runs(RunFilter(roles=(Role.REFERENCE,)))) == 4


def test_a_resumed_sweep_that_begins_with_a_look_anyway_gets_no_second_one(able: Bench) -> None:
    model = able.model()
    unreachable = able.device(python="/nowhere/python3")
    first = able.launcher().launch(able.sweep(model, reference=True), [model], [unreachable])
    assert (first.exit_code, first.counts, first.owed) == (4, {}, 1)
    (failed,) = able.told(BoardFailed)
    assert failed.owed == 1, "the user asked for one job"
    for _ in range(2):  # trying in vain plans nothing more either
        able.launcher().resume(first.sweep_id, [unreachable])
    assert go_on(able).counts == {RunStatus.OK: 1}
    assert places(finished(able)) == [("reference", 0, 0), ("case", 0, 1), ("reference", 1, 0)]


def test_a_sweep_whose_looks_alone_are_owed_is_finished_for_users_and_can_still_be_completed(able: Bench) -> None:
    model = able.model()
    stop_when(able, lambda runs: runs[-1].job.role is Role.CASE)
    stopped = able.launcher().launch(able.sweep(model, reference=True), [model], [able.device()])
    assert (stopped.counts, stopped.owed) == ({RunStatus.OK: 1}, 0)
    assert [job.role for job in able.store.owed_jobs(1)] == [Role.REFERENCE]
    assert able.store.sweep(1).progress.owed == 0
    with pytest.raises(UnknownName, match="no sweep is unfinished"):
        able.store.last_unfinished_sweep()
    assert go_on(able).exit_code == 0
    assert places(finished(able)) == [("reference", 1, 0)]
    assert able.store.owed_jobs(1) == []


def test_a_sweep_of_before_is_resumed_as_it_was_planned(bench: Bench) -> None:
    model = bench.model()
    unreachable = bench.device(python="/nowhere/python3")
    bench.launcher().launch(bench.sweep(model, reference=False), [model], [unreachable])
    with bench.store._database.write() as connection:
        connection.exec_driver_sql("UPDATE sweep SET definition = json_remove(definition, '$.reference', '$.energy')")
    assert go_on(bench).counts == {RunStatus.OK: 1}
    assert places(finished(bench)) == [("case", 0, 1)]


def test_a_board_that_cannot_have_the_library_runs_its_cases_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CarrierShelf.fetch

    def offline(shelf: CarrierShelf, choice: object, facts: object) -> object:
        if choice == REFERENCE_RUNTIME:
            raise RuntimeOutOfReach("litert cannot be fetched now", "try again later")
        return whole(shelf, choice, facts)

    monkeypatch.setattr(CarrierShelf, "fetch", offline)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model, reference=True), [model], [bench.device()])
    assert outcome == Outcome(1, {RunStatus.OK: 1}, 0)
    looks = bench.store.runs(RunFilter(roles=(Role.REFERENCE,)))
    assert {(look.status, look.message) for look in looks} == {(RunStatus.SKIPPED, "litert cannot be fetched now")}


def test_what_the_profile_does_not_want_is_not_looked_at_and_said_once(bench: Bench) -> None:
    model = bench.model()
    board = bench.device(runtimes=("fake",))
    outcome = bench.launcher().launch(bench.sweep(model, repeats=3, reference=True), [model], [board])
    assert (outcome.counts, outcome.exit_code) == ({RunStatus.OK: 3}, 0)
    (look,) = bench.store.runs(RunFilter(roles=(Role.REFERENCE,)))
    assert look.message == "the profile of bench lists only these runtimes: fake"


def test_the_model_is_found_again_by_its_digest_and_in_no_list(able: Bench) -> None:
    model = able.model()
    for _ in range(2):
        able.launcher().launch(able.sweep(model, reference=True), [model], [able.device()])
    assert [one.name for one in able.store.models()] == ["fake"]
    assert able.store.model(reference_model().digest) == reference_model()
    with pytest.raises(UnknownName):
        able.store.model(NAME)
    with Store.open(able.store.path) as again:
        assert {job.model for job in again.jobs(2)} == {"fake", NAME}


def test_a_board_nobody_knows_a_library_for_is_planned_with_one_skipped_look(bench: Bench) -> None:
    """Facts of the last visit decide while a board is away: its looks are not owed for ever."""
    model = bench.model()
    bench.store.remember_facts("bench", make_facts(architecture="mips64"), make_conditions(), MOMENT)
    unreachable = bench.device(python="/nowhere/python3")
    bench.launcher().launch(bench.sweep(model, repeats=2, reference=True), [model], [unreachable])
    looks = [job for job in bench.store.jobs(1) if job.role is Role.REFERENCE]
    assert len(looks) == 1
    assert looks[0].skip_reason
