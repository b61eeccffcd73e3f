"""A relay that gives and takes files while it measures: the run says so, like one that was pushed to."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from agent.protocol import JobResult
from agent.protocol import Stage as StageSaid
from orchestrator.links import Link
from orchestrator.needs import Needs
from orchestrator.relays import Relays
from orchestrator.relays.bustle import Bustle
from orchestrator.relays.relay import Relay
from orchestrator.runs import Job
from orchestrator.schedule import Tools, run_sweep
from orchestrator.schedule.beside import Beside
from orchestrator.session import AgentSession
from orchestrator.supply import Supply, Tell, Wanted
from tests.making import make_job
from tests.unit.scheduling import FakeLedger, FakeLink, FakeSupply


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_goes_on_at_once_counts_once() -> None:
    clock = Clock()
    bustle, beside = Bustle(clock), Beside(clock)
    with bustle.going_on():
        clock.now_s = 2.0
        beside.note("timing")
        with bustle.going_on():
            clock.now_s = 4.0
    clock.now_s = 6.0
    beside.note("finishing")
    with bustle.going_on():
        clock.now_s = 7.0
        assert beside.traces(bustle.spans()) == {"s": 5.0, "clocked_s": 2.0}, "and what is not over counts until now"


def test_what_was_before_the_job_is_no_part_of_it() -> None:
    clock = Clock()
    clock.now_s = 5.0
    beside = Beside(clock)
    beside.note("timing")
    clock.now_s = 9.0
    assert beside.traces([(0.0, 4.0), (3.0, 6.0), (8.5, 12.0)]) == {"s": 1.5, "clocked_s": 1.5}


def test_what_was_over_before_a_job_is_forgotten_and_what_goes_on_is_not() -> None:
    clock = Clock()
    bustle = Bustle(clock)
    with bustle.going_on():
        clock.now_s = 1.0
    with bustle.going_on():
        clock.now_s = 2.0
        bustle.forget()
        clock.now_s = 3.0
    assert bustle.spans() == [(1.0, 3.0)]


class RelayLink(FakeLink):
    """Its job comes to a stage, and a file comes to the board while it is in that."""

    def __init__(self, stage: str, **changes: Any) -> None:
        super().__init__("roof", relay=True, site="roof", **changes)
        self.stage = stage
        self.relays: Relays

    def keep_up(self) -> None:
        """A session's."""

    def outcome(self, order: Job, note: Any) -> JobResult:
        note(StageSaid(order.job_id, self.stage))
        if order.job_id == "disturbed":
            self.take_a_file()
        note(StageSaid(order.job_id, "finishing"))
        return super().outcome(order, note)

    def take_a_file(self) -> None:
        def send(_session: AgentSession, _tell: Tell) -> None:
            time.sleep(0.05)

        session = cast("AgentSession", self)
        with ThreadPoolExecutor(1) as pool:
            wanted = Wanted("f" * 64, 1000, Needs(()), send)
            assert pool.submit(self.relays.bring, session, wanted, lambda _bytes: None).result(60)


def details_of(link: RelayLink) -> dict[str, Any]:
    """Of two jobs on the relay, by their ids, what was noted of files that came and went meanwhile."""
    ledger, heard = FakeLedger(), list[Any]()
    link.relays = Relays([Relay(cast("Link", link), guest=False)], heard.append)
    jobs = [make_job(name, device="roof") for name in ("disturbed", "quiet")]
    supply = cast("Supply", FakeSupply({}))
    link.open(0.0)
    tools = Tools(ledger, supply, heard.append, threading.Event(), 7, relays=link.relays)
    run_sweep([cast("Link", link)], jobs, tools, 0.0)
    found = {run.job.job_id: run.result for run in ledger.runs}
    return {name: result.details.get("pushed_meanwhile") for name, result in found.items() if result is not None}


@pytest.mark.parametrize(("stage", "clocked"), [("timing", True), ("cooling", False)])
def test_a_run_beside_which_the_relay_took_a_file_says_so(
    stage: str, clocked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.schedule.drive.Drive._look_ahead", lambda *_: None)
    noted = details_of(RelayLink(stage, push_while_measuring=True))
    assert noted["quiet"] is None
    assert noted["disturbed"]["s"] >= 0.05
    assert (noted["disturbed"]["clocked_s"] >= 0.05) == clocked
    assert noted["disturbed"]["clocked_s"] <= noted["disturbed"]["s"]


def test_a_relay_that_gives_in_turn_has_nothing_to_note() -> None:
    link = RelayLink("timing")
    link.take_a_file = lambda: None
    assert details_of(link) == {"disturbed": None, "quiet": None}
