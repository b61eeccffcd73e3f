"""ncnn through the real command, on this machine as a board: packed, referenced, gated, measured."""

import shutil
from pathlib import Path

import pytest

from tests.farming import TestFarm
from tests.ncnn_files import NETWORKS

pytestmark = pytest.mark.integration

ONCE = ("--on", "kitchen", "--protocol", "quick", "--repeats", "1", "--no-reference")


@pytest.fixture
def local(farm: TestFarm) -> TestFarm:
    farm.add_local("kitchen")
    return farm


def skip_without_runtime(message: str) -> None:
    if "package index" in message:
        pytest.skip(f"no runtime can be had here: {message}")


def test_a_model_of_two_files_is_added_and_measured(local: TestFarm) -> None:
    added = local.run("model", "add", str(NETWORKS / "tokens.ncnn.param")).ok()
    skip_without_runtime(added.err)
    local.run("run", "tokens", "--runtime", "ncnn", "--threads", "1,2", *ONCE).ok()
    rows = local.run("results", "--role", "case", "--json").ok().json
    assert [(row["status"], row["threads"], row["delegate"]) for row in rows] == [("ok", 1, "none"), ("ok", 2, "none")]
    with local.store() as store:
        model = store.model("tokens")
    assert [tensor.shape for tensor in model.outputs] == [(8, 16), (3,)]
    assert len(model.references) == 2


def test_other_weights_than_the_graphs_are_found_out(local: TestFarm, tmp_path: Path) -> None:
    """By ncnn itself, and so where the reference is computed."""
    shutil.copy(NETWORKS / "tokens.ncnn.param", tmp_path)
    shutil.copy(NETWORKS / "image.ncnn.bin", tmp_path / "tokens.ncnn.bin")
    answer = local.run("model", "add", str(tmp_path / "tokens.ncnn.param"))
    skip_without_runtime(answer.err)
    assert "the graph has more weights than the file" in answer.failed(2).err
