"""The board keeps itself for whoever reserved it: against strangers, restarts, wrong clocks, garbage and kill -9."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import reservation
from agent.places import Places
from agent.protocol import LONGEST_S, Busy, Bye, Hello, Ready, Reservation, Reserved
from agent.reservation import FILE_NAME, Clock, Kept, left_s
from tests.agent.serving import FolderBoard, is_root, make_hello
from tests.waiting import wait_until

ANNA, BEN = "anna@lab", "ben@desk"
HOUR = 3600.0
NOON = 1_795_000_000.0
WISH = Reservation("a" * 32, ANNA, 2 * HOUR, "debugging")


def hello(owner: str = BEN, **more: Any) -> Hello:
    return make_hello(owner=owner, utc_s=more.pop("utc_s", NOON), **more)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(str(tmp_path / "work"))
    made.make()
    return made


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A board whose boot and time since then the tests set."""
    start(tmp_path / "root", "boot-1", 1000.0)
    return str(tmp_path / "root")


def start(root: Path | str, boot_id: str, up_s: float) -> None:
    boot = Path(root) / "proc/sys/kernel/random"
    boot.mkdir(parents=True, exist_ok=True)
    (boot / "boot_id").write_text(boot_id + "\n")
    (Path(root) / "proc/uptime").write_text(f"{up_s} 1.0\n")


def kept(places: Places) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(places.root) / FILE_NAME).read_text())
    return found


# Through a real agent, on the oldest and the newest Python -----------------------------------------


def test_a_stranger_hears_who_has_the_board_for_how_long_and_why(other_board: FolderBoard) -> None:
    talk = other_board.serve(owner=ANNA, utc_s=NOON, reserve=WISH)
    assert talk.ready.reserved is not None
    assert (talk.ready.reserved.id, talk.ready.reserved.why) == (WISH.id, "debugging")
    talk.say(Bye())
    talk.close()
    stranger = other_board.start()
    told = stranger.ask(hello(), Reserved).reservation
    assert (told.id, told.owner, told.why) == (WISH.id, ANNA, "debugging")
    assert HOUR < told.left_s <= 2 * HOUR
    assert stranger.ask(hello(ANNA), Ready).reserved is not None, "the same agent lets the owner in"


def test_whoever_says_that_it_is_over_gets_the_board_and_so_does_everybody_then(other_board: FolderBoard) -> None:
    other_board.serve(owner=ANNA, utc_s=NOON, reserve=WISH).close()
    lifting = other_board.start()
    assert isinstance(lifting.ask(hello(lift=["b" * 32]), Reserved), Reserved), "another key lifts nothing"
    assert lifting.ask(hello(lift=[WISH.id]), Ready).reserved is None
    assert not (other_board.work / FILE_NAME).exists()
    lifting.close()
    assert other_board.start().ask(hello(), Ready).notes == []


def test_an_agent_that_is_killed_leaves_the_reservation_and_no_lock(board: FolderBoard) -> None:
    talk = board.serve(owner=ANNA, utc_s=NOON, reserve=WISH)
    assert isinstance(board.start().ask(hello(ANNA), Busy), Busy), "the lock holds out the owner's second visit, too"
    os.kill(talk.process.pid, signal.SIGKILL)
    talk.process.wait(30)
    assert board.start().ask(hello(), Reserved).reservation.owner == ANNA
    assert board.start().ask(hello(ANNA), Ready).reserved == replace(WISH, left_s=pytest.approx(2 * HOUR, abs=600))


def test_a_stranger_who_waits_long_enough_gets_the_board_when_the_time_is_over(board: FolderBoard) -> None:
    board.serve(owner=ANNA, utc_s=NOON, reserve=replace(WISH, left_s=1.5)).close()
    assert board.start().ask(hello(lock_wait_s=30.0), Ready).reserved is None


def test_what_is_no_reservation_is_ignored_with_a_note_and_removed(board: FolderBoard) -> None:
    (board.work / FILE_NAME).write_bytes(b"\xff\x00 garbage")
    talk = board.serve(owner=BEN)
    (note,) = talk.ready.notes
    assert "reserved is ignored: it is not a reservation" in note
    talk.close()
    assert board.serve(owner=BEN).ready.notes == []


def wait_behind(board: FolderBoard, root: str, wish: Reservation, waited_s: float) -> Ready:
    """What the owner hears who reserved, and got the lock so much later by the board's clock."""
    first = board.serve(root, owner=ANNA, utc_s=NOON)
    second = board.start(root=root)
    second.say(hello(ANNA, reserve=wish, lock_wait_s=60.0))
    wait_until(lambda: second.heartbeats != [])  # it was greeted
    start(root, "boot-1", 1000.0 + waited_s)
    first.say(Bye())
    first.close()
    ready: Ready = second.hear(Ready)
    return ready


def test_a_wait_for_the_lock_is_no_longer_reservation(board: FolderBoard, root: str) -> None:
    ready = wait_behind(board, root, WISH, 0.5 * HOUR)
    assert ready.reserved == replace(WISH, left_s=1.5 * HOUR)
    held = json.loads((board.work / FILE_NAME).read_text())
    assert held["left_s"] == 1.5 * HOUR
    assert held["made_s"] + held["duration_s"] == NOON + 2 * HOUR, "it ends when its owner was told that it ends"


def test_a_reservation_that_was_over_before_its_owner_had_the_lock_is_not_written(
    board: FolderBoard, root: str
) -> None:
    ready = wait_behind(board, root, WISH, 2 * HOUR)
    assert (ready.reserved, ready.notes) == (None, [])
    assert not (board.work / FILE_NAME).exists()


# The file and the clocks, in this process ----------------------------------------------------------


def test_it_ends_by_the_time_that_the_board_is_up_whatever_the_calendar_says(places: Places, root: str) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    for utc_s in (0.0, NOON, NOON + 1e9):
        assert reservation.in_the_way(places, hello(utc_s=utc_s), root) == WISH
    start(root, "boot-1", 1000.0 + 2 * HOUR - 1)
    assert reservation.in_the_way(places, hello(), root) == replace(WISH, left_s=1.0)
    start(root, "boot-1", 1000.0 + 2 * HOUR)
    assert reservation.in_the_way(places, hello(), root) is None
    assert reservation.settle(places, hello(), root) == (None, [])
    assert not (Path(places.root) / FILE_NAME).exists()


def test_after_a_restart_the_time_since_then_and_the_askers_clock_count(places: Places, root: str) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    start(root, "boot-2", 600.0)
    slow = reservation.in_the_way(places, hello(utc_s=NOON - 1e6), root)
    right = reservation.in_the_way(places, hello(utc_s=NOON + HOUR), root)
    assert slow == replace(WISH, left_s=2 * HOUR - 600.0), "an asker's slow clock lengthens nothing"
    assert right == replace(WISH, left_s=HOUR)
    assert reservation.in_the_way(places, hello(utc_s=NOON + 2 * HOUR), root) is None
    start(root, "boot-2", 2 * HOUR)
    assert reservation.in_the_way(places, hello(utc_s=0.0), root) is None, "it never outlives its length after a start"


def test_a_board_that_restarts_again_and_again_does_not_keep_it_for_ever(places: Places, root: str) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    for boot in range(4):
        start(root, f"boot-{boot + 2}", 0.4 * HOUR)
        reservation.settle(places, hello(ANNA, utc_s=0.0), root)
    assert kept(places)["left_s"] == pytest.approx(0.4 * HOUR)
    start(root, "boot-9", 0.4 * HOUR)
    assert reservation.in_the_way(places, hello(utc_s=0.0), root) is None


def test_a_clock_that_ran_backwards_within_a_boot_is_taken_for_a_restart() -> None:
    made = Kept("a", ANNA, "x", NOON, HOUR, "boot-1", 1000.0, HOUR)
    assert left_s(made, Clock("boot-1", 400.0), NOON) == HOUR - 400.0


def test_a_board_without_those_files_has_a_clock_all_the_same(tmp_path: Path) -> None:
    first = reservation.read_clock(str(tmp_path))
    assert first.boot_id == ""
    assert reservation.read_clock(str(tmp_path)).up_s >= first.up_s


def test_a_strangers_clock_goes_on_while_he_waits(places: Places, root: str) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    start(root, "boot-2", 60.0)
    greeted = reservation.read_clock(root)
    told = reservation.in_the_way(places, hello(utc_s=NOON + HOUR), root, greeted)
    assert told == replace(WISH, left_s=HOUR)
    start(root, "boot-2", 60.0 + HOUR)
    assert reservation.in_the_way(places, hello(utc_s=NOON + HOUR), root, greeted) is None


def test_a_clock_that_ran_backwards_while_somebody_waited_lengthens_nothing(places: Places, root: str) -> None:
    found, _ = reservation.settle(places, hello(ANNA, reserve=WISH), root, Clock("boot-1", 5000.0))
    assert found == WISH


def test_the_owners_newer_reservation_replaces_the_older_one_and_the_same_one_is_left(
    places: Places, root: str
) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    start(root, "boot-1", 1000.0 + HOUR)
    same, _ = reservation.settle(places, hello(ANNA, reserve=WISH), root)
    assert same == replace(WISH, left_s=HOUR), "saying it twice does not lengthen it"
    newer = Reservation("b" * 32, ANNA, 5 * HOUR, "more")
    assert reservation.settle(places, hello(ANNA, reserve=newer, lift=[WISH.id]), root) == (newer, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"left_s": -1.0},
        {"left_s": 0.0},
        {"left_s": LONGEST_S * 2, "duration_s": LONGEST_S * 2},
        {"left_s": 10.0, "duration_s": 5.0},
        {"up_s": "soon"},
        {"owner": None},
        {"more": 1},
    ],
)
def test_a_file_that_makes_no_sense_keeps_nobody_out(places: Places, root: str, changes: dict[str, Any]) -> None:
    reservation.settle(places, hello(ANNA, reserve=WISH), root)
    (Path(places.root) / FILE_NAME).write_text(json.dumps(kept(places) | changes))
    assert reservation.in_the_way(places, hello(), root) is None
    nothing, (note,) = reservation.settle(places, hello(), root)
    assert nothing is None
    assert "is ignored" in note


@pytest.mark.parametrize("text", ["", "NaN", "[" * 9000, '{"left_s": NaN}', '{"a":' * 5000, "x" * 20000, "null"])
def test_no_text_whatever_breaks_the_agent(places: Places, text: str) -> None:
    (Path(places.root) / FILE_NAME).write_text(text)
    assert reservation.in_the_way(places, hello()) is None
    assert "is ignored" in reservation.settle(places, hello())[1][0]


def test_a_folder_or_a_pipe_in_its_place_keeps_nobody_out(places: Places) -> None:
    path = Path(places.root) / FILE_NAME
    os.mkfifo(path)
    assert reservation.in_the_way(places, hello()) is None
    reservation.settle(places, hello())
    path.mkdir()
    assert reservation.in_the_way(places, hello()) is None
    nothing, notes = reservation.settle(places, hello(ANNA, reserve=WISH))
    assert nothing is None
    assert any("cannot be written" in note for note in notes)


def test_a_reservation_that_cannot_be_written_is_a_note_and_the_visit_goes_on(places: Places) -> None:
    if is_root():
        (Path(places.root) / (FILE_NAME + ".new")).mkdir()
    else:
        Path(places.root).chmod(0o500)
    nothing, (note,) = reservation.settle(places, hello(ANNA, reserve=WISH))
    Path(places.root).chmod(0o700)
    assert nothing is None
    assert "cannot be written" in note


@pytest.mark.parametrize("wish", [replace(WISH, left_s=0.0), replace(WISH, left_s=LONGEST_S + 1)])
def test_no_board_is_reserved_for_no_time_or_for_too_long(places: Places, wish: Reservation) -> None:
    nothing, (note,) = reservation.settle(places, hello(ANNA, reserve=wish))
    assert nothing is None
    assert "cannot be written" in note


def test_nobody_reserves_without_a_name(places: Places) -> None:
    assert reservation.settle(places, hello("", reserve=WISH))[0] is None


def test_a_leftover_of_a_killed_writer_does_no_harm(places: Places) -> None:
    (Path(places.root) / (FILE_NAME + ".new")).write_text('{"half')
    assert reservation.in_the_way(places, hello()) is None
    found, notes = reservation.settle(places, hello(ANNA, reserve=WISH))
    assert (found is not None, notes) == (True, [])


def test_long_words_and_line_breaks_are_cut_before_they_are_kept(places: Places) -> None:
    reservation.settle(places, hello("anna\n@lab", reserve=replace(WISH, why="de\nbug " * 100)))
    told = reservation.in_the_way(places, hello())
    assert told is not None
    assert told.owner == "anna @lab"
    assert len(told.why) == 200
    assert "\n" not in told.why
