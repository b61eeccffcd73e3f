"""Duets from end to end on this machine: a real agent, the fake runtime, and what can go wrong on the way."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import Duetted, JobFailure, MeasureProtocol
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.duet import compare_duets
from orchestrator.errors import BoardError, BoardLost, RuntimeUnavailable
from orchestrator.events import JobStage
from orchestrator.models import Model
from orchestrator.session import AgentSession
from orchestrator.visits import duet as visit
from orchestrator.visits.duet import SIDES, Performance, Programme, Side, perform
from tests.leaks import no_leaks
from tests.making import make_result
from tests.unit.this_machine import Bench

SLICE_S = 0.004


@pytest.fixture(autouse=True)
def brief_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "WARM_UP", MeasureProtocol("duet", 2, 0.0, 0.05, 1, 0.0, 0.0))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with no_leaks():
        made = Bench.below(tmp_path)
        with made.store:
            yield made


def programme(bench: Bench, model: Model, a: Any = None, b: Any = None, **changes: Any) -> Programme:
    sides = tuple(
        Side(bench.sweep(model, options=({"sleep_ms": 0.5, **(options or {})},)), model) for options in (a, b)
    )
    values: dict[str, Any] = {"duets": 3, "duet_s": 0.1, "slice_s": SLICE_S, "seed": 1}
    return Programme((sides[0], sides[1]), **(values | changes))


def play(bench: Bench, wanted: Programme, device: Device | None = None) -> Performance:
    return perform(bench.farm, bench.store, device or bench.device(), wanted, bench.notify, bench.stop)


def on_stage(bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    """Do something when the so-many-th duet is about to be played."""
    told = bench.notify

    def notify(event: Any) -> None:
        told(event)
        if isinstance(event, JobStage) and event.stage.startswith(f"duet {number} "):
            act()

    monkeypatch.setattr(bench, "notify", notify)


def test_the_slower_of_two_is_found_whichever_loads_first(bench: Bench) -> None:
    model = bench.model()
    cpu = min(os.sched_getaffinity(0))
    found = play(bench, programme(bench, model, None, {"sleep_ms": 1.5}), bench.device(cpus=(cpu,)))
    assert (found.failure, found.error) == ("", None)
    assert len(found.duets) == 3
    assert min(duet.ratio for duet in found.duets) > 1.5
    assert compare_duets(found.duets, 0.05).ratio > 1.5
    assert found.versions == ("1", "1")
    assert found.cpus == (cpu,)
    assert [event.stage for event in bench.told(JobStage)] == [f"duet {one} of 3" for one in (1, 2, 3)]
    assert [event.job.options["sleep_ms"] for event in bench.told(JobStage)] == [0.5, 1.5, 0.5]
    assert "bench" in bench.store.last_facts()


def test_a_model_that_crashes_is_told_with_its_name(bench: Bench) -> None:
    found = play(bench, programme(bench, bench.model(), {"crash": "segfault", "crash_at": "load"}))
    assert found.duets == ()
    assert found.failure.startswith("duet 1: A failed: crashed, ")
    assert "SIGSEGV" in found.failure


def test_what_was_played_before_a_failure_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the second duet, in which B loads first, B dies."""
    whole = AgentSession.duet

    def duet(session: AgentSession, asked: Any, on_stage: Any) -> Any:
        if len(bench.told(JobStage)) == 2:
            first = replace(asked.first, options={"crash": "exit"})
            return whole(session, replace(asked, first=first), on_stage)
        return whole(session, asked, on_stage)

    monkeypatch.setattr(AgentSession, "duet", duet)
    found = play(bench, programme(bench, bench.model()))
    assert len(found.duets) == 1
    assert found.failure.startswith("duet 2: B failed: ")


def test_a_side_that_cannot_run_there_is_said_before_anything_is_played(bench: Bench) -> None:
    with pytest.raises(RuntimeUnavailable, match="A, fake, cannot run on bench") as caught:
        play(bench, programme(bench, bench.model()), bench.device(runtimes=("litert",)))
    assert "--runtime-a" in caught.value.hint


def test_a_board_that_cannot_be_reached_is_an_error(bench: Bench) -> None:
    with pytest.raises(BoardError, match="cannot start"):
        play(bench, programme(bench, bench.model()), bench.device(python="/nowhere/python3"))


def agents_of(bench: Bench) -> list[int]:
    work = str(bench.root / "work").encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(b"dynofarm agent" in word for word in words) and any(work in word for word in words):
            found.append(int(folder.name))
    return found


def test_a_board_that_is_lost_in_mid_way_keeps_what_was_played(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill() -> None:
        for pid in agents_of(bench):
            os.kill(pid, signal.SIGKILL)

    on_stage(bench, monkeypatch, 2, kill)
    found = play(bench, programme(bench, bench.model()))
    assert len(found.duets) == 1
    assert isinstance(found.error, BoardLost)


def test_whoever_stops_it_gets_what_was_played(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    on_stage(bench, monkeypatch, 2, bench.stop.set)
    found = play(bench, programme(bench, bench.model()))
    assert len(found.duets) == 1
    assert (found.failure, found.error) == ("", None)


def test_whoever_stops_it_before_the_first_gets_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    on_stage(bench, monkeypatch, 1, bench.stop.set)
    with pytest.raises(Stopped):
        play(bench, programme(bench, bench.model(), duet_s=30.0))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"details": {}}, "the board answered with something that cannot be"),
        ({"details": {"turns": [1]}}, "the board answered with something that cannot be"),
        ({"latencies_ns": []}, "A failed: crashed, the board answered with something that cannot be"),
        ({"latencies_ns": [-5]}, "A failed: crashed, the board answered with something that cannot be"),
    ],
)
def test_a_board_that_tells_what_cannot_be_is_not_believed(broken: Any, told: str) -> None:
    answer = visit._read(Duetted(make_result("a", **broken), make_result("b")), SIDES, 0, swapped=False)
    assert isinstance(answer, str)
    assert answer.startswith("duet 1: ")
    assert told in answer


def test_a_failure_of_nobody_in_particular_is_told() -> None:
    lost = JobFailure("a", "timed_out", "no end within its deadline of 2 s", "first word\nlast word\n")
    told = "duet 1: the duet failed: timed out, no end within its deadline of 2 s: last word"
    assert visit._why("duet 1: the duet failed", lost) == told
