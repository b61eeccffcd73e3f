"""Taking turns, both sides in threads of this process: the token, its loss, and whose turn it is."""

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import duet_running, duet_turns, workshop
from agent.duet_running import RunningDuet
from agent.duet_turns import FIRST, SECOND, Partner, PartnerLeft, Seat, round_order
from agent.duet_worker import Part, decode_part, encode_part
from agent.places import Places
from agent.protocol import Duet, DuetFailed, Duetted, MeasureProtocol, Stage, ThermalGate, Turns
from agent.wire import WireError
from tests.agent.serving import MODEL, MODEL_DIGEST, make_job
from tests.agent.test_running import REPORTER, Stand
from tests.agent.trees import lay_out, write

PROTOCOL = MeasureProtocol("hasty", 1, 0.0, 0.0, 1, 0.0, 1.0)
BRIEF = Turns(0.0, 3, 0.0, 20.0, 4)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair()
    yield pair
    for end in pair:
        end.close()


def seat(side: int, end: socket.socket, turns: Turns = BRIEF, *, busy: bool = False) -> Seat:
    return Seat(side, turns, Partner(end.fileno()), busy)


def test_a_round_is_one_of_two_orders_and_both_come() -> None:
    dice = random.Random(1)
    assert {round_order(dice) for _ in range(50)} == {
        (FIRST, SECOND, SECOND, FIRST),
        (SECOND, FIRST, FIRST, SECOND),
    }


@pytest.mark.parametrize("seed", range(8))
def test_two_sides_agree_whose_turn_it_is(ends: tuple[socket.socket, socket.socket], seed: int) -> None:
    """The lines of both stand in the order that the seed draws, whatever each side's threads do."""
    turns, done = Turns(0.0, 5, 0.0, 20.0, seed), []
    sides = [seat(side, end, turns) for side, end in enumerate(ends)]

    def play(side: int) -> None:
        sides[side].wait_to_load()
        sides[side].take_turns(lambda: done.append(side), PROTOCOL, 1)

    other = threading.Thread(target=play, args=(SECOND,))
    other.start()
    play(FIRST)
    other.join(20)
    dice = random.Random(seed)
    assert done == [whose for _ in range(5) for whose in round_order(dice)]
    assert sorted(sides[0].slices.places + sides[1].slices.places) == list(range(20))
    assert sides[1].slices.inferences == [1] * 10


def test_who_waits_for_a_partner_that_leaves_hears_of_it(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].close()
    with pytest.raises(PartnerLeft):
        seat(FIRST, ends[0]).take_turns(lambda: None, PROTOCOL, 1)


def test_who_waits_to_load_hears_that_the_first_is_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    with pytest.raises(PartnerLeft):
        seat(SECOND, ends[1]).wait_to_load()


def test_a_socket_that_breaks_is_a_partner_that_left() -> None:
    closed = os.open(os.devnull, os.O_RDONLY)
    os.close(closed)
    for use in (Partner(closed).hand_over, Partner(closed).wait):
        with pytest.raises(PartnerLeft):
            use()


def test_that_the_partner_left_is_no_fault_of_a_job() -> None:
    """What a worker makes of an `Exception` would be told as a failure of its own model."""
    assert not issubclass(PartnerLeft, Exception)


def test_threads_that_never_rest_are_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duet_turns, "_REST_LIMIT_NS", 20_000_000)
    done = threading.Event()

    def spin() -> None:
        while not done.is_set():
            sum(range(1000))

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        duet_turns._come_to_rest()
        assert spinner.is_alive()
    finally:
        done.set()
        spinner.join()


def test_a_part_comes_out_as_it_went_in() -> None:
    part = Part(make_job(), BRIEF, SECOND)
    assert decode_part(encode_part(part)) == part


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"job": 1, "turns": 2, "side": 0}', b"null"])
def test_what_is_no_part_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_part(data)


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x00" * 5000])
def test_a_worker_of_a_duet_that_is_told_nonsense_says_so(data: bytes) -> None:
    read, write = os.pipe()
    argv = [sys.executable, "-m", "agent", "duet", "--model", "m", "--report-fd", str(write)]
    argv += ["--parent", str(os.getpid()), "--partner-fd", str(read)]
    done = subprocess.run(argv, input=data, capture_output=True, pass_fds=(read, write), timeout=60, check=False)
    for descriptor in (read, write):
        os.close(descriptor)
    assert done.returncode == 1
    assert b"a worker takes one job on its standard input" in done.stderr


# ------------------------------------------------------------------- workers that are not what they should be


class DuetStand(Stand):
    """Drives a duet as the supervisor's loop does."""

    def __init__(self, places: Places, duet: Duet, root: str = "/") -> None:
        super().__init__(places, duet.first)
        self.stages: list[Stage] = []
        files = [(places.blob(MODEL_DIGEST), None)] * 2
        self.job: Any = RunningDuet(places, duet, files, self.stages.append, self._watch, self._unwatch, root)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    Path(found.blob(MODEL_DIGEST)).write_bytes(MODEL)
    return found


def outcome_with(monkeypatch: pytest.MonkeyPatch, places: Places, script: str, **changes: Any) -> Any:
    monkeypatch.setattr(workshop, "command", lambda _: [sys.executable, "-I", "-S", "-c", REPORTER + script])
    stand = DuetStand(places, Duet(make_job("a", **changes), make_job("b", **changes), BRIEF))
    try:
        return stand.run()
    finally:
        stand.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("os.write(fd, b'\\xff\\x00 garbage\\n'); time.sleep(60)", "something else than a report"),
        ('os.write(fd, b\'{"kind":"measured"}\\n\'); time.sleep(60)', "something else than a report"),
        ("sys.exit(0)", "exit code 0 and no report"),
        ("sys.exit(75)", "exit code 75 and no report"),
    ],
)
def test_workers_that_report_nonsense_or_nothing_are_a_failed_duet(
    monkeypatch: pytest.MonkeyPatch, places: Places, script: str, words: str
) -> None:
    failed = outcome_with(monkeypatch, places, script)
    assert isinstance(failed, DuetFailed)
    assert failed.side in ("first", "second")
    assert words in failed.failure.message


def test_workers_that_never_say_a_word_end_at_the_deadline(monkeypatch: pytest.MonkeyPatch, places: Places) -> None:
    failed = outcome_with(monkeypatch, places, "time.sleep(60)", deadline_s=0.3)
    assert (failed.side, failed.failure.reason) == ("first", "timed_out")


def test_a_program_that_cannot_be_started_is_a_failed_duet(monkeypatch: pytest.MonkeyPatch, places: Places) -> None:
    monkeypatch.setattr(workshop, "command", lambda _: ["/nowhere/python3"])
    stand = DuetStand(places, Duet(make_job("a"), make_job("b"), BRIEF))
    failed = stand.run()
    stand.close()
    assert (failed.side, "no worker process can be started" in failed.failure.message) == ("both", True)


def test_a_result_that_no_line_can_hold_says_what_to_do(monkeypatch: pytest.MonkeyPatch, places: Places) -> None:
    monkeypatch.setattr(duet_running, "MAX_LINE_BYTES", 500)
    stand = DuetStand(places, Duet(make_job("a"), make_job("b"), BRIEF))
    try:
        failed = stand.run()
    finally:
        stand.close()
    assert (failed.side, "take turns for a shorter time" in failed.failure.message) == ("both", True)


def test_a_hot_board_is_waited_for(places: Places, tmp_path: Path) -> None:
    root = lay_out("raspberry-pi-4", tmp_path / "pi")
    warm = make_job("a", thermal=ThermalGate(45.0, poll_s=0.05, limit_s=60.0))
    stand = DuetStand(places, Duet(warm, make_job("b"), BRIEF), root)
    try:
        for _ in range(10):
            stand.step()
        assert [stage.name for stage in stand.stages] == ["cooling"]
        write(root, "/sys/class/thermal/thermal_zone0/temp", "40000")
        done = stand.run()
    finally:
        stand.close()
    assert done.first.details["thermal_gate"] == done.second.details["thermal_gate"] == "cool"
    assert done.second.conditions_before.temperatures_c == {"cpu-thermal": 40.0}


def test_a_duet_driven_by_hand_is_played(places: Places) -> None:
    stand = DuetStand(places, Duet(make_job("a"), make_job("b"), BRIEF))
    try:
        assert isinstance(stand.run(), Duetted)
    finally:
        stand.close()
    assert not stand.job.quiet
    assert not Path(places.worker).exists()
