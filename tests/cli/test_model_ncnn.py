"""`dynofarm model add` on the two files of an ncnn model: they become one, in the farm."""

import os
import shutil
import subprocess
import sys
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
    assert "--shape in0=3xNxN" in answer.err
    for shape in ("8x8", "1x3x8x8", "4x8x8"):  # ncnn would take each of them
        answer = dynofarm(*ADD, str(files / "image.ncnn.param"), "--shape", f"in0={shape}").failed(2)
        assert f"the shape {shape} does not fit the declared 3x?x?" in answer.err
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


def test_a_model_that_cannot_be_registered_leaves_the_one_of_its_name(
    dynofarm: Dynofarm, farm: Path, files: Path
) -> None:
    """Its file would else be gone, and the runs that are planned for it with it."""
    dynofarm(*ADD, str(files / "tokens.ncnn.param")).ok()
    before = (farm / "models" / "tokens.ncnn").read_bytes()
    shutil.copy(files / "image.ncnn.param", files / "tokens.ncnn.param")
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param")).failed(2)
    assert f"{files / 'tokens.ncnn.param'}: input in0: the graph does not tell the shape" in answer.err
    assert "are packed into" not in answer.err
    assert (farm / "models" / "tokens.ncnn").read_bytes() == before
    assert [path.name for path in (farm / "models").iterdir()] == ["tokens.ncnn"]


def test_what_stands_in_the_way_of_the_file_is_one_sentence(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    (farm / "models").write_text("in the way")
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param")).failed(2)
    assert f"{farm / 'models'}: cannot be written: File exists" in answer.err
    (farm / "models").unlink()
    (farm / "models" / "tokens.ncnn").mkdir(parents=True)
    answer = dynofarm(*ADD, str(files / "tokens.ncnn.param")).failed(2)
    assert f"{farm / 'models' / 'tokens.ncnn'}: cannot be written: Is a directory" in answer.err
    assert [path.name for path in (farm / "models").iterdir()] == ["tokens.ncnn"]


@pytest.mark.parametrize(
    ("then", "status", "words"),
    [
        ('head -c 12000 /dev/zero > "$0/other" 2>/dev/null', 4, "models/tokens.ncnn: no room left to write it"),
        ('mount -o remount,ro "$0"', 2, "models: cannot be written: Read-only file system"),
    ],
)
def test_a_disk_that_takes_no_more_is_one_sentence_and_leaves_nothing(
    farm: Path, files: Path, then: str, status: int, words: str
) -> None:
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("util-linux's unshare is not installed, so no small disk can be made")
    disk = farm / "models"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=16k none "$0" && {{ {then}; true; }} && "$@"; ended=$?; ls -A "$0"; exit $ended'
    small = [unshare, "--map-root-user", "--user", "--mount", "sh", "-c", mount, str(disk)]
    tried = subprocess.run([*small, "true"], timeout=30, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {tried.stderr.strip()}")
    add = [*small, sys.executable, "-m", "orchestrator.cli", *ADD, str(files / "tokens.ncnn.param")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(add, cwd=farm, env=environment, timeout=60, check=False, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert done.stdout.split() == tried.stdout.split()


def test_what_was_packed_is_inspected_by_its_name(dynofarm: Dynofarm, farm: Path, files: Path) -> None:
    dynofarm(*ADD, str(files / "tokens.ncnn.param")).ok()
    found = dynofarm("model", "inspect", "tokens", "--json").ok().json
    assert found["calls"]["LayerNorm"] == 1
