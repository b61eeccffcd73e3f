"""ExecuTorch, IREE and MNN through the real command, on this machine as a board: added, gated, measured, skipped."""

import platform
from pathlib import Path
from typing import Any

import pytest

from orchestrator.models import TensorInfo
from tests.farming import TestFarm

pytestmark = pytest.mark.integration

NETWORKS = Path(__file__).resolve().parents[1] / "agent" / "networks"
ONCE = ("--on", "kitchen", "--protocol", "quick", "--repeats", "1", "--no-reference")


def rows_of(farm: TestFarm) -> dict[str, Any]:
    rows: list[dict[str, Any]] = farm.run("results", "--role", "case", "--json").ok().json
    lacking = [row["message"] for row in rows if row["status"] == "lost" and "package index" in row["message"]]
    if lacking:
        pytest.skip(f"no runtime can be had here: {lacking[0]}")
    return {row["model"]: row for row in rows}


@pytest.fixture
def local(farm: TestFarm) -> TestFarm:
    if platform.machine() != "x86_64":
        pytest.skip("the modules of the tests are compiled for x86-64")
    farm.add_local("kitchen")
    return farm


def test_programs_run_with_the_delegate_that_is_in_their_file(local: TestFarm) -> None:
    files = [str(NETWORKS / f"tokens{mark}.pte") for mark in ("", "-xnnpack")]
    local.run("model", "add", *files, "--fill", "input_0=integers:0..49", "--fill", "input_1=ones").ok()
    local.run("run", "tokens*", "--runtime", "executorch", *ONCE).ok()
    rows = rows_of(local)
    assert {name: (row["status"], row["delegate"]) for name, row in rows.items()} == {
        "tokens": ("ok", "none"),
        "tokens-xnnpack": ("ok", "xnnpack"),
    }
    with local.store() as store:
        assert len(store.model("tokens-xnnpack").references) == 2


@pytest.mark.parametrize(("suffix", "runtime"), [("vmfb", "iree"), ("mnn", "mnn")])
def test_a_model_is_held_to_the_outputs_of_the_onnx_file_that_it_was_made_from(
    local: TestFarm, suffix: str, runtime: str
) -> None:
    fills = ("--fill", "ids=integers:0..49", "--fill", "mask=ones")
    local.run("model", "add", str(NETWORKS / "tokens.onnx"), "--name", "tokens-onnx", *fills).ok()
    local.run("model", "add", str(NETWORKS / f"tokens.{suffix}"), *fills, "--parent", "tokens-onnx").ok()
    local.run("run", "tokens", "--runtime", runtime, "--threads", "1,2", *ONCE).ok()
    assert rows_of(local)["tokens"]["status"] == "ok"


def test_a_module_for_another_processor_is_skipped_with_a_sentence(local: TestFarm, tmp_path: Path) -> None:
    data = (NETWORKS / "image.vmfb").read_bytes().replace(b"embedded-elf-x86_64", b"embedded-elf-arm_64")
    (tmp_path / "foreign.vmfb").write_bytes(data)
    local.run("model", "add", str(tmp_path / "foreign.vmfb"), "--no-reference").ok()
    local.run("run", "foreign", "--runtime", "iree", *ONCE)
    row = rows_of(local)["foreign"]
    assert row["status"] == "skipped"
    assert "was compiled for aarch64, and the board is x86_64" in row["message"]


def test_outputs_of_which_a_file_tells_the_names_alone_are_told_by_the_references(local: TestFarm) -> None:
    local.run("model", "add", str(NETWORKS / "image.mnn")).ok()
    with local.store() as store:
        model = store.model("image")
    if not model.references:
        pytest.skip("no runtime can be had here")
    assert model.outputs == (TensorInfo("scores", "float32", (1, 10)),)
