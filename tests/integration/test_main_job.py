"""The main job, whole, as a user does it: register boards, run a sweep over real SSH, query what is stored."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm

pytestmark = pytest.mark.integration

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
MakeBoard = Callable[[str], LoopbackBoard]


@pytest.mark.timeout(300)
def test_real_models_are_measured_by_litert_on_two_boards_and_this_machine(
    make_board: MakeBoard, farm: TestFarm
) -> None:
    for name in ("kitchen", "attic"):
        farm.add_board(make_board(name))
    farm.add_local()
    added = farm.run("model", "add", str(MODELS / "bert-tiny-int8.tflite"), str(MODELS / "face-detection.tflite"))
    if "cannot be reached" in added.err or "offline" in added.err:
        pytest.skip("the package index cannot be reached, and no runtime is cached")
    added.ok()
    sweep = farm.write_sweep("real", f"models: ['*']\non: [all]\nruntimes: [litert]\nrepeats: 2\n{QUICKEST}")

    done = farm.run("run", sweep, timeout_s=240).ok()

    assert "sweep 1: 12 ok" in done.err
    columns = "device, model, status, n, median_ns, peak_rss_bytes, worst_error"
    rows = farm.sql(f"select {columns} from runs_view where role = 'case'")
    assert len(rows) == 12
    assert {row["device"] for row in rows} == {"kitchen", "attic", "local"}
    assert all(row["status"] == "ok" and row["n"] >= 8 and row["median_ns"] > 0 for row in rows)
    assert all(row["worst_error"] is not None and row["worst_error"] < 1e-3 for row in rows)
    looks = farm.sql("select device, block, status, model, runtime, threads, n from runs_view where role = 'reference'")
    assert sorted((row["device"], row["block"]) for row in looks) == [
        (name, block) for name in ("attic", "kitchen", "local") for block in (0, 1, 2)
    ]
    assert {(row["status"], row["model"], row["runtime"], row["threads"]) for row in looks} == {
        ("ok", "dynofarm-reference", "litert", 1)
    }
    assert all(row["n"] >= 64 for row in looks)


def test_a_sweep_of_fakes_is_stored_whole_and_shown_in_every_format(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path, tmp_path: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.run("model", "add", str(fake_model)).ok()
    done = farm.run("run", farm.sweep_of_fakes("kitchen", repeats=3), "--json").ok()
    told = done.json
    assert sum(told.pop("verdicts").values()) == 3
    links = {"link_faults": 0, "boards_lost": 0, "power_cycles": 0}
    assert told == {"sweep": 1, "owed": 0, "runs": {"ok": 3}, **links}

    table = farm.run("results").ok().out
    assert "kitchen  loopback" in table
    assert "3 ×" in table
    rows = list(csv.DictReader(io.StringIO(farm.run("results", "--format", "csv").ok().out)))
    assert [row["device"] for row in rows] == ["kitchen"] * 3
    assert len(farm.run("results", "--json").ok().json) == 3
    lines = farm.run("results", "--format", "jsonl").ok().out.splitlines()
    assert {json.loads(line)["status"] for line in lines} == {"ok"}
    assert farm.run("results", "--format", "markdown").ok().out.startswith("|")
    farm.run("results", "--format", "parquet", "--output", str(tmp_path / "r.parquet")).ok()
    assert (tmp_path / "r.parquet").read_bytes()[:4] == b"PAR1"
    assert "there is no device 'nobody'; there are: kitchen" in farm.run("results", "--device", "nobody").failed(2).err
    assert "no stored run matches" in farm.run("results", "--until", "2020-01-01").ok().err

    job_id = rows[0]["job_id"]
    page = farm.run("show", job_id[:8]).ok().out
    assert "Latency" in page
    whole = farm.run("show", job_id[:8], "--json").ok().json
    assert len(whole["result"]["timing"]["latencies_ns"]) == int(rows[0]["n"])
    assert farm.run("sweeps", "--json").ok().json[0]["ok"] == 3


def test_the_second_sweep_sends_neither_agent_nor_model_again(
    make_board: MakeBoard, farm: TestFarm, fake_model: Path
) -> None:
    farm.add_board(make_board("kitchen"))
    farm.run("model", "add", str(fake_model)).ok()
    sweep = farm.sweep_of_fakes("kitchen", repeats=1)
    assert "receives fake (fake)" in farm.run("run", sweep).ok().err
    assert "receives" not in farm.run("run", sweep).ok().err


def test_what_a_board_cannot_run_is_skipped_with_its_reason_and_not_an_error(farm: TestFarm, fake_model: Path) -> None:
    farm.add_local()
    farm.run("model", "add", str(fake_model), str(MODELS / "bert-tiny.onnx"), "--no-reference").ok()
    sweep = farm.write_sweep("mixed", f"models: ['*']\nruntimes: [fake]\non: [local]\nrepeats: 2\n{QUICKEST}")
    done = farm.run("run", sweep).ok()
    assert "2 ok, 1 skipped" in done.err
    (row,) = farm.sql("select model, message from runs_view where status = 'skipped'")
    assert row["model"] == "bert-tiny"
    assert "onnx" in row["message"]


def test_a_dry_run_prints_the_plan_and_runs_nothing(farm: TestFarm, fake_model: Path) -> None:
    farm.add_local()
    farm.run("model", "add", str(fake_model)).ok()
    plan = farm.run("run", "fake", "--on", "local", "--runtime", "fake", "--threads", "1,2", "--dry-run", "--json").ok()
    assert [(row["role"], row["threads"], row["jobs"]) for row in plan.json] == [
        ("reference", 1, 4),
        ("case", 1, 3),
        ("case", 2, 3),
    ]
    assert farm.run("sweeps", "--json").ok().json == []


def test_failed_runs_are_exit_code_1_and_the_others_are_measured(farm: TestFarm, fake_model: Path) -> None:
    farm.add_local()
    farm.run("model", "add", str(fake_model)).ok()
    options = "[{sleep_ms: 1}, {crash: segfault}, {crash: exit}, {crash: nan}, {unsupported: 'no such operator'}]"
    done = farm.run("run", farm.sweep_of_fakes("local", repeats=1, options=options)).failed(1)
    found = {row["status"] for row in farm.sql("select status from runs_view")}
    assert found == {"ok", "crashed", "wrong_output", "unsupported"}
    assert "SIGSEGV" in done.err


def test_a_failed_job_is_measured_again_when_asked_for(farm: TestFarm, fake_model: Path) -> None:
    farm.add_local()
    farm.run("model", "add", str(fake_model)).ok()
    farm.run("run", farm.sweep_of_fakes("local", repeats=1, options="{crash: abort}")).failed(1)
    assert "nothing to resume" in farm.run("run", "--resume", "1").err
    farm.run("run", "--resume", "1", "--retry", "crashed").failed(1)
    assert len(farm.run("results", "--every-attempt", "--json").ok().json) == 2


def test_a_storage_limit_evicts_the_oldest_first_and_what_the_sweep_needs_last(
    make_board: MakeBoard, farm: TestFarm, tmp_path: Path
) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    farm.run("device", "edit", "kitchen", "--set", "storage_limit=2 MB").ok()
    for name, size_bytes in {"one": 900_000, "two": 900_000, "three": 900_000, "large": 1_030_000}.items():
        declared = {"format": "dynofarm-fake", "inputs": [], "padding": name.ljust(size_bytes)}
        declared["outputs"] = [{"name": "output", "dtype": "float32", "shape": [1, 8]}]
        (tmp_path / f"{name}.json").write_text(json.dumps(declared))
        farm.run("model", "add", str(tmp_path / f"{name}.json"), "--no-reference").ok()
    blobs = board.work_dir / "blobs"

    def sweep(models: str) -> str:
        text = f"models: [{models}]\nruntimes: [fake]\non: [kitchen]\nrepeats: 1\nreference: false\n{QUICKEST}"
        return farm.write_sweep("s", text)

    farm.run("run", sweep("one, two")).ok()
    before = {path.name for path in blobs.iterdir()}
    farm.run("run", sweep("two, three")).ok()
    after = {path.name for path in blobs.iterdir()}
    assert len(before) == len(after) == 2
    assert len(before & after) == 1, "what the second sweep needed was evicted, or nothing was"

    farm.run("device", "edit", "kitchen", "--set", "storage_limit=1 MB").ok()
    done = farm.run("run", sweep("one, two, three")).ok()
    assert "cannot hold all that this sweep needs" in done.err
    assert len(list(blobs.iterdir())) == 1, "one fits at a time"

    done = farm.run("run", sweep("one, large")).failed(1)
    assert "the profile allows 1000000" in done.err
    rows = farm.run("results", "--sweep", "last", "--json").ok().json
    assert {row["model"]: row["status"] for row in rows} == {"one": "ok", "large": "disk_full"}


def test_a_name_stands_for_one_format_and_new_versions_are_told(farm: TestFarm, fake_model: Path) -> None:
    farm.run("model", "add", str(MODELS / "bert-tiny.tflite"), "--no-reference").ok()
    taken = farm.run("model", "add", str(MODELS / "bert-tiny.onnx"), "--no-reference").failed(2)
    assert "--name bert-tiny-onnx" in taken.err
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    fake_model.write_text(fake_model.read_text() + "\n")
    assert "fake: a new version" in farm.run("model", "add", str(fake_model), "--no-reference").ok().err


def test_a_quantised_model_is_checked_against_its_parent(farm: TestFarm) -> None:
    added = farm.run("model", "add", str(MODELS / "bert-tiny.tflite"))
    if "no reference outputs" in added.err:
        pytest.skip("the package index cannot be reached, and no runtime is cached")
    farm.run("model", "add", str(MODELS / "bert-tiny-int8.tflite"), "--parent", "bert-tiny").ok()
    other = farm.run("model", "add", str(MODELS / "face-detection.tflite"), "--parent", "bert-tiny").failed(2)
    assert "other shapes" in other.err
    farm.add_local()
    sweep = farm.write_sweep("q", f"models: [bert-tiny-int8]\non: [local]\nrepeats: 1\nreference: false\n{QUICKEST}")
    farm.run("run", sweep).ok()
    (row,) = farm.sql("select worst_error from runs_view")
    assert 1e-3 < row["worst_error"] < 0.15
