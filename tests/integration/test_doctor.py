"""`dynofarm doctor` on real boards: what is busy is named, nothing is left behind, a board in use is not disturbed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.doctor import CODES
from tests.boards.loopback import LoopbackBoard
from tests.farming import TestFarm
from tests.pythons import find_python

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]


@contextmanager
def busy_process() -> Iterator[int]:
    """A process that does nothing but work, beside the boards; the busiest even where the other tests work too."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as burner:
        try:
            if os.geteuid() == 0:
                os.setpriority(os.PRIO_PROCESS, burner.pid, -20)
            yield burner.pid
        finally:
            burner.kill()


def test_a_busy_process_beside_a_board_is_named_with_the_command_that_ends_it(
    make_board: MakeBoard, farm: TestFarm
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.add_board(make_board("attic"))
    with busy_process() as pid:
        said = farm.run("doctor", "kitchen", "--on", "attic", "--seconds", "2").failed(1)
    pages = re.split(r"^(?=\S+: )", said.out, flags=re.MULTILINE)[1:]
    assert [page.partition(":")[0] for page in pages] == ["attic", "kitchen"]
    for page in pages:
        assert "(watched for " in page
        assert f"(process {pid} of " in page
        assert re.search(rf"on (kitchen|attic): (sudo )?kill {pid}$", page, re.MULTILINE)


def test_it_leaves_nothing_running_and_stores_what_the_board_is(make_board: MakeBoard, farm: TestFarm) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("doctor", "kitchen", "--seconds", "0.2")
    assert not board.agents()
    assert farm.run("device", "show", "kitchen", "--json").ok().json["facts"]["cores"] >= 1


def test_json_holds_findings_and_all_that_was_looked_at(farm: TestFarm) -> None:
    farm.add_local()
    with busy_process() as pid:
        said = farm.run("doctor", "--on", "local", "--seconds", "1", "--json").failed(1)
    (board,) = said.json
    assert (board["device"], board["reached"], board["spoilt"], board["error"]) == ("local", True, True, None)
    assert {finding["code"] for finding in board["findings"]} <= set(CODES)
    named = [one for one in board["findings"] if f"(process {pid} " in one["finding"]]
    assert [one["code"] for one in named] == ["busy"]
    assert pid in [process["pid"] for process in board["examined"]["company"]["busiest"]]
    assert said.err == ""


def test_a_board_that_another_holds_is_not_disturbed_and_the_holder_is_named(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.add_local("desk")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    running = farm.watch("run", farm.sweep_of_fakes("kitchen", repeats=2, options="{sleep_ms: 1500}"))
    running.wait_for("kitchen  receives")
    said = farm.run("doctor", "all", "--seconds", "0.3").failed(4)
    assert "kitchen is busy: held by" in said.err
    assert "desk: " in said.out
    assert "kitchen: " not in said.out
    (held,) = [one for one in farm.run("doctor", "kitchen", "--json").failed(4).json if not one["reached"]]
    assert f"process {running.process.pid}" in held["error"]
    assert (held["findings"], held["examined"], held["spoilt"]) == ([], None, False)
    patient = farm.run("doctor", "kitchen", "--seconds", "0.3", "--wait", "60s")
    assert patient.status in (0, 1)
    assert "kitchen: " in patient.out
    running.end().ok()


def test_a_board_that_cannot_be_reached_does_not_hide_the_others(make_board: MakeBoard, farm: TestFarm) -> None:
    gone, here = make_board("gone"), make_board("here")
    farm.add_board(gone)
    farm.add_board(here)
    gone.stop()
    said = farm.run("doctor", "--seconds", "0.3").failed(4)
    assert "here: " in said.out
    assert "gone" in said.err
    assert "next:" in said.err


def test_an_agent_that_dies_while_it_watches_is_said_in_a_sentence(make_board: MakeBoard, farm: TestFarm) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    running = farm.watch("doctor", "--seconds", "30")
    running.wait_for("watched for 30 s")
    assert board.kill_agents()
    said = running.end().failed(4)
    assert "kitchen: " in said.err
    assert "killed" in said.err


def test_stopping_it_ends_at_once_and_leaves_no_agent(make_board: MakeBoard, farm: TestFarm) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    running = farm.watch("doctor", "--seconds", "60")
    running.wait_for("watched for 60 s")
    running.process.send_signal(signal.SIGINT)
    said = running.end(30).failed(130)
    assert "kitchen: not examined" in said.err


def test_the_oldest_python_examines_as_well(farm: TestFarm) -> None:
    python = find_python("3.8")
    if python is None:
        pytest.skip("there is no Python 3.8 on this machine")
    farm.add_local()
    farm.run("device", "edit", "local", "--set", f"python={python}").ok()
    said = farm.run("doctor", "local", "--seconds", "0.3", "--json")
    assert said.status in (0, 1)
    assert said.json[0]["examined"]["interval_s"] >= 0.3
    assert farm.run("device", "show", "local", "--json").ok().json["facts"]["python"].startswith("3.8.")


def test_what_the_store_knows_of_a_board_is_among_the_findings(farm: TestFarm) -> None:
    farm.add_local()
    farm.run("doctor", "--seconds", "0.1")
    with farm.store() as store:
        store.quarantine("local", "12 % slow since Tuesday", datetime(2026, 11, 3, tzinfo=UTC))
    said = farm.run("doctor", "--seconds", "0.1").failed(1)
    assert "taken out of rotation on 2026-11-03: 12 % slow since Tuesday" in said.out
    assert "here: dynofarm health --release local" in said.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "no board matches 'nowhere'"),
        (("--seconds", "0"), "--seconds"),
        (("--seconds", "61"), "--seconds"),
        (("--wait", "soon"), "soon"),
    ],
)
def test_a_wrong_command_line_is_said_before_any_board_is_bothered(
    farm: TestFarm, words: tuple[str, ...], complaint: str
) -> None:
    farm.add_local()
    said = farm.run("doctor", *words).failed(2)
    assert complaint in said.err


def test_without_boards_the_next_step_is_named(farm: TestFarm) -> None:
    for profile in (farm.root / "device_profiles").glob("*.yaml"):
        profile.unlink()
    assert "dynofarm device add" in farm.run("doctor").failed(2).err
