"""`dynofarm model add` on the two files of an ncnn model: they become one, in the farm."""

import shutil
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.cli.conftest import Dynofarm
from tests.ncnn_files import NETWORKS, graph_of, pack_network

ADD = ("model", "add", "--no-reference")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with both networks, as a converter leaves them."""
    folder = tmp_path / "converted"
    folder.mkdir()
    for path in NETWORKS.glob("*.ncnn.*"):
        shutil.copy(path, folder)
    return folder


def test_both_files_become_one_that_is_registered(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param"), "--json").ok()
    place = farm / "models" / "tokens.ncnn"
    assert f"tokens: tokens.ncnn.param and tokens.ncnn.bin are packed into {place}" in answer.err
    (row,) = answer.json
    assert (row["model"], row["format"], row["path"]) == ("tokens", "ncnn", str(place))
    assert place.read_bytes() == pack_network("tokens", files / "again").read_bytes()


def test_a_packed_file_is_registered_where_it_lies(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    packed = pack_network("tokens", files / "copied.ncnn")
    (row,) = dynofarm(*ADD, str(packed), "--json").ok().json
    assert (row["model"], row["path"]) == ("copied", str(packed))
    assert not (farm / "models").exists()


def test_a_name_is_that_of_the_file_too(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    dynofarm(*ADD, str(files / "tokens.ncnn.param"), "--name", "bert").ok()
    assert [path.name for path in (farm / "models").iterdir()] == ["bert.ncnn"]
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param"), "--name", "../bert").failed(2)
    assert "cannot be a model's name" in answer.err


def test_a_shape_that_the_graph_does_not_tell_is_asked_for(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    answer = dynofarm(*ADD, str(files / "image.ncnn.param")).failed(2)
    assert "input in0: the graph does not tell the shape" in answer.err
    assert "--shape in0=CxHxW" in answer.err
    dynofarm(*ADD, str(files / "image.ncnn.param"), "--shape", "in0=3x8x8").ok()
    with Store.open(farm / "results.db") as store:
        assert store.model("image").recipes[0].shape == [3, 8, 8]


def test_changed_weights_are_a_new_version(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    first = dynofarm(*ADD, str(files / "tokens.ncnn.param"), "--json").ok().json[0]
    weights = bytearray((files / "tokens.ncnn.bin").read_bytes())
    weights[-1] ^= 1
    (files / "tokens.ncnn.bin").write_bytes(weights)
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param"), "--json").ok()
    assert answer.json[0]["digest"] != first["digest"]
    assert "tokens: a new version" in answer.err


def test_half_a_model_is_one_sentence_and_leaves_nothing(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    (files / "image.ncnn.bin").unlink()
    answer = dynofarm(*ADD, str(files / "image.ncnn.param")).failed(2)
    assert "its weights are not beside it" in answer.err
    assert "put them there as image.ncnn.bin" in answer.err
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.bin")).failed(2)
    assert "give its graph" in answer.err
    assert not (farm / "models").exists()


def test_a_graph_that_does_not_hold_leaves_what_was_there(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    dynofarm(*ADD, str(files / "tokens.ncnn.param")).ok()
    before = (farm / "models" / "tokens.ncnn").read_bytes()
    (files / "tokens.ncnn.param").write_text(graph_of(["Sigmoid s 1 1 nowhere y"]))
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param")).failed(2)
    assert "tokens.ncnn.param: the file is damaged or cut off" in answer.err
    assert (farm / "models" / "tokens.ncnn").read_bytes() == before
    assert [path.name for path in (farm / "models").iterdir()] == ["tokens.ncnn"]


def test_a_folder_that_cannot_be_made_is_one_sentence(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    (farm / "models").write_text("in the way")
    assert "models: cannot be made" in dynofarm(*ADD, str(files / "tokens.ncnn.param")).failed(2).err


def test_what_was_packed_is_inspected_by_its_name(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    dynofarm(*ADD, str(files / "tokens.ncnn.param")).ok()
    found = dynofarm("model", "inspect", "tokens", "--json").ok().json
    assert found["calls"]["LayerNorm"] == 1
