"""A sweep from end to end on this machine: what is planned, what is stored, and how it ends."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import BoardDiskFull, BoardLost, StoreError, Unreachable, UsageError
from orchestrator.events import (
    BoardDone,
    BoardFailed,
    Collected,
    Connected,
    JobFinished,
    JobStage,
    JobStarted,
    Noted,
    Waiting,
)
from orchestrator.launch import Outcome, holder, new_job_id, open_links
from orchestrator.links import Link
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.session import AgentSession
from orchestrator.store import Store
from orchestrator.visits.checkup import check_devices
from tests.leaks import no_leaks
from tests.unit.this_machine import HASTY, Bench

NOWHERE = "/nowhere/python3"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def statuses(bench: Bench) -> list[str]:
    return sorted(run.status for run in bench.store.runs(RunFilter(every_attempt=True)))


def test_every_job_is_measured_saved_and_told(bench: Bench) -> None:
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model, repeats=3), [model], [bench.device()])
    assert outcome == Outcome(1, {RunStatus.OK: 3}, 0)
    assert outcome.exit_code == 0
    assert len(bench.expected) == 3
    assert len(bench.told(JobStarted)) == 3
    assert {event.stage for event in bench.told(JobStage)} >= {"loading", "timing"}
    assert [event.run.status for event in bench.told(JobFinished)] == [RunStatus.OK] * 3
    assert [event.device for event in bench.told(BoardDone)] == ["bench"]
    assert bench.store.last_facts()["bench"] == bench.told(Connected)[0].facts


def test_what_fails_is_stored_with_its_reason_and_the_rest_is_measured(bench: Bench) -> None:
    model = bench.model()
    options = ({"sleep_ms": 1}, {"crash": "exit"}, {"unsupported": "no such operator"}, {"rejected": "no model"})
    outcome = bench.launcher().launch(bench.sweep(model, options=options), [model], [bench.device()])
    assert outcome.exit_code == 1
    assert statuses(bench) == ["crashed", "ok", "rejected", "unsupported"]


def test_a_board_that_cannot_be_reached_owes_its_jobs_and_the_others_go_on(bench: Bench) -> None:
    model = bench.model()
    boards = [bench.device("bench"), bench.device("attic", python=NOWHERE)]
    outcome = bench.launcher().launch(bench.sweep(model), [model], boards)
    assert (outcome.counts, outcome.owed, outcome.reached, outcome.exit_code) == ({RunStatus.OK: 1}, 1, True, 1)
    (failed,) = bench.told(BoardFailed)
    assert (failed.device, failed.owed) == ("attic", 1)
    assert failed.hint


def test_no_board_at_all_is_exit_code_4_and_the_plan_is_kept_for_later(bench: Bench) -> None:
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device(python=NOWHERE)])
    assert (outcome.reached, outcome.exit_code, outcome.owed) == (False, 4, 1)
    resumed = bench.launcher().resume(outcome.sweep_id, [bench.device()])
    assert (resumed.counts, resumed.exit_code) == ({RunStatus.OK: 1}, 0)


def test_a_sweep_whose_boards_are_gone_cannot_be_resumed(bench: Bench) -> None:
    model = bench.model()
    bench.launcher().launch(bench.sweep(model), [model], [bench.device(python=NOWHERE)])
    with pytest.raises(UsageError, match="no profile any more: bench"):
        bench.launcher().resume(1, [bench.device("other")])


def test_a_board_that_is_gone_is_told_and_owes_its_jobs_while_the_others_go_on(bench: Bench) -> None:
    model = bench.model()
    boards = [bench.device(name, python=NOWHERE) for name in ("bench", "shed")]
    bench.launcher().launch(bench.sweep(model), [model], boards)
    outcome = bench.launcher().resume(1, [bench.device()])
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({RunStatus.OK: 1}, 1, 1)
    (told,) = bench.told(Noted)
    assert (told.device, told.text.partition(";")[0]) == ("shed", "left out: it has no profile any more")
    assert [job.device for job in bench.store.owed_jobs(1)] == ["shed"]


def test_exclusions_that_leave_nothing_are_an_error_and_nothing_is_stored(bench: Bench) -> None:
    model = bench.model()
    with pytest.raises(UsageError, match="plans no job at all"):
        bench.launcher().launch(bench.sweep(model, exclude=({"model": "*"},)), [model], [bench.device()])
    assert bench.store.sweeps() == []


def test_boards_of_one_machine_take_turns(bench: Bench) -> None:
    model = bench.model()
    boards = [bench.device(name, group="one") for name in ("left", "right")]
    sweep = bench.sweep(model, repeats=3)
    assert bench.launcher().launch(sweep, [model], boards).counts == {RunStatus.OK: 6}
    measuring: list[str] = []
    for event in bench.heard:
        if isinstance(event, JobStarted):
            assert not measuring, f"{event.device} starts while {measuring} measures"
            measuring.append(event.device)
        elif isinstance(event, JobFinished):
            measuring.remove(event.device)


def test_a_result_that_was_measured_before_a_loss_is_collected_and_not_measured_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = AgentSession.outcome
    losses = []

    def lose_the_first(session: AgentSession, *order: object) -> object:
        outcome = whole(session, *order)
        if not losses:
            losses.append(outcome)
            raise BoardLost("bench", "bench: the link broke", "look at the cable")
        return outcome

    monkeypatch.setattr(AgentSession, "outcome", lose_the_first)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model, repeats=2), [model], [bench.device()])
    assert outcome.counts == {RunStatus.OK: 2}
    assert [event.count for event in bench.told(Collected)] == [1]
    assert any("the link broke; trying again" in event.reason for event in bench.told(Waiting))
    assert len(bench.store.runs(RunFilter(every_attempt=True))) == 2


def test_a_job_that_loses_its_board_every_time_is_lost_and_stays_owed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_session: AgentSession, *_order: object) -> object:
        raise BoardLost("bench", "bench: the link broke", "look at the cable")

    monkeypatch.setattr(AgentSession, "order", lose)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device()])
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({RunStatus.LOST: 1}, 1, 1)
    (run,) = bench.store.runs()
    assert run.message == "bench: the link broke"


def test_a_fault_of_the_store_stops_every_board_and_is_raised(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_store: Store, _run: object) -> bool:
        raise StoreError("no room left")

    monkeypatch.setattr(Store, "save_run", full)
    model = bench.model()
    boards = [bench.device("left"), bench.device("right")]
    with pytest.raises(StoreError, match="no room left"):
        bench.launcher().launch(bench.sweep(model, repeats=5), [model], boards)
    assert bench.stop.is_set()


def test_a_stop_keeps_what_is_done_and_is_exit_code_130(bench: Bench) -> None:
    model = bench.model()
    told = bench.notify

    def stop_after_one(event: object) -> None:
        told(event)
        if isinstance(event, JobFinished):
            bench.stop.set()

    bench.notify = stop_after_one
    outcome = bench.launcher().launch(bench.sweep(model, repeats=4), [model], [bench.device()])
    assert (outcome.stopped, outcome.exit_code) == (True, 130)
    assert (outcome.counts, outcome.owed) == ({RunStatus.OK: 1}, 3)


def test_a_stop_before_anything_runs_connects_to_no_board(bench: Bench) -> None:
    bench.stop.set()
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device()])
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({}, 1, 130)
    assert bench.told(Connected) == []


def test_a_model_file_that_is_gone_is_an_owed_job_and_not_the_end(bench: Bench) -> None:
    gone, here = bench.model("gone"), bench.model("here", note="another content, another hash")
    gone.path.unlink()
    sweep = bench.sweep(gone, models=("gone", "here"))
    outcome = bench.launcher().launch(sweep, [gone, here], [bench.device()])
    assert (outcome.counts, outcome.owed, outcome.exit_code) == ({RunStatus.OK: 1, RunStatus.LOST: 1}, 1, 1)


def test_a_check_remembers_what_it_found_and_names_what_it_could_not_reach(bench: Bench) -> None:
    boards = [bench.device("bench"), bench.device("attic", python=NOWHERE)]
    ready, failed = check_devices(bench.farm, bench.store, boards, bench.notify, threading.Event())
    assert ready.error is None
    assert ready.facts == bench.store.last_facts()["bench"]
    assert failed.facts is None
    assert failed.error is not None
    assert failed.error.hint
    assert set(bench.store.last_facts()) == {"bench"}


def test_job_ids_differ_and_the_holder_says_whom_to_ask() -> None:
    assert len({new_job_id() for _ in range(100)}) == 100
    assert "@" in holder()
    assert "process" in holder()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert holder().partition("@")[0].isdigit()


def test_links_are_made_without_connecting(bench: Bench) -> None:
    (link,) = open_links(bench.farm, [bench.device()], bench.notify, bench.stop)
    assert link.session is None
    assert bench.heard == []


def test_what_the_profile_does_not_want_is_skipped_with_its_reason(bench: Bench) -> None:
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model, repeats=2), [model], [bench.device(runtimes=("litert",))])
    assert (outcome.counts, outcome.exit_code) == ({RunStatus.SKIPPED: 1}, 0)
    (run,) = bench.store.runs()
    assert "lists only these runtimes: litert" in run.message


def test_a_full_board_is_a_run_with_that_status(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_session: AgentSession, *_wanted: object) -> None:
        raise BoardDiskFull("bench", "bench: no room left", "free some")

    monkeypatch.setattr(AgentSession, "make_room", full)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model), [model], [bench.device()])
    assert (outcome.counts, outcome.exit_code) == ({RunStatus.DISK_FULL: 1}, 1)


def test_a_board_that_never_comes_back_is_given_up_and_owes_its_jobs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, opened = Link.open, []

    def once(link: Link, lock_wait_s: float) -> AgentSession:
        if link.session is None:
            opened.append(link)
        if len(opened) > 1:
            raise Unreachable("bench", "bench: no route to host", "look at the cable")
        return whole(link, lock_wait_s)

    def lose(_session: AgentSession, *_order: object) -> object:
        raise BoardLost("bench", "bench: the link broke", "look at the cable")

    monkeypatch.setattr(Link, "open", once)
    monkeypatch.setattr(AgentSession, "outcome", lose)
    model = bench.model()
    outcome = bench.launcher().launch(bench.sweep(model, repeats=2), [model], [bench.device()])
    assert (outcome.owed, outcome.exit_code) == (2, 1)
    (failed,) = bench.told(BoardFailed)
    assert failed.message == "bench: no route to host"
    assert len(opened) == HASTY.attempts
