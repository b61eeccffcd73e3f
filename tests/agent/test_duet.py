"""Two real workers that take turns, and what happens when one of them is not what it should be."""

import os
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import (
    Acknowledge,
    Bye,
    Duet,
    DuetFailed,
    Duetted,
    Error,
    Have,
    Holdings,
    JobResult,
    MeasureProtocol,
    ModelOnBoard,
    Result,
    Slices,
    Turns,
)
from agent.wire import from_plain
from tests.agent.serving import (
    FolderBoard,
    Talk,
    children_of,
    command_of,
    is_alive,
    make_job,
)
from tests.waiting import wait_until

FAST = {"sleep_ms": 0.5}
ENDLESS = Turns(0.005, 1, 60.0, 60.0, 1)
"""Turns that go on until something happens."""
HASTY = MeasureProtocol("hasty", 2, 0.0, 0.1, 1, 0.0, 60.0)


def make_duet(first: Any = FAST, second: Any = FAST, turns: Turns = ENDLESS, **changes: Any) -> Duet:
    changes.setdefault("protocol", HASTY)
    return Duet(make_job("a", options=first, **changes), make_job("b", options=second, **changes), turns)


def slices_of(result: JobResult) -> Slices:
    return from_plain(Slices, result.details["turns"])


def players_of(talk: Talk) -> list[int]:
    """The two workers, the first first."""

    def found() -> list[int]:
        return sorted(pid for pid in children_of(talk.process.pid) if b"duet" in command_of(pid))

    wait_until(lambda: len(found()) == 2, "two workers")
    return found()


def wait_for_turns(talk: Talk, log: Path) -> None:
    """Until each has had its turn after both were warm."""
    wait_until(lambda: len([s for s in talk.stages if s.name == "timing"]) == 2, "both to be warm")
    before = len(log.read_bytes())
    wait_until(lambda: len(log.read_bytes()) > before + 3000, "turns")


def still_serves(talk: Talk) -> bool:
    return talk.ask(Have([]), Holdings) == Holdings([], [], [])


def test_both_sides_have_the_slices_that_make_whole_rounds(other_board: FolderBoard) -> None:
    talk = other_board.serve()
    done = talk.ask(make_duet(turns=Turns(0.003, 6, 0.0, 20.0, 1)), Duetted)
    assert (done.first.job_id, done.second.job_id) == ("a", "b")
    first, second = slices_of(done.first), slices_of(done.second)
    assert sorted(first.places + second.places) == list(range(24))
    for start in range(0, 24, 4):
        own = tuple(place - start for place in first.places if start <= place < start + 4)
        assert own in ((0, 3), (1, 2))
    assert {tuple(place % 4 for place in first.places[at : at + 2]) for at in range(0, 12, 2)} == {(0, 3), (1, 2)}
    for result, slices in ((done.first, first), (done.second, second)):
        assert sum(slices.inferences) == len(result.timing.latencies_ns)
        assert min(slices.inferences) >= 1
    assert still_serves(talk)


def test_nothing_of_a_duet_stays_on_the_board(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(make_duet(turns=Turns(0.002, 2, 0.0, 20.0, 5)), Duetted)
    assert board.spooled() == []
    assert not (board.work / "worker.pid").exists()
    talk.say(Bye())
    assert talk.exit_code() == 0


def test_an_ordinary_job_runs_after_a_duet(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(make_duet(turns=Turns(0.002, 2, 0.0, 20.0, 5)), Duetted)
    assert talk.run(make_job("later"), Result).result.job_id == "later"


def test_one_side_rests_while_the_other_works(board: FolderBoard, tmp_path: Path) -> None:
    """Each inference leaves a line: a slice is a stretch of lines by one of them."""
    log = str(tmp_path / "log")
    done = board.serve().ask(
        make_duet({**FAST, "log": log}, {**FAST, "log": log}, Turns(0.005, 5, 0.0, 20.0, 5)), Duetted
    )
    names = [line.split()[0] for line in Path(log).read_text().splitlines()]
    stretches = [names[0]] + [after for before, after in pairwise(names) if before != after]
    first, second = slices_of(done.first), slices_of(done.second)
    sides = [place in first.places for place in sorted(first.places + second.places)]
    changes = sum(before != after for before, after in pairwise(sides))
    # One loads and warms up, then the other does, and then the slices: those of one side in a row are one stretch.
    assert len(stretches) in (2 + changes, 3 + changes)


def test_the_second_loads_when_the_first_is_warm(board: FolderBoard) -> None:
    talk = board.serve()
    talk.ask(make_duet(turns=Turns(0.002, 2, 0.0, 20.0, 5)), Duetted)
    names = [stage.name for stage in talk.stages]
    assert names == ["loading", "checking", "timing", "checking", "timing", "finishing", "finishing"]
    assert [stage.quiet_s > 0 for stage in talk.stages] == [name == "timing" for name in names]


def test_an_inference_longer_than_a_slice_is_a_slice(board: FolderBoard) -> None:
    slow = {"sleep_ms": 20.0}
    done = board.serve().ask(make_duet(slow, FAST, Turns(0.002, 3, 0.0, 20.0, 5)), Duetted)
    assert slices_of(done.first).inferences == [1] * 6
    assert max(slices_of(done.second).inferences) > 1


def test_turns_end_at_their_limit_though_rounds_are_missing(board: FolderBoard) -> None:
    done = board.serve().ask(make_duet(turns=Turns(0.005, 10_000, 0.0, 0.2, 5)), Duetted)
    assert 2 <= len(slices_of(done.first).places) < 10_000


def test_threads_that_spin_are_waited_for_and_the_duet_goes_on(board: FolderBoard) -> None:
    done = board.serve().ask(make_duet(turns=Turns(0.002, 2, 0.0, 20.0, 5), threads=2), Duetted)
    assert len(slices_of(done.second).places) == 4


@pytest.mark.parametrize(("index", "side"), [(0, "first"), (1, "second")])
def test_a_side_that_is_killed_in_mid_duet_takes_the_other_along(
    board: FolderBoard, tmp_path: Path, index: int, side: str
) -> None:
    talk, log = board.serve(), tmp_path / "log"
    talk.say(make_duet({**FAST, "log": str(log)}, {**FAST, "log": str(log)}))
    players = players_of(talk)
    wait_for_turns(talk, log)
    os.kill(players[index], signal.SIGKILL)
    failed = talk.hear(DuetFailed)
    assert failed.side == side
    assert failed.failure.job_id == "ab"[index]
    assert (failed.failure.reason, "SIGKILL" in failed.failure.message) == ("crashed", True)
    assert not any(map(is_alive, players))
    assert still_serves(talk)


def test_a_side_that_crashes_while_the_other_waits_is_told_by_its_own_words(board: FolderBoard) -> None:
    failed = board.serve().ask(make_duet(FAST, {**FAST, "crash": "segfault", "crash_at": 40}), DuetFailed)
    assert failed.side == "second"
    assert "SIGSEGV" in failed.failure.message


@pytest.mark.parametrize(
    ("side", "options", "reason"),
    [
        ("first", {"rejected": "not a flatbuffer"}, "rejected"),
        ("second", {"rejected": "not a flatbuffer"}, "rejected"),
        ("second", {"crash": "nan"}, "wrong_output"),
        ("first", {"crash": "segfault", "crash_at": "load"}, "crashed"),
        ("second", {"crash": "oom", "oom_limit_bytes": 2**26}, "out_of_memory"),
        ("second", {"colour": "green"}, "unsupported"),
    ],
)
def test_a_model_that_does_not_run_is_told_with_its_side(
    board: FolderBoard, side: str, options: dict[str, Any], reason: str
) -> None:
    talk = board.serve()
    sides = (options, FAST) if side == "first" else (FAST, options)
    failed = talk.ask(make_duet(*sides), DuetFailed)
    assert (failed.side, failed.failure.reason) == (side, reason)
    assert children_of(talk.process.pid) == []
    assert still_serves(talk)


def test_a_hang_in_mid_duet_ends_at_the_deadline(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say(make_duet(FAST, {**FAST, "crash": "hang", "crash_at": 60}, deadline_s=3.0))
    players = players_of(talk)
    failed = talk.hear(DuetFailed)
    assert (failed.side, failed.failure.reason) == ("both", "timed_out")
    assert "its deadline of 3 s; the first was timing, the second timing" in failed.failure.message
    assert not any(map(is_alive, players))
    assert still_serves(talk)


def test_a_side_that_hangs_while_it_loads_is_named(board: FolderBoard) -> None:
    failed = board.serve().ask(make_duet(FAST, {"load_sleep_ms": 60_000.0}, deadline_s=2.0), DuetFailed)
    assert (failed.side, failed.failure.reason) == ("second", "timed_out")


def test_a_duet_that_nobody_waits_for_is_given_up(board: FolderBoard, tmp_path: Path) -> None:
    talk, log = board.serve(), tmp_path / "log"
    talk.say(make_duet({**FAST, "log": str(log)}, {**FAST, "log": str(log)}))
    players = players_of(talk)
    wait_for_turns(talk, log)
    talk.hang_up()
    assert talk.exit_code() == 0
    assert not any(map(is_alive, players))
    assert board.spooled() == []


def test_what_was_asked_behind_a_duet_that_nobody_waits_for_still_counts(board: FolderBoard) -> None:
    (board.work / "spool" / "former.json").write_bytes(b"a result")
    talk = board.serve()
    talk.say(make_duet())
    players = players_of(talk)
    for message in (make_duet(), Acknowledge("former")):
        talk.say(message)
    talk.hang_up()
    assert talk.exit_code() == 0
    assert not any(map(is_alive, players))
    assert board.spooled() == []
    assert not (board.work / "worker.pid").exists()


def test_the_workers_die_with_their_agent(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say(make_duet())
    players = players_of(talk)
    wait_until(lambda: len((board.work / "worker.pid").read_text().splitlines()) == 2, "both to be written down")
    os.kill(talk.process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, players)), "both to die")
    assert board.serve().ready.reaped == 0


def test_both_workers_that_an_agent_left_running_are_reaped(board: FolderBoard) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with Talk(["sleep", "60"], before=os.setsid) as one, Talk(["sleep", "60"], before=os.setsid) as other:
        pids = [sleeper.process.pid for sleeper in (one, other)]
        starts = [Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19] for pid in pids]
        lines = [f"{pid} {start} {boot}\n" for pid, start in zip(pids, starts, strict=True)]
        (board.work / "worker.pid").write_text("".join([lines[0], "half a li\n", lines[1]]))
        assert board.serve().ready.reaped == 2
        assert [sleeper.exit_code() for sleeper in (one, other)] == [-signal.SIGKILL] * 2


def test_a_model_that_is_not_on_the_board_is_missing(board: FolderBoard) -> None:
    talk, absent = board.serve(), ModelOnBoard("f" * 64, "absent", "fake", [])
    fault = talk.ask(Duet(make_job("a"), make_job("b", model=absent), ENDLESS), Error)
    assert (fault.code, "absent" in fault.message) == ("missing", True)
    assert still_serves(talk)


def test_what_a_library_prints_does_not_break_a_duet(board: FolderBoard) -> None:
    noisy = {**FAST, "crash": "stdout-garbage"}
    done = board.serve().ask(make_duet(noisy, noisy, Turns(0.002, 2, 0.0, 20.0, 5)), Duetted)
    assert len(slices_of(done.first).places) == 4
