"""`run --profile ops` and OpenVINO through the real command, on this machine as a board."""

import platform
from pathlib import Path
from typing import Any

import pytest

from tests.farming import QUICKEST, TestFarm

pytestmark = pytest.mark.integration

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
QUICK_ONES = ("--protocol", "quick", "--repeats", "1", "--no-reference")


def runs_of(farm: TestFarm, role: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = farm.run("results", "--role", role, "--json").ok().json
    return rows


def skip_without_runtimes(rows: list[dict[str, Any]]) -> None:
    """Nothing is fetched on a machine without an index, and nothing is built for some architectures."""
    lacking = [row["message"] for row in rows if row["status"] in ("skipped", "lost")]
    if lacking and ("package index" in lacking[0] or platform.machine() not in ("x86_64", "aarch64")):
        pytest.skip(f"no runtime can be had here: {lacking[0]}")


def add_both_files(farm: TestFarm) -> None:
    for suffix in ("tflite", "onnx"):
        path = MODELS / f"bert-tiny.{suffix}"
        farm.run("model", "add", str(path), "--name", f"bert-tiny-{suffix}", "--no-reference").ok()


@pytest.fixture
def local(farm: TestFarm, fake_model: Path) -> TestFarm:
    farm.add_local("kitchen")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def test_each_case_is_profiled_once_behind_its_repeats_and_shown(local: TestFarm) -> None:
    sweep = local.sweep_of_fakes("kitchen", repeats=2, more="profile: ops\ndelegates: [xnnpack]\n")
    done = local.run("run", sweep).ok()
    assert "sweep 1: 3 ok" in done.err
    assert "--role profile" in done.err
    told = [line for line in done.err.splitlines() if "median of" in line]
    assert "operators profiled" in told[-1]
    assert [row["role"] for row in runs_of(local, "case")] == ["case", "case"]
    (row,) = runs_of(local, "profile")
    page = local.run("show", row["job_id"][:8]).ok().out
    assert "SLEEP" in page
    assert "told by" in page
    shown = local.run("show", row["job_id"][:8], "--json").ok().json["operators"]
    assert {(one["kind"], one["where"]) for one in shown["kinds"]} == {("SLEEP", "xnnpack"), ("FILL", "fake")}


def test_the_command_line_asks_for_it_and_takes_it_back(local: TestFarm) -> None:
    sweep = local.sweep_of_fakes("kitchen", repeats=1, more="profile: ops\n")
    local.run("run", sweep, "--profile", "none").ok()
    assert runs_of(local, "profile") == []
    axes = f"models: [fake]\nruntimes: [fake]\non: [kitchen]\nrepeats: 1\nreference: false\n{QUICKEST}"
    local.run("run", local.write_sweep("plain", axes), "--profile", "ops").ok()
    assert len(runs_of(local, "profile")) == 1


@pytest.mark.timeout(600)
def test_a_real_model_is_profiled_by_litert_and_onnxruntime(local: TestFarm) -> None:
    add_both_files(local)
    runtimes = ("--runtimes", "litert,onnxruntime")
    local.run("run", "bert-tiny*", "--on", "kitchen", *runtimes, *QUICK_ONES, "--profile", "ops", timeout_s=400)
    rows = runs_of(local, "profile")
    skip_without_runtimes(rows)
    pages = {row["runtime"]: local.run("show", row["job_id"][:8], "--json").ok().json for row in rows}
    assert set(pages) == {"litert", "onnxruntime"}
    for page in pages.values():
        assert 0 < page["operators"]["sum_us"] <= page["operators"]["wall_us"]
    assert set(pages["litert"]["operators"]["us_by_place"]) == {"xnnpack", "litert"}
    assert set(pages["onnxruntime"]["operators"]["us_by_place"]) == {"CPU"}


@pytest.mark.timeout(600)
def test_openvino_runs_a_sweep_of_onnx_and_tflite_files_beside_litert(local: TestFarm) -> None:
    add_both_files(local)
    done = local.run(
        "run", "bert-tiny*", "--on", "kitchen", "--runtimes", "openvino", *QUICK_ONES, "--profile", "ops", timeout_s=400
    )
    rows = runs_of(local, "case")
    skip_without_runtimes(rows)
    assert {(row["model_format"], row["status"]) for row in rows} == {("tflite", "ok"), ("onnx", "ok")}, done.err
    for row in rows:
        details = local.run("show", row["job_id"][:8], "--json").ok().json["result"]["details"]
        assert details["inference_precision_hint"] == "f32"
    (reason,) = {row["message"] for row in runs_of(local, "profile")}
    assert reason.startswith("operators are not profiled: openvino does not tell what they take")
