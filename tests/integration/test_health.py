"""Boards that become slow, found on real boards: the reference model on litert, and sweeps of the fake runtime."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.health import State, chart, health_of, visits_of
from orchestrator.reference_model import reference_model
from orchestrator.sweep import REFERENCE, Purpose, Sweep
from tests.boards.loopback import LoopbackBoard
from tests.farming import TestFarm
from tests.making import make_conditions, make_job, make_result, make_run

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]


def remember(farm: TestFarm, board: str, median_ns: float, visits: int, version: str) -> None:
    """Health checks of earlier days, on a board that then had another kernel's boot and stood at this latency."""
    model = reference_model()
    with farm.store() as store:
        for day in range(visits):
            at = datetime.now(UTC) - timedelta(days=visits - day)
            named = {"model": model.name, "model_digest": model.digest, "protocol": REFERENCE}
            job = make_job(f"{day:032x}", device=board, **named)
            level_ns = round(median_ns * (1 + 0.002 * (day % 3)))
            then = make_conditions(boot_id="an earlier one", governor=None, temperatures_c={}, clock_khz=None)
            result = make_result(
                job.job_id, [level_ns] * 100, runtime_version=version, conditions_before=then, conditions_after=then
            )
            sweep = Sweep("health", (model.name,), ("all",), reference=False, purpose=Purpose.HEALTH)
            store.create_sweep(sweep, [job], [model], at)
            store.save_run(replace(make_run(job, started=at, finished=at), result=result))


def test_a_board_that_cannot_be_looked_at_for_want_of_a_runtime_says_so(farm: TestFarm) -> None:
    farm.add_local()
    away = {"PIP_NO_INDEX": "1", "XDG_CACHE_HOME": str(farm.root / "empty")}
    (found,) = farm.run("health", "--runs", "1", "--json", environment=away).json
    assert found["state"] == "unseen"
    assert "no package index can be reached" in " ".join(found["why"])
    assert farm.sql("SELECT owed FROM sweeps_view") == [{"owed": 0}]


@pytest.mark.timeout(300)
def test_a_board_that_became_slow_is_found_taken_out_left_out_and_put_back(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    first = farm.run("health", "--runs", "2", "--json").json[0]
    if first["state"] == "unseen":
        pytest.skip(f"the reference model cannot run here: {first['why']}")
    assert (first["state"], first["visits"]) == ("learning", 1)
    (known,) = farm.sql("select runtime_version, median_ns from runs_view limit 1")
    # Far faster than the board ever was, so that no load of this machine, then or now, hides what is to be found.
    remember(farm, "kitchen", first["latency_ns"] / 20, 10, known["runtime_version"])

    said = farm.run("health", "--runs", "2").failed(1)

    assert "kitchen: not as usual; looking again" in said.err
    assert "kitchen was taken out of rotation: " in said.err
    (record,) = farm.sql("select * from quarantine_view")
    today = datetime.now().astimezone().strftime("%A %Y-%m-%d")
    assert " % slow since " in record["reason"]
    assert today in record["reason"]
    assert "another boot" in record["reason"]
    assert "in quarantine" in said.out

    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    left_out = farm.run("run", farm.sweep_of_fakes("kitchen")).failed(2)
    assert "every chosen board is in quarantine: kitchen" in left_out.err

    # Still slow: said, and not an alarm a second time.
    again = farm.run("health", "--runs", "1", "--json", "-q").ok().json[0]
    assert again["state"] == "moved"
    assert again["quarantine"]["reason"] == record["reason"]

    farm.run("health", "--new-baseline", "kitchen").ok()
    assert farm.run("health", "--runs", "1", "--json", "-q").ok().json[0]["state"] == "learning"
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1)).ok()


def test_a_board_that_cannot_be_reached_is_not_measured_and_owes_nothing(farm: TestFarm) -> None:
    farm.add_local()
    farm.run("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    said = farm.run("health", "--runs", "1", "--json").failed(4)
    assert said.json[0]["state"] == "unseen"
    assert farm.run("sweeps", "--json").ok().json[0]["owed"] == 0
    assert "no sweep is unfinished" in farm.run("run", "--resume").failed(2).err


def test_a_step_in_the_inferences_of_a_board_is_dated_to_the_sweep_in_which_it_began(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    for index in range(10):
        options = "{sleep_ms: 20}" if index < 8 else "{sleep_ms: 40}"
        farm.run("run", farm.sweep_of_fakes("kitchen", repeats=1, options=options)).ok()
    digest = json.loads(farm.run("model", "list", "--json").ok().out)[0]["digest"]
    with farm.store() as store:
        visits = visits_of(store.reference_runs("kitchen", digest, "tiny"))
    found = health_of("kitchen", visits, chart(visits, []))
    assert found.state is State.MOVED
    assert found.since == visits[8].started
    assert found.last_well == visits[7].started
    assert found.moved == pytest.approx(1.0, abs=0.2)


def test_two_boards_that_are_copies_are_told_apart(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> None:
    assert "no two of these boards are known to be copies" in farm.run("spread").ok().err
    for name, group in (("kitchen", "a"), ("attic", "b")):
        farm.add_board(make_board(name), "--group", group)
        farm.run("device", "edit", name, "--set", "board_model=pi4").ok()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    assert "no case was measured on two copies of pi4" in farm.run("spread").ok().err
    farm.run("run", farm.sweep_of_fakes("'kitchen, attic'", options="{sleep_ms: 5}")).ok()
    (board,) = farm.run("spread", "--json").ok().json
    assert (board["board"], sorted(board["units"])) == ("pi4", ["attic", "kitchen"])
    assert board["cases"][0]["runs"] == 4
    assert "between copies" in farm.run("spread").ok().out
    farm.run("device", "edit", "attic", "--set", "board_model=pi5").ok()
    assert "no two of these boards are known to be copies" in farm.run("spread").ok().err
