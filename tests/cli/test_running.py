"""`run` and `device check` on this machine as a board, in this process: real agents, the fake runtime."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.cli import checking
from orchestrator.cli import run as run_verb
from orchestrator.cli.stopping import stop_on_signals
from orchestrator.launch import Outcome
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm, keep_runs
from tests.farming import QUICKEST
from tests.making import make_job, make_run


@pytest.fixture
def bench(dynofarm: Dynofarm, farm: Path, fake_model: Path, tmp_path: Path) -> Path:
    """A farm with this machine and the fake model."""
    dynofarm("device", "edit", "local", "--set", f"work_dir={tmp_path / 'work'}").ok()
    dynofarm("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def sweep(
    farm: Path, options: str = "{sleep_ms: 1}", on: str = "local", repeats: int = 1, more: str = "reference: false\n"
) -> str:
    text = f"models: [fake]\nruntimes: [fake]\non: [{on}]\nrepeats: {repeats}\noptions: {options}\n{QUICKEST}{more}"
    (farm / "sweeps" / "fakes.yaml").write_text(text)
    return "sweeps/fakes.yaml"


def test_a_sweep_is_run_told_and_shown(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("run", sweep(bench, repeats=2)).ok()
    assert "local  1/2 fake · fake · 1 thread · sleep_ms=1: " in said.err
    assert "\nsweep 1: 2 ok" in said.err
    assert "2 × 8" in said.out


def test_json_is_all_that_is_on_standard_output(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("run", sweep(bench, "[{sleep_ms: 1}, {crash: exit}]"), "--json", "--quiet").failed(1)
    told = said.json
    assert sum(told.pop("verdicts").values()) == 1, "what crashed has none"
    assert [told.pop(key) for key in ("link_faults", "boards_lost", "power_cycles")] == [0, 0, 0]
    assert told == {"sweep": 1, "owed": 0, "runs": {"ok": 1, "crashed": 1}}
    assert said.err == ""


def test_failed_jobs_are_exit_code_1_and_can_be_measured_again(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("run", sweep(bench, "[{sleep_ms: 1}, {crash: exit}]")).failed(1)
    assert "\nsweep 1: 1 ok, 1 crashed" in said.err
    complete = dynofarm("run", "--resume", "1").failed(1)
    assert "sweep 1 is complete; nothing to resume" in complete.err
    assert "dynofarm run --resume 1 --retry crashed" in complete.err
    again = dynofarm("run", "--resume", "1", "--retry", "crashed").failed(1)
    assert "1/1 fake" in again.err
    assert "no sweep is unfinished" in dynofarm("run", "--resume").failed(2).err


def test_what_failed_is_measured_again_in_the_newest_sweep_that_has_it(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("run", sweep(bench, "[{sleep_ms: 1}, {crash: exit}]")).failed(1)
    dynofarm("run", sweep(bench)).ok()
    again = dynofarm("run", "--resume", "--retry", "crashed").failed(1)
    assert "sweep 1: 1 ok, 1 crashed" in again.err
    none = dynofarm("run", "--resume", "--retry", "timed-out,skipped").failed(2)
    assert "no sweep is unfinished, and none has a job that ended timed_out or skipped" in none.err


def test_a_sweep_file_from_a_folder_below_the_farm_is_found_from_the_farm(
    dynofarm: Dynofarm, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sweep(bench)
    (bench / "notes").mkdir()
    monkeypatch.chdir(bench / "notes")
    dynofarm("run", path, "--dry-run").ok()


def test_a_dry_run_connects_to_nothing(dynofarm: Dynofarm, bench: Path) -> None:
    said = dynofarm("run", "fake", "--on", "local", "--runtime", "fake", "--threads", "1,2", "--dry-run").ok()
    assert "6 jobs on 1 board and 4 runs of the reference model, about " in said.out
    assert "dynofarm-reference" not in said.out
    assert "not seen yet, so planned as if they could run everything: local" in said.err
    assert "next: dynofarm device check local" in said.err
    plain = dynofarm("run", "fake", "--on", "local", "--runtime", "fake", "--no-reference", "--dry-run").ok()
    assert "3 jobs on 1 board, about " in plain.out
    overridden = dynofarm("run", sweep(bench), "--reference", "--dry-run").ok()
    assert "1 job on 1 board and 2 runs of the reference model, about " in overridden.out
    rows = dynofarm("run", sweep(bench), "--dry-run", "--json").ok().json
    assert [(row["device"], row["jobs"], row["estimated_from"]) for row in rows] == [("local", 1, "the protocol")]
    assert dynofarm("sweeps", "--json").ok().json == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "what shall run? Give a sweep file or models"),
        (("fake", "sweeps/fakes.yaml"), "one sweep file, or models; not both"),
        (("sweeps/nothing.yaml",), "there is no such file"),
        (("fkae",), "there is no model 'fkae'"),
        (("fake", "--on", "kitchn"), "no board matches 'kitchn'; there are: local"),
        (("fake", "--runtime", "fkae"), "there is no runtime 'fkae'"),
        (("fake", "--threads", "x"), "--threads"),
        (("fake", "--protocol", "slow"), "--protocol"),
        (("fake", "--option", "level"), "--option"),
        (("fake", "--exclude", "nothing"), "--exclude"),
        (("fake", "--wait", "soon"), "--wait: 'soon' is not a duration"),
        (("fake", "--retry", "crashed"), "--retry goes with --resume"),
        (("--resume", "--threads", "1"), "--threads would change it"),
        (("--resume", "--seed", "0"), "--seed would change it"),
        (("--resume", "--reference"), "--reference would change it"),
        (("--resume", "--no-reference"), "--reference would change it"),
        (("--resume", "--option", "a=1"), "--option would change it"),
        (("--resume", "--dry-run"), "--dry-run would change it"),
        (("--resume", "1", "2"), "--resume takes one sweep"),
        (("--resume", "9"), "there is no sweep '9'"),
        (("--resume",), "no sweep is unfinished"),
    ],
)
def test_what_cannot_run_is_refused_with_the_next_step(
    dynofarm: Dynofarm, bench: Path, words: tuple[str, ...], told: str
) -> None:
    sweep(bench)
    said = dynofarm("run", *words).failed(2)
    assert told in said.err
    assert "next: " in said.err
    assert dynofarm("sweeps", "--json").ok().json == []


def test_retry_takes_only_statuses_that_can_change(dynofarm: Dynofarm, farm: Path) -> None:
    keep_runs(farm, [make_run(make_job())])
    for status in ("ok", "lost", "sunny"):
        assert f"--retry {status}: no such status" in dynofarm("run", "--resume", "1", "--retry", status).failed(2).err


def test_a_farm_without_models_names_the_next_step(dynofarm: Dynofarm, farm: Path) -> None:
    said = dynofarm("run", "sweeps/example.yaml").failed(2)
    assert said.err == "dynofarm: no model is registered yet\n  next: dynofarm model add FILE\n"


def test_a_board_that_cannot_be_reached_is_exit_code_4(dynofarm: Dynofarm, bench: Path) -> None:
    dynofarm("device", "edit", "local", "--set", "python=/nowhere/python3").ok()
    said = dynofarm("run", sweep(bench)).failed(4)
    assert "1 job is still to do; next: dynofarm run --resume 1" in said.err
    checked = dynofarm("device", "check").failed(4)
    assert "failed" in checked.out
    assert "  next: " in checked.err
    (row,) = dynofarm("device", "check", "--json").failed(4).json
    assert (row["ok"], row["facts"]) == (False, None)
    assert row["next"]


def test_a_check_says_what_the_board_is_and_it_is_remembered(dynofarm: Dynofarm, bench: Path) -> None:
    assert "ready" in dynofarm("device", "check").ok().out
    (row,) = dynofarm("device", "check", "local", "--json").ok().json
    assert row["facts"]["cores"] == os.cpu_count()
    assert dynofarm("device", "list", "--json").ok().json[0]["cores"] == os.cpu_count()


def test_a_board_that_is_added_is_checked_at_once(dynofarm: Dynofarm, farm: Path, tmp_path: Path) -> None:
    work = str(tmp_path / "work-of-desk")
    said = dynofarm("device", "add", "desk", "--local", "--work-dir", work, "--json").ok()
    assert said.json["check"]["ok"] is True
    shown = dynofarm("device", "add", "bench", "--local", "--work-dir", work).ok()
    assert "profile written to device_profiles/bench.yaml" in shown.err
    assert "ready" in shown.out
    bad = dynofarm("device", "add", "attic", "--local", "--work-dir", work, "--python", "/nowhere/python3").failed(4)
    assert "failed" in bad.out


def test_a_check_that_is_stopped_says_so(dynofarm: Dynofarm, bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_farm: object, _store: Store, devices: list[object], *_more: object) -> list[object]:
        signal.raise_signal(signal.SIGINT)
        return [checking.Checkup(device) for device in devices]

    monkeypatch.setattr(checking, "check_devices", stopped)
    said = dynofarm("device", "check").failed(130)
    assert "stopping" in said.err
    assert "local: not checked" in said.err


def test_an_unfinished_sweep_shows_nothing_before_anything_was_measured(
    farm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_runs(farm, [], more=[make_job("a" * 32), make_job("b" * 32)])
    with Store.open(farm / "results.db") as store, pytest.raises(run_verb.typer.Exit) as end:
        run_verb._conclude(store, Outcome(1, {}, 2, stopped=True), as_json=False)
    assert end.value.exit_code == 130
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ("sweep 1: nothing measured yet\n2 jobs are still to do; next: dynofarm run --resume 1\n")


def test_statuses_are_counted_with_the_good_ones_first() -> None:
    outcome = Outcome(1, {RunStatus.LOST: 1, RunStatus.CRASHED: 2, RunStatus.OK: 3}, 0)
    assert run_verb._in_order(outcome) == [(RunStatus.OK, 3), (RunStatus.CRASHED, 2), (RunStatus.LOST, 1)]


def test_the_first_signal_asks_and_the_handlers_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals("stopping gently") as stop:
        assert isinstance(stop, threading.Event)
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().err == "stopping gently\n"


def test_a_second_signal_ends_the_process_at_once(bench: Path) -> None:
    code = (
        "import signal\nfrom orchestrator.cli.stopping import stop_on_signals\n"
        "with stop_on_signals('asked'):\n"
        "    signal.raise_signal(signal.SIGTERM)\n    signal.raise_signal(signal.SIGTERM)\n    print('still here')\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "asked\n")
