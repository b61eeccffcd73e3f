"""Somebody else's busy loop in the middle of a measurement, on a real sshd board: the run must not pass for a good one.

How often in how many tries: `benchmarks/interference.py`.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.farm import find_farm
from orchestrator.launch import Launcher
from orchestrator.profiles import load_profiles
from orchestrator.records import RunFilter
from orchestrator.runs import Role
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.trust.verdicts import Verdict
from tests.boards.loopback import LoopbackBoard
from tests.disturbing import LOOP, Disturber
from tests.farming import TestFarm

pytestmark = pytest.mark.integration

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
TRIES = 3


@pytest.mark.timeout(240)
def test_a_busy_loop_in_mid_loop_makes_the_run_suspect_and_is_named(
    make_board: Callable[[str], LoopbackBoard], farm: TestFarm
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.run("model", "add", str(MODELS / "bert-tiny-int8.tflite"), "--no-reference").ok()
    folder = find_farm(farm.root)
    sweep = Sweep(
        "disturbed", ("bert-tiny-int8",), ("kitchen",), (RuntimeChoice("litert"),), protocol=LOOP, repeats=TRIES,
        reference=False,
    )  # fmt: skip
    with farm.store() as store, Disturber(lambda job: job.role is Role.CASE) as disturber:
        boards = [device for device in load_profiles(folder.profiles) if device.name == "kitchen"]
        launcher = Launcher(folder, store, disturber, threading.Event())
        outcome = launcher.launch(sweep, [store.model("bert-tiny-int8")], boards)
        runs = store.runs(RunFilter(sweep=outcome.sweep_id))
        if all(run.status in ("skipped", "lost") for run in runs):
            pytest.skip(f"LiteRT's library cannot be had: {runs[0].message}")
        assert len(disturber.started) == TRIES
        judged = [store.run(run.job_id) for run in runs]

    for stored in judged:
        result, judgement = stored.run.result, stored.judgement
        assert result is not None
        assert result.surroundings is not None
        assert result.surroundings.others_cpu_s is not None
        loop_s = result.timing.loop_wall_ns / 1e9
        assert result.surroundings.others_cpu_s > 0.1 * loop_s, "the busy loop was not seen at all"
        assert judgement is not None
        assert judgement.verdict is Verdict.SUSPECT
        assert "others_ran" in [reason.code for reason in judgement.reasons]
    shown = farm.run("results", "--verdict", "suspect", "--json").ok().json
    assert len(shown) == TRIES
    assert all("others_ran" in row["reasons"].split() for row in shown)
    page = farm.run("show", judged[0].run.job.job_id[:8]).ok().out
    assert "Something else ran on the board" in page
    assert farm.run("results", "--verdict", "trusted", "--json").ok().json == []
