"""Boards that are lost, come back, or never come: what is tried again, what is written down, and who goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import JobFailure
from orchestrator.breaker import Limits
from orchestrator.devices import Device
from orchestrator.errors import (
    AuthenticationFailed,
    BoardAbandoned,
    BoardBusy,
    BoardError,
    BoardLost,
    BoardReserved,
    BoardUnfit,
    HostKeyChanged,
    ProtocolBroken,
    TransferCorrupt,
    Unreachable,
)
from orchestrator.events import BoardDone, BoardFailed, Noted, Waiting
from orchestrator.links import Link
from orchestrator.records import FaultKind, LinkFault, PowerCycle
from orchestrator.schedule import Power, drive, muster
from orchestrator.schedule.drive import OWN_AGENT_LEAVES_S
from tests.leaks import no_leaks
from tests.making import MOMENT
from tests.unit.scheduling import HASTY, FakeLink, Stage
from tests.unit.this_machine import Bench
from tests.waiting import wait_until

LOST = BoardLost("a", "a: the link broke", "look at the cable")
GONE = Unreachable("a", "a: no route to host", "look at the cable")
CORRUPT = TransferCorrupt("a", "a: arrived with another hash")
HOURS = Limits(first_s=7200.0, longest_s=7200.0, patience_s=1e6)
"""Pauses that no test lives to see the end of."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_board_that_is_lost_three_times_and_comes_back_measures_all_its_jobs(stage: Stage) -> None:
    stage.play(FakeLink("a", opens=[None, GONE, GONE], runs=[LOST]), FakeLink("b"), jobs=3)
    assert stage.outcomes == {"a": ["ok"] * 3, "b": ["ok"] * 3}
    assert [(fault.kind, fault.attempt) for fault in stage.ledger.faults] == [
        (FaultKind.LOST, 1),
        (FaultKind.UNREACHABLE, 2),
        (FaultKind.UNREACHABLE, 3),
    ]
    assert stage.ledger.back == ["a"]
    assert {event.device for event in stage.told(BoardDone)} == {"a", "b"}


def test_what_others_did_is_asked_once_for_all_boards_that_are_ours(stage: Stage) -> None:
    stage.ledger.done_elsewhere = {"a-0", "b-0", "b-1"}
    stage.play(FakeLink("a"), FakeLink("b"), FakeLink("c", opens=[GONE]), jobs=2)
    assert stage.outcomes == {"a": ["ok"], "c": ["ok"] * 2}
    assert [sorted(jobs) for jobs in stage.ledger.asked] == [["a-0", "a-1", "b-0", "b-1"], ["c-0", "c-1"]]
    assert {event.device: event.text for event in stage.told(Noted)} == {
        "a": "1 job was measured by another process meanwhile",
        "b": "2 jobs were measured by another process meanwhile",
    }


def test_a_board_that_was_lost_may_have_been_another_processs_meanwhile(stage: Stage) -> None:
    def lose(_: FakeLink) -> None:
        stage.ledger.done_elsewhere = {"a-1"}
        raise LOST

    stage.play(FakeLink("a", runs=[lose]), jobs=3)
    assert [run.job.job_id for run in stage.ledger.runs] == ["a-0", "a-2"]
    assert len(stage.ledger.asked) == 2


def test_every_fault_says_where_when_and_what_was_done_next(stage: Stage) -> None:
    stage.limits = replace(HASTY, attempts=2)
    stage.play(FakeLink("a", opens=[None, GONE], runs=[LOST]))
    first, last = stage.ledger.faults
    assert (first.sweep_id, first.device, first.message) == (7, "a", LOST.message)
    assert first.what_next.startswith("tried again after 0.0 s")
    assert "its jobs stay owed" in last.what_next
    assert first.at <= last.at


def test_a_board_that_does_not_come_back_is_left_alone_after_its_tries_and_its_job_is_lost(stage: Stage) -> None:
    link = FakeLink("a", opens=[None, *[GONE] * 50], runs=[LOST])
    stage.play(link, jobs=2)
    assert stage.outcomes == {"a": ["lost"]}
    assert link.opened == HASTY.attempts
    assert len(stage.ledger.faults) == HASTY.attempts
    (failed,) = stage.told(BoardFailed)
    assert (failed.message, failed.owed) == (GONE.message, 2)
    assert stage.ledger.back == []


def test_a_job_that_loses_its_board_twice_makes_room_for_the_next(stage: Stage) -> None:
    stage.play(FakeLink("a", runs=[LOST, LOST]), jobs=2)
    assert stage.outcomes == {"a": ["lost", "ok"]}


def test_a_push_that_comes_nearer_each_time_is_gone_on_with_however_often_the_link_breaks(stage: Stage) -> None:
    stage.lacks = {"a-0": [90_000_000 - 2_000_000 * number for number in range(40)]}
    stage.play(FakeLink("a"), jobs=2)
    assert stage.outcomes == {"a": ["ok", "ok"]}
    assert len(stage.ledger.faults) == 39
    assert {fault.attempt for fault in stage.ledger.faults} == {1}


@pytest.mark.parametrize("lacks", [[90_000_000] * 9, [90_000_000 - 1000 * number for number in range(9)]])
def test_a_push_that_comes_no_nearer_makes_room_for_the_next_job(stage: Stage, lacks: list[int]) -> None:
    stage.lacks = {"a-0": lacks}
    stage.play(FakeLink("a"), jobs=2)
    assert stage.outcomes == {"a": ["lost", "ok"]}
    assert len(stage.ledger.faults) == 3


def test_a_push_whose_first_try_was_in_vain_has_another_chance(stage: Stage) -> None:
    stage.lacks = {"a-0": [90_000_000, 90_000_000, *range(80_000_000, 0, -10_000_000)]}
    stage.play(FakeLink("a"))
    assert stage.outcomes == {"a": ["ok"]}


def test_the_break_that_brought_the_rest_does_not_count_either(stage: Stage) -> None:
    stage.lacks = {"a-0": [90_000_000, 0]}
    stage.play(FakeLink("a", runs=[LOST]), jobs=1)
    assert stage.outcomes == {"a": ["ok"]}


def test_a_job_that_loses_its_board_after_a_troubled_push_has_its_two_attempts(stage: Stage) -> None:
    stage.lacks = {"a-0": [90_000_000, 60_000_000, 30_000_000]}
    stage.play(FakeLink("a", runs=[LOST]), jobs=1)
    assert stage.outcomes == {"a": ["ok"]}
    stage.lacks = {"b-0": [90_000_000, 60_000_000, 30_000_000]}
    stage.play(FakeLink("b", runs=[LOST, LOST]), jobs=1)
    assert stage.outcomes["b"] == ["lost"]


def test_a_board_lost_with_its_last_job_is_not_connected_to_for_nothing(stage: Stage) -> None:
    link = FakeLink("a", runs=[LOST, LOST])
    stage.play(link)
    assert link.opened == 2
    assert stage.ledger.faults[-1].what_next == "nothing: it had no other job"


def test_a_board_whose_every_job_breaks_the_link_is_left_alone_in_the_end(stage: Stage) -> None:
    stage.play(FakeLink("a", runs=[LOST] * 100), jobs=50)
    assert stage.outcomes == {"a": ["lost"] * (HASTY.attempts // 2)}


def test_a_job_that_is_done_between_losses_sets_the_count_back(stage: Stage) -> None:
    stage.play(FakeLink("a", runs=[LOST, None] * 20), jobs=20)
    assert stage.outcomes == {"a": ["ok"] * 20}
    assert {fault.attempt for fault in stage.ledger.faults} == {1}


def test_what_arrived_broken_is_sent_again(stage: Stage) -> None:
    stage.play(FakeLink("a", runs=[CORRUPT]))
    assert stage.outcomes == {"a": ["ok"]}
    assert [fault.kind for fault in stage.ledger.faults] == [FaultKind.CORRUPT]


@pytest.mark.parametrize(
    "error",
    [
        HostKeyChanged("a", "another key", "", "x", "y", "z"),
        AuthenticationFailed("a", "does not let us in"),
        BoardUnfit("a", "no Python"),
        ProtocolBroken("a", "somebody else speaks"),
        BoardBusy("a", "held by somebody"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_fault_of_the_link_is_not_tried_again(stage: Stage, error: BoardError) -> None:
    at_first, later = FakeLink("a", opens=[error]), FakeLink("b", opens=[None, error], runs=[LOST])
    stage.play(at_first, later, FakeLink("c"))
    assert (at_first.opened, later.opened) == (1, 2)
    assert {event.device for event in stage.told(BoardFailed)} == {"a", "b"}
    assert [fault.device for fault in stage.ledger.faults] == ["b"]
    assert stage.outcomes["c"] == ["ok"]


def test_a_board_that_was_not_reached_at_first_joins_while_others_measure(stage: Stage) -> None:
    joined = threading.Event()

    def until_the_late_one_is_there(_link: FakeLink) -> None:
        assert joined.wait(30)

    late = FakeLink("late", opens=[GONE] * 5, runs=[lambda _link: joined.set()])
    stage.play(late, FakeLink("early", runs=[until_the_late_one_is_there]))
    assert stage.outcomes == {"late": ["ok"], "early": ["ok"]}
    assert stage.ledger.remembered == ["late"]
    assert len(stage.ledger.faults) == 5
    assert stage.ledger.back == ["late"]


def test_a_board_that_was_never_reached_holds_nobody_up_once_the_others_are_done(stage: Stage) -> None:
    stage.limits = replace(HASTY, attempts=10**6, patience_s=1e6)
    never = FakeLink("never", opens=[GONE] * 1000)
    stage.play(never, FakeLink("early"))
    assert stage.outcomes == {"early": ["ok"]}
    assert never.opened >= HASTY.faults
    assert [event.device for event in stage.told(BoardFailed)] == ["never"]


def test_it_is_woken_from_a_long_pause_when_the_last_one_is_done(stage: Stage) -> None:
    stage.limits = replace(HOURS, faults=1)

    def until_the_other_waits(_link: FakeLink) -> None:
        wait_until(lambda: stage.told(Waiting))

    started = time.monotonic()
    stage.play(FakeLink("never", opens=[GONE] * 100), FakeLink("early", runs=[until_the_other_waits]))
    assert [event.device for event in stage.told(BoardFailed)] == ["never"]
    assert time.monotonic() - started < 3600


def test_a_board_without_a_job_is_told_when_it_cannot_be_reached_and_not_tried_again(stage: Stage) -> None:
    never = FakeLink("a", opens=[GONE] * 9)
    stage.play(never, jobs=0)
    assert never.opened == 1
    assert [event.owed for event in stage.told(BoardFailed)] == [0]
    assert stage.told(BoardDone) == []


def test_no_board_at_all_is_told_after_three_tries(stage: Stage) -> None:
    links = [FakeLink(name, opens=[GONE] * 100) for name in "abc"]
    stage.play(*links)
    assert [link.opened for link in links] == [3, 3, 3]
    assert len(stage.told(BoardFailed)) == 3


def test_a_board_that_was_lost_before_its_job_began_holds_no_turn_of_its_machine(stage: Stage) -> None:
    stage.limits = HOURS
    lost = FakeLink("a", opens=[GONE], group="one")

    def stop_after_the_last(_link: FakeLink) -> None:
        stage.stop.set()

    stage.play(lost, FakeLink("b", runs=[None] * 4 + [stop_after_the_last], group="one"), jobs=5)
    assert stage.outcomes["b"] == ["ok"] * 5
    assert any("trying again" in event.reason for event in stage.told(Waiting))


def test_a_stop_ends_every_wait_at_once(stage: Stage) -> None:
    """A pause of hours, and a turn that never comes: the one who measures asks to stop, and all leave."""
    stage.limits = HOURS

    def stop_when_the_others_wait(_link: FakeLink) -> None:
        wait_until(lambda: len(stage.told(Waiting)) >= 2)
        stage.stop.set()

    links = (
        FakeLink("a", runs=[stop_when_the_others_wait], group="one"),
        FakeLink("b", group="one"),
        FakeLink("c", runs=[LOST]),
    )
    started = time.monotonic()
    stage.play(*links, jobs=3)
    assert time.monotonic() - started < 3600
    assert stage.told(BoardFailed) == []


def test_a_busy_board_is_waited_for_by_its_own_thread_and_no_fault(stage: Stage) -> None:
    busy = FakeLink("a", opens=[BoardBusy("a", "held by somebody")])
    stage.play(busy, FakeLink("b"), lock_wait_s=5.0)
    assert stage.outcomes == {"a": ["ok"], "b": ["ok"]}
    assert busy.patience_s == [0.0, 5.0]
    assert stage.ledger.faults == []


DIED = BoardAbandoned("a", "held by a command that has died")


def test_what_a_command_that_died_left_there_is_waited_for_as_long_as_a_job_takes(stage: Stage) -> None:
    left = FakeLink("a", opens=[DIED])
    stage.play(left, FakeLink("b"))
    assert stage.outcomes == {"a": ["ok"], "b": ["ok"]}
    assert left.patience_s[0] == 0.0
    assert left.patience_s[1] > stage.ledger.planned["a-0"].deadline_s
    assert stage.ledger.faults == []


def test_nobody_of_the_machine_measures_beside_what_a_command_that_died_left_there(stage: Stage) -> None:
    neighbour = FakeLink("b", group="one")

    def leave_late(_link: FakeLink) -> None:
        time.sleep(0.3)
        assert not any(entry.startswith("order") for entry in neighbour.diary)

    stage.play(FakeLink("a", opens=[DIED, leave_late], group="one"), neighbour)
    assert stage.outcomes == {"a": ["ok"], "b": ["ok"]}


def test_one_that_never_leaves_is_left_alone_and_the_machine_is_free(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "AFTER_A_JOB_S", -1e9)  # its time is over at once
    stage.play(FakeLink("a", opens=[DIED, DIED], group="one"), FakeLink("b", group="one"))
    assert stage.outcomes == {"b": ["ok"]}
    assert [event.device for event in stage.told(BoardFailed)] == ["a"]


def test_the_agent_of_a_lost_connection_is_given_time_to_leave(stage: Stage) -> None:
    link = FakeLink("a", runs=[None, LOST])
    stage.play(link, jobs=3)
    assert link.patience_s[0] == 0.0
    assert link.patience_s[1] > 60.0


def test_the_agent_of_a_job_that_was_given_up_is_waited_for_as_well(stage: Stage) -> None:
    link = FakeLink("a", runs=[LOST, LOST])
    stage.play(link, jobs=2)
    assert stage.outcomes == {"a": ["lost", "ok"]}
    assert link.patience_s[2] == link.patience_s[1] > OWN_AGENT_LEAVES_S


@pytest.mark.parametrize("missing", [("a-2",), ("a-1", "a-2")])
def test_what_was_measured_is_kept_although_what_follows_cannot_be_had(stage: Stage, missing: tuple[str, ...]) -> None:
    stage.missing = missing
    link = FakeLink("a")
    stage.play(link, jobs=3)
    assert sorted(run.job.job_id for run in stage.ledger.runs) == ["a-0", "a-1", "a-2"]
    measured = [entry.split()[1] for entry in link.diary if entry.startswith("result")]
    assert [entry.split()[1] for entry in link.diary if entry.startswith("acknowledge")] == measured


def test_what_was_measured_is_kept_when_the_user_stops_just_then(stage: Stage) -> None:
    link = FakeLink("a", runs=[lambda _link: stage.stop.set()])
    stage.play(link, jobs=2)
    assert stage.outcomes == {"a": ["ok"]}


def test_what_the_board_could_not_keep_is_kept_before_anything_else_begins(stage: Stage) -> None:
    link = FakeLink("a")
    link.details = {"spool": "not kept in the board's spool: no room"}
    stage.ledger.diaries.append(link.diary)
    stage.play(link, jobs=2)
    assert link.diary.index("save a-0") < link.diary.index("order a-1")


def test_a_clock_that_is_set_back_makes_no_run_shorter_than_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SetBack(datetime):
        hours = 0

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            cls.hours += 1
            return MOMENT - timedelta(hours=cls.hours)

    monkeypatch.setattr(drive, "datetime", SetBack)
    stage.play(FakeLink("a"))
    (run,) = stage.ledger.runs
    assert timedelta(0) <= run.finished - run.started < timedelta(seconds=10)


def test_a_failure_that_is_known_is_not_that_of_the_attempt_which_is_owed(stage: Stage) -> None:
    link = FakeLink("a")
    link.spool = [JobFailure("a-0", "crashed", "of before"), JobFailure("a-1", "crashed", "not told yet")]
    stage.ledger.failed_before = {"a-0"}
    stage.play(link, jobs=2)
    assert [(run.job.job_id, str(run.status)) for run in stage.ledger.runs] == [("a-1", "crashed"), ("a-0", "ok")]
    assert link.diary[:2] == ["acknowledge a-0", "acknowledge a-1"]


Begin = Callable[[PowerCycle], bool]


class Switch:
    """Counts who is switched off and on."""

    def __init__(self, fault: str = "") -> None:
        self.switched: list[str] = []
        self._fault = fault

    def __call__(self, device: Device, begin: Begin) -> PowerCycle | None:
        cycle = PowerCycle(7, device.name, MOMENT, "me", ("pdu", device.name), None, 0.0, "not heard")
        if not begin(cycle):
            return None
        self.switched.append(device.name)
        return replace(cycle, exit_status=1 if self._fault else 0, took_s=0.1, fault=self._fault)


def test_a_hung_board_is_switched_off_and_on_once_and_then_waited_for(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch)
    link = FakeLink("a", opens=[None, *[GONE] * 9], runs=[LOST], power=("pdu",))
    stage.play(link, jobs=2)
    assert switch.switched == ["a"]
    assert stage.outcomes == {"a": ["ok", "ok"]}
    assert [cycle.device for cycle in stage.ledger.cycles] == ["a"]
    assert stage.ledger.faults[2].what_next.startswith("its power was switched off and on; tried again")
    assert link.opened == 11  # more than the tries that a board has without it


def test_a_board_that_was_never_reached_is_switched_too_and_waited_for_although_nobody_else_measures(
    stage: Stage,
) -> None:
    stage.power = Power(Switch())
    link = FakeLink("a", opens=[GONE] * 7, power=("pdu",))
    stage.play(link)
    assert stage.outcomes == {"a": ["ok"]}


def test_nobody_is_switched_off_who_answers_or_has_no_switch_or_had_its_turn_or_was_not_to_be(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch, {"spent"})
    stage.play(
        FakeLink("answers", runs=[LOST] * 20, power=("pdu",)),
        FakeLink("plain", opens=[None, *[GONE] * 20], runs=[LOST]),
        FakeLink("spent", opens=[None, *[GONE] * 20], runs=[LOST], power=("pdu",)),
        FakeLink("corrupt", opens=[None, *[CORRUPT] * 20], runs=[LOST], power=("pdu",)),
        FakeLink("twice", opens=[None, GONE], runs=[LOST], power=("pdu",)),
        jobs=9,
    )
    assert switch.switched == []
    stage.power = None
    stage.play(FakeLink("a", opens=[None, *[GONE] * 20], runs=[LOST], power=("pdu",)))
    assert stage.ledger.cycles == []


def reserved(name: str) -> BoardReserved:
    until = datetime.now().astimezone() + timedelta(hours=2)
    return BoardReserved(name, f"{name} is reserved", "", key="k", owner="anna@lab", why="flashing it", until=until)


def test_a_board_that_somebody_reserved_meanwhile_keeps_its_power_until_that_is_over(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch)
    link = FakeLink("a", opens=[None, *[GONE] * 6], runs=[LOST], power=("pdu",))
    link.reserved_by = [reserved("a"), None, reserved("a"), None]
    stage.play(link)
    assert switch.switched == ["a"]
    words = "its power stays on: it is reserved by anna@lab until "
    what_next = [fault.what_next for fault in stage.ledger.faults]
    assert [told.startswith(words) for told in what_next] == [False, False, True, True, False, False, False]
    assert "(flashing it); tried again after" in what_next[2]
    assert what_next[4].startswith("its power was switched off and on; ")
    assert [note.text.startswith(words) for note in stage.told(Noted)] == [True, True, False]


def test_a_board_that_is_reserved_for_good_is_left_alone_with_its_power_on(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch)
    link = FakeLink("a", opens=[None, *[GONE] * 20], runs=[LOST], power=("pdu",))
    link.reserved_by = [reserved("a")]
    stage.play(link)
    assert (switch.switched, stage.ledger.begun) == ([], [])
    last = stage.ledger.faults[-1].what_next
    assert last.startswith("its power stays on: it is reserved by anna@lab until ")
    assert last.endswith("; left alone for now; its jobs stay owed")


def test_nobody_is_switched_off_whom_another_process_switched_meanwhile(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch)
    stage.ledger.switched_elsewhere = {"a"}
    stage.play(FakeLink("a", opens=[None, *[GONE] * 4], runs=[LOST], power=("pdu",)))
    assert switch.switched == []
    assert stage.ledger.cycles == []
    assert stage.outcomes == {"a": ["ok"]}


def test_nobody_is_switched_off_when_no_board_at_all_answers(stage: Stage) -> None:
    switch = Switch()
    stage.power = Power(switch)
    together = threading.Barrier(3)

    def lose(_link: FakeLink) -> None:
        together.wait(30)
        raise LOST

    def miss(_link: FakeLink) -> None:
        together.wait(30)  # by now, each knows that it was lost
        raise GONE

    opens = [None, miss, *[GONE] * 20]
    stage.play(*(FakeLink(name, opens=opens, runs=[lose], power=("pdu",)) for name in "abc"))
    stage.play(*(FakeLink(name, opens=[GONE] * 20, power=("pdu",)) for name in "de"))
    assert switch.switched == []
    assert any("no other board answers either" in event.text for event in stage.told(Noted))


def test_a_switch_that_fails_is_said_and_the_board_left_alone_as_without_it(stage: Stage) -> None:
    switch = Switch("a: its power command ended with status 1")
    stage.power = Power(switch)
    stage.play(FakeLink("a", opens=[None, *[GONE] * 50], runs=[LOST], power=("pdu",)))
    assert switch.switched == ["a"]
    assert len(stage.ledger.faults) == HASTY.attempts
    assert "could not be switched off and on" in stage.ledger.faults[2].what_next
    assert any("status 1" in event.text for event in stage.told(Noted))


def test_no_other_board_of_the_machine_measures_while_its_power_is_off(stage: Stage) -> None:
    measuring = threading.Event()

    def measure(_link: FakeLink) -> None:
        measuring.set()
        time.sleep(0.005)
        measuring.clear()

    def switch(device: Device, _begin: Begin) -> PowerCycle:
        assert not measuring.is_set()
        time.sleep(0.02)
        assert not measuring.is_set()
        return PowerCycle(7, device.name, MOMENT, "me", ("pdu",), 0, 0.1)

    stage.power = Power(switch)
    hung = FakeLink("a", opens=[None, *[GONE] * 4], runs=[LOST], group="one", power=("pdu",))
    stage.play(hung, FakeLink("b", runs=[measure] * 20, group="one"), jobs=20)
    assert stage.outcomes["b"] == ["ok"] * 20
    assert len(stage.ledger.cycles) == 1


def hang_up(link: FakeLink) -> None:
    """A server that drops the first connection and lets the second in."""
    link.drops.append(LinkFault(7, link.device.name, MOMENT, FaultKind.DROPPED, "it hung up", "tried again", 0))


def test_drops_that_a_connection_got_over_are_written_down_and_do_not_open_the_breaker(stage: Stage) -> None:
    def hang_up_and_stay_away(link: FakeLink) -> None:
        hang_up(link)
        raise GONE

    stage.limits = replace(HASTY, attempts=3)
    stage.play(FakeLink("a", opens=[hang_up, hang_up_and_stay_away, hang_up], runs=[LOST]), jobs=2)
    assert stage.outcomes == {"a": ["ok", "ok"]}
    assert [(str(fault.kind), fault.attempt) for fault in stage.ledger.faults] == [
        ("dropped", 1),
        ("lost", 2),
        ("dropped", 3),
        ("unreachable", 4),
        ("dropped", 5),
    ]


def test_drops_before_a_board_is_left_alone_are_written_down(stage: Stage) -> None:
    def hang_up_and_refuse(link: FakeLink) -> None:
        hang_up(link)
        raise AuthenticationFailed("a", "a: no key fits")

    stage.play(FakeLink("a", opens=[hang_up_and_refuse]))
    assert len(stage.told(BoardFailed)) == 1
    assert [fault.kind for fault in stage.ledger.faults] == [FaultKind.DROPPED]


def test_no_more_links_are_made_at_a_time_than_there_are_slots(bench: Bench) -> None:
    slots = threading.Semaphore(3)
    lock, now, most = threading.Lock(), [0], [0]

    def connect(device: object, **_: object) -> object:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        raise Unreachable(getattr(device, "name", ""), "nobody there")

    links = [bench.link(bench.device(f"b{number}"), connect, slots) for number in range(20)]
    failed: dict[str, BoardError] = {}
    muster(links, 0.0, failed.__setitem__, bench.stop)
    assert len(failed) == 20
    assert 1 <= most[0] <= 3


def test_who_waits_for_a_slot_when_the_user_stops_connects_no_more(bench: Bench) -> None:
    connected: list[str] = []

    def connect(device: object, **_: object) -> object:
        connected.append(getattr(device, "name", ""))
        bench.stop.set()
        raise Unreachable(connected[-1], "nobody there")

    slots = threading.Semaphore(1)
    links: list[Link] = [bench.link(bench.device(f"b{number}"), connect, slots) for number in range(9)]
    failed: dict[str, BoardError] = {}
    muster(links, 0.0, failed.__setitem__, bench.stop)
    assert len(connected) == len(failed) == 1
