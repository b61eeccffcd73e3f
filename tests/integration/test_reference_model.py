"""The reference model in sweeps of the real command on a real sshd board: when it runs, what users see of it."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]
AXES = "models: [fake]\nruntimes: [fake]\non: [kitchen]\n"


@pytest.fixture
def looking(make_board: MakeBoard, farm: TestFarm, fake_model: Path) -> TestFarm:
    """A farm with one board that can have LiteRT's library."""
    farm.add_board(make_board("kitchen"))
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    farm.write_sweep("look", f"{AXES}options: {{sleep_ms: 1}}\nrepeats: 1\n{QUICKEST}")
    farm.run("run", "sweeps/look.yaml").ok()
    (first, *_) = looks(farm)
    if first[1] == RunStatus.SKIPPED:
        pytest.skip("LiteRT's library cannot be had: no package index, and nothing cached")
    (farm.root / "results.db").unlink()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def looks(farm: TestFarm) -> list[tuple[int, str]]:
    """Block and status of every run of the reference model, in the order in which they ran."""
    with farm.store() as store:
        return [(run.block, run.status) for run in store.runs(RunFilter(roles=(Role.REFERENCE,)))]


def test_a_board_is_looked_at_around_every_block_and_the_user_sees_what_was_asked_for(looking: TestFarm) -> None:
    sweep = looking.write_sweep("two", f"{AXES}options: {{sleep_ms: 1}}\nrepeats: 2\n{QUICKEST}")
    done = looking.run("run", sweep).ok()
    told = [line.removeprefix("kitchen  ") for line in done.err.splitlines() if line.startswith("kitchen  ")]
    jobs = [line.split(":")[0] for line in told if "median of" in line]
    case = "fake · fake · 1 thread · sleep_ms=1"
    assert jobs == ["reference model", f"1/2 {case}", "reference model", f"2/2 {case}", "reference model"]
    assert "\nsweep 1: 2 ok" in done.err
    assert "dynofarm-reference" not in done.out
    assert looks(looking) == [(0, "ok"), (1, "ok"), (2, "ok")]
    assert looking.run("sweeps", "--json").ok().json[0]["jobs"] == 2
    rows = looking.run("results", "--role", "reference", "--json").ok().json
    assert {(row["model"], row["runtime"], row["protocol"]) for row in rows} == {
        ("dynofarm-reference", "litert", "reference")
    }
    assert len(looking.run("results", "--json").ok().json) == 2


def test_the_second_sweep_sends_neither_the_library_nor_the_model_again(looking: TestFarm) -> None:
    assert "receives" not in looking.run("run", "sweeps/look.yaml").ok().err


@pytest.mark.parametrize(
    ("key", "option", "count"),
    [
        ("reference: false\n", (), 0),
        ("reference: false\n", ("--reference",), 2),
        ("reference: true\n", ("--no-reference",), 0),
        ("", ("--no-reference",), 0),
        ("", (), 2),
    ],
)
def test_the_file_may_leave_it_out_and_the_command_line_has_the_last_word(
    farm: TestFarm, fake_model: Path, key: str, option: tuple[str, ...], count: int
) -> None:
    farm.add_local("kitchen")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    sweep = farm.write_sweep("s", f"{AXES}options: {{sleep_ms: 1}}\nrepeats: 1\n{QUICKEST}{key}")
    farm.run("run", sweep, *option).ok()
    assert len(looks(farm)) == count
    assert len(farm.run("results", "--json").ok().json) == 1


def test_a_killed_orchestrator_resumes_with_a_look_at_the_board(looking: TestFarm) -> None:
    sweep = looking.write_sweep("slow", f"{AXES}options: {{sleep_ms: 30}}\nrepeats: 3\n{QUICKEST}")
    running = looking.watch("run", sweep)
    running.wait_for("2/3 fake")
    os.killpg(running.process.pid, signal.SIGKILL)
    running.end()
    before = len(looks(looking))
    done = looking.run("run", "--resume", "--wait", "60s", timeout_s=150).ok()
    assert "sweep 1: 3 ok" in done.err
    after = looks(looking)[before:]
    assert [status for _, status in after] == ["ok"] * len(after)
    assert after[0][0] == 2, "it stands before the first block that goes on"
    assert after[-1][0] == 3
    assert "no sweep is unfinished" in looking.run("run", "--resume").failed(2).err


def test_a_board_that_the_profile_keeps_from_litert_is_measured_without_looks(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.run("device", "edit", "kitchen", "--set", "runtimes=[fake]").ok()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    sweep = farm.write_sweep("s", f"{AXES}options: {{sleep_ms: 1}}\nrepeats: 3\n{QUICKEST}")
    done = farm.run("run", sweep).ok()
    reason = "the profile of kitchen lists only these runtimes: fake"
    assert done.err.count(f"runs no reference model: {reason}") == 1
    assert "\nsweep 1: 3 ok" in done.err
    assert f"kitchen: no reference model: {reason}" in farm.run("run", sweep, "--dry-run").ok().out
