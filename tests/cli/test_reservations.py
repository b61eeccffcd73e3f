"""Reserving boards on the command line, in this process; the board is this machine with an agent of its own."""

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.claims import myself
from orchestrator.launch import open_links
from orchestrator.links import Link
from orchestrator.moments import moment_text
from orchestrator.store import Store
from orchestrator.visits import reserving
from tests.cli.conftest import Dynofarm
from tests.farming import QUICKEST

Become = Callable[[str], None]


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Become:
    """Go on as another user of this machine, who shares the store."""

    def change(name: str) -> None:
        for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            monkeypatch.setenv(variable, name)

    change("anna")
    return change


@pytest.fixture
def bench(farm: Path, tmp_path: Path, become: Become) -> Path:
    """A farm with this machine, which has a work folder of its own."""
    profile = farm / "device_profiles" / "local.yaml"
    profile.write_text(f"transport: local\nwork_dir: {tmp_path / 'work'}\n")
    return farm


@pytest.fixture
def fakes(dynofarm: Dynofarm, bench: Path, fake_model: Path) -> str:
    """A sweep of the fake model."""
    dynofarm("model", "add", str(fake_model), "--no-reference").ok()
    axes = "models: [fake]\nruntimes: [fake]\non: [all]\nrepeats: 1\noptions: {sleep_ms: 1}\nreference: false\n"
    (bench / "sweeps" / "fakes.yaml").write_text(axes + QUICKEST)
    return "sweeps/fakes.yaml"


def keep(farm: Path, owner: str, why: str = "debugging", name: str = "local") -> None:
    """Reserved in the store alone, as if the board could not be reached then."""
    now = datetime.now(UTC)
    with Store.open(farm / "results.db", create=True) as store:
        store.reservations.reserve([name], owner, why, now, now + timedelta(hours=2))


def test_a_board_is_reserved_told_listed_and_given_back(dynofarm: Dynofarm, bench: Path, tmp_path: Path) -> None:
    said = dynofarm("device", "reserve", "local", "--for", "2h", "--why", "debugging").ok()
    assert "local is yours until" in said.err
    assert "does not know yet" not in said.err
    assert json.loads((tmp_path / "work" / "reserved").read_text())["owner"] == myself()
    (row,) = dynofarm("device", "reservations", "--json").ok().json
    assert (row["device"], row["owner"], row["why"], row["ending"]) == ("local", myself(), "debugging", None)
    assert row["told"] is not None
    assert "debugging" in dynofarm("device", "list").ok().out
    assert "(debugging)" in dynofarm("device", "show", "local").ok().out
    assert dynofarm("device", "show", "local", "--json").ok().json["standing"]["reserved_by"] == myself()
    assert "local is free again" in dynofarm("device", "release", "local").ok().err
    assert not (tmp_path / "work" / "reserved").exists()
    assert dynofarm("device", "reservations", "--json").ok().json == []
    (row,) = dynofarm("device", "reservations", "--history", "--json").ok().json
    assert (row["ending"], row["ended_by"]) == ("released", myself())


def test_everybody_elses_verbs_leave_a_reserved_board_out_and_say_who_has_it(
    dynofarm: Dynofarm, bench: Path, fakes: str, become: Become
) -> None:
    keep(bench, "ben@lab")
    for words in (
        ("run", fakes),
        ("run", fakes, "--dry-run"),
        ("health", "--on", "local"),
        ("noise",),
        ("doctor", "local"),
        ("device", "check", "local"),
    ):
        said = dynofarm(*words).failed(2)
        assert "local is left out: reserved by ben@lab until " in said.err, words
        assert "(debugging)" in said.err
        assert "every chosen board is reserved: local" in said.err
    assert dynofarm("sweeps", "--json").ok().json == []


def test_the_owner_measures_on_the_reserved_board_which_then_knows(
    dynofarm: Dynofarm, bench: Path, tmp_path: Path
) -> None:
    keep(bench, myself())
    (row,) = dynofarm("device", "reservations", "--json").ok().json
    assert row["told"] is None
    assert "not yet" in dynofarm("device", "reservations").ok().out
    dynofarm("device", "check", "local").ok()
    (row,) = dynofarm("device", "reservations", "--json").ok().json
    assert row["told"] is not None
    assert json.loads((tmp_path / "work" / "reserved").read_text())["why"] == "debugging"


def test_the_jobs_of_a_reserved_board_stay_owed_until_it_is_free(
    dynofarm: Dynofarm, bench: Path, fakes: str, become: Become
) -> None:
    dynofarm("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    dynofarm("run", fakes).failed(4)
    dynofarm("device", "edit", "local", "--set", "python=python3").ok()
    keep(bench, "ben@lab")
    said = dynofarm("run", "--resume", "1").failed(1)
    assert "local is left out: reserved by ben@lab" in said.err
    assert "1 job is still to do" in said.err
    dynofarm("device", "release", "local", "--force").ok()
    dynofarm("run", "--resume", "1").ok()
    trail = dynofarm("device", "reservations", "--history", "--json").ok().json
    assert [(row["kind"], row["ending"]) for row in trail] == [("sweep", "done"), ("reservation", "forced")]
    assert trail[0]["why"] == "fakes"
    assert trail[0]["sweep"] == 1


def test_somebody_elses_reservation_needs_force_and_that_is_written_down(
    dynofarm: Dynofarm, bench: Path, become: Become, tmp_path: Path
) -> None:
    dynofarm("device", "reserve", "local", "--for", "1d", "--why", "long work").ok()
    anna = myself()
    become("ben")
    for words in (("release", "local"), ("reserve", "local", "--for", "1h", "--why", "mine")):
        said = dynofarm("device", *words).failed(4)
        assert f"local is reserved by {anna} until " in said.err
        assert "(long work)" in said.err
        assert "dynofarm device release local --force" in said.err
    said = dynofarm("device", "release", "local", "--force").ok()
    assert f"it was taken from {anna} (long work)" in said.err
    assert not (tmp_path / "work" / "reserved").exists()
    assert f"taken away by {myself()}" in dynofarm("device", "reservations", "--history").ok().out


def test_a_board_that_cannot_be_reached_is_reserved_and_hears_of_it_later(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    (row,) = dynofarm("device", "reserve", "local", "--for", "1h", "--why", "x", "--json").ok().json
    assert (row["done"], row["board_knows"]) == (True, False)
    assert "local" in row["trouble"]
    said = dynofarm("device", "release", "local").ok()
    assert "local is free again" in said.err
    assert "the board does not know yet: local: " in said.err
    assert dynofarm("device", "release", "local").ok().err.count("was not reserved, as far as is known") == 1


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed when the boards are about to be visited."""

    def stopped(*given: Any) -> list[Link]:
        signal.raise_signal(signal.SIGINT)
        return open_links(*given)

    monkeypatch.setattr(reserving, "open_links", stopped)


def test_a_reservation_that_is_cut_short_stands_and_nothing_is_said_of_the_board(
    dynofarm: Dynofarm, bench: Path, ctrl_c: None
) -> None:
    words = ("device", "reserve", "local", "--for", "1h", "--why", "x")
    said = dynofarm(*words).failed(130)
    assert "local is yours until " in said.err
    assert "the board does not know yet: local: stopped before it answered; it hears of it at your next" in said.err
    (row,) = dynofarm(*words, "--json").failed(130).json
    assert (row["done"], row["board_knows"]) == (True, False)
    assert row["trouble"] == "local: stopped before it answered"
    (row,) = dynofarm("device", "reservations", "--json").ok().json
    assert (row["owner"], row["told"]) == (myself(), None)


def test_a_release_that_is_cut_short_ends_as_stopped(dynofarm: Dynofarm, bench: Path, ctrl_c: None) -> None:
    keep(bench, myself())
    said = dynofarm("device", "release", "local").failed(130)
    assert "local is free again" in said.err
    assert "the board does not know yet: local: stopped before it answered" in said.err
    assert dynofarm("device", "reservations", "--json").ok().json == []
    assert "was not reserved, as far as is known" in dynofarm("device", "release", "local").failed(130).err


def test_a_reservation_from_another_store_is_met_on_the_board(
    dynofarm: Dynofarm, bench: Path, fakes: str, become: Become, tmp_path: Path
) -> None:
    dynofarm("device", "reserve", "local", "--for", "2h", "--why", "debugging").ok()
    anna = myself()
    (bench / "results.db").unlink()
    for more in bench.glob("results.db-*"):
        more.unlink()
    dynofarm("model", "add", str(tmp_path / "fake.json"), "--no-reference").ok()
    become("ben")
    assert f"local is reserved by {anna} until " in dynofarm("device", "check", "local").failed(4).err
    said = dynofarm("run", fakes, "--quiet").failed(4)
    assert "1 job is still to do" in said.err
    said = dynofarm("device", "reserve", "local", "--for", "1h", "--why", "mine").failed(4)
    assert f"local is reserved by {anna} until " in said.err
    assert dynofarm("device", "reservations", "--json").ok().json == []
    assert "--force" in dynofarm("device", "release", "local").failed(4).err
    assert "it was taken from" in dynofarm("device", "release", "local", "--force").ok().err
    assert not (tmp_path / "work" / "reserved").exists()
    trail = dynofarm("device", "reservations", "local", "--history", "--json").ok().json
    assert [(row["owner"], row["ending"], row["ended_by"]) for row in trail] == [
        (anna, "forced", myself()),
        (myself(), "refused", myself()),
    ]


def test_ones_own_reservation_from_another_store_is_given_back(dynofarm: Dynofarm, bench: Path, tmp_path: Path) -> None:
    dynofarm("device", "reserve", "local", "--for", "2h", "--why", "debugging").ok()
    for file in bench.glob("results.db*"):
        file.unlink()
    assert "local is free again" in dynofarm("device", "release", "local").ok().err
    assert not (tmp_path / "work" / "reserved").exists()


def test_a_strangers_words_do_not_drive_the_terminal(dynofarm: Dynofarm, bench: Path, fakes: str) -> None:
    keep(bench, "ben\x1b]0;owned\x07@lab", "wipe\x1b[2J\u202ethis")
    dynofarm("device", "add", "desk", "--local", "--no-check").ok()
    for words in (
        ("device", "list"),
        ("device", "show", "local"),
        ("device", "reservations"),
        ("device", "reservations", "--history"),
        ("run", fakes, "--dry-run"),
        ("device", "release", "local"),
    ):
        said = dynofarm(*words)
        assert "wipe\\x1b[2J" in said.out + said.err, words
        assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err), words


def test_what_makes_no_sense_is_refused_and_empty_lists_say_so(dynofarm: Dynofarm, farm: Path) -> None:
    for_, why = ("--for", "2h"), ("--why", "x")
    for words, told in (
        (("reserve", "kitchn", *for_, *why), "no board matches 'kitchn'"),
        (("reserve", "local", "--for", "0", *why), "--for 0: a board is reserved for more than no time"),
        (("reserve", "local", "--for", "31d", *why), "at most 30 days"),
        (("reserve", "local", "--for", "-2h", *why), "--for: '-2h' is not a duration"),
        (("reserve", "local", "--for", "soon", *why), "--for: 'soon' is not a duration"),
        (("reserve", "local", *for_, "--why", " \n "), "--why: a reason of 1 to 200 characters"),
        (("reserve", "local", *for_, "--why", "x" * 201), "--why: a reason of 1 to 200 characters"),
        (("reserve", "local", *for_), "--why"),
        (("reserve", "local", *why), "--for"),
        (("release", "kitchn"), "no board matches 'kitchn'"),
        (("reservations", "kitchn"), "no board matches 'kitchn'"),
    ):
        assert told in dynofarm("device", *words).failed(2).err, words
    assert "nothing is reserved" in dynofarm("device", "reservations").ok().out
    assert "nobody had a board yet" in dynofarm("device", "reservations", "--history").ok().out


def test_moments_are_told_as_people_read_them() -> None:
    now = datetime(2026, 11, 3, 12, 30, 0, tzinfo=UTC)
    assert moment_text(now + timedelta(hours=2, seconds=-1), now) == "14:30"
    assert moment_text(now + timedelta(seconds=30), now) == "12:30:30"
    assert moment_text(now + timedelta(days=1), now) == "2026-11-04 12:30"
    assert moment_text(now + timedelta(hours=12), now) == "2026-11-04 00:30"
