"""Is a board fed from outside? What the kernel's power supplies say, and what they leave open."""

from pathlib import Path

import pytest

from agent.sensors import mains
from tests.agent.trees import BOARDS, lay_out, write

SUPPLIES = "/sys/class/power_supply/"


def plug_in(root: Path, name: str, **files: str | int) -> None:
    for file, content in files.items():
        write(root, f"{SUPPLIES}{name}/{file}", f"{content}\n")


@pytest.mark.parametrize("board", BOARDS)
def test_boards_without_a_battery_say_nothing_of_one(tmp_path: Path, board: str) -> None:
    root = lay_out(board, tmp_path)
    assert mains.read_supply(root) == (None, None)
    assert mains.describe(root) == []


def test_a_board_that_drains_its_battery_is_on_battery(tmp_path: Path) -> None:
    plug_in(tmp_path, "AC", type="Mains", online=0)
    plug_in(tmp_path, "BAT0", type="Battery", present=1, status="Discharging", capacity=71)
    assert mains.read_supply(str(tmp_path)) == (True, 71)
    assert mains.describe(str(tmp_path)) == ["battery"]


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging"])
def test_a_battery_that_rests_or_is_charged_means_mains(tmp_path: Path, status: str) -> None:
    plug_in(tmp_path, "BAT0", type="Battery", status=status, capacity=100)
    assert mains.read_supply(str(tmp_path)) == (False, 100)


def test_a_plug_that_is_in_goes_before_a_battery_that_helps_out(tmp_path: Path) -> None:
    plug_in(tmp_path, "BAT0", type="Battery", status="Discharging", capacity=50)
    plug_in(tmp_path, "usb", type="USB", online=1)
    assert mains.read_supply(str(tmp_path)) == (False, 50)


def test_a_gauge_that_does_not_know_leaves_it_open(tmp_path: Path) -> None:
    plug_in(tmp_path, "gauge", type="Battery", status="Unknown", capacity=33)
    assert mains.read_supply(str(tmp_path)) == (None, 33)


def test_an_empty_bay_and_a_mouse_are_no_batteries_of_the_board(tmp_path: Path) -> None:
    plug_in(tmp_path, "BAT1", type="Battery", present=0, status="Discharging", capacity=0)
    plug_in(tmp_path, "mouse", type="Battery", scope="Device", status="Discharging", capacity=9)
    assert mains.read_supply(str(tmp_path)) == (None, None)


@pytest.mark.parametrize("capacity", ["101", "-1", "half", ""])
def test_a_charge_that_cannot_be_is_none(tmp_path: Path, capacity: str) -> None:
    plug_in(tmp_path, "BAT0", type="Battery", status="Discharging", capacity=capacity)
    assert mains.read_supply(str(tmp_path)) == (True, None)
