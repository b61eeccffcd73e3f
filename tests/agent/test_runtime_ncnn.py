"""ncnn out of a real wheel, on the path as a bundle is, against onnxruntime on the same network."""

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.runtimes.ncnn_file import GRAPH, WEIGHTS
from tests.ncnn_files import NETWORKS, OF, pack_lines, pack_network

ONNX = {
    "image": [{**OF["image"][0], "name": "image", "shape": [1, 3, 8, 8]}],
    "tokens": [{**OF["tokens"][0], "shape": [1, 8]}, {**OF["tokens"][1], "shape": [1, 8], "dtype": "int32"}],
}
VERSION = "1.0.20261020"
WHEEL, NUMPY = f"ncnn=={VERSION}", "numpy==2.3.5"
INPUT = "Input in 0 1 x"


@pytest.fixture
def ncnn(run_once: Any, unpacked: Any) -> Any:
    paths = [unpacked(WHEEL), unpacked(NUMPY)]

    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("ncnn", model, recipes, paths=paths, **{"delegate": "none", **more})
        return answer

    return run


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both networks packed, without a suffix and not to be written to, as on a board."""
    folder = tmp_path_factory.mktemp("models")
    found = {name: pack_network(name, folder / (str(number) * 64)) for number, name in enumerate(OF)}
    for path in found.values():
        path.chmod(0o400)
    return found


def floats(*shape: int, name: str = "x") -> list[dict[str, Any]]:
    return [{"name": name, "dtype": "float32", "shape": list(shape), "fill": "uniform", "low": -1.0, "high": 1.0}]


def packed_as(folder: Path, graph: bytes, weights: bytes, **entries: Any) -> Path:
    """A packed file of whatever is given, which the packer would refuse."""
    with zipfile.ZipFile(folder / "made", "w") as archive:
        archive.writestr(zipfile.ZipInfo(GRAPH), graph, **entries)
        archive.writestr(zipfile.ZipInfo(WEIGHTS), weights)
    return folder / "made"


@pytest.mark.parametrize("network", ["image", "tokens"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_agree_with_onnxruntime_on_the_same_network(
    ncnn: Any, run_once: Any, unpacked: Any, models: dict[str, Path], network: str, threads: int
) -> None:
    paths = [unpacked("onnxruntime==1.23.2"), unpacked(NUMPY)]
    fed = [{**ours, "name": theirs["name"]} for ours, theirs in zip(OF[network], ONNX[network], strict=True)]
    ours = ncnn(models[network], fed, threads=threads)  # the name is part of the seed
    theirs = run_once("onnxruntime", NETWORKS / f"{network}.onnx", ONNX[network], paths=paths, delegate="none")
    assert ours["version"] == VERSION
    expected = dict(zip(theirs["names"], theirs["outputs"], strict=True))
    assert ours["names"] == {"image": ["out0"], "tokens": ["found", "logits"]}[network]
    for name, our in zip(ours["names"], ours["outputs"], strict=True):
        their = expected["scores" if name == "out0" else name]
        assert our.shape == their.shape[1:]  # ncnn has no batch
        assert np.abs(our - their[0]).max() <= 1e-5 * np.ptp(their)


def test_inputs_go_to_their_names_in_whatever_order_they_come(ncnn: Any, models: dict[str, Path]) -> None:
    straight, crossed = ncnn(models["tokens"], OF["tokens"]), ncnn(models["tokens"], OF["tokens"][::-1])
    assert straight["outputs"][1].tobytes() == crossed["outputs"][1].tobytes()


def test_an_input_of_open_rank_is_found_by_name_or_else_by_position(ncnn: Any, tmp_path: Path) -> None:
    """Of two inputs of unlike shapes, the one that is multiplied with a column."""
    model = pack_lines(tmp_path, ["Input a 0 1 a", "Input b 0 1 b", "MatMul product 2 1 a b y"])
    a, b = floats(2, 3, name="a"), floats(3, 4, name="b")
    named = ncnn(model, b + a)
    placed = ncnn(model, [{**a[0], "fill": "ones"}, {**b[0], "fill": "ones", "name": "other"}])
    assert (named["outputs"][0].shape, placed["outputs"][0].shape) == ((2, 4), (2, 4))
    assert (placed["outputs"][0] == 3).all()


def test_another_seed_fed_later_replaces_the_inputs(ncnn: Any, models: dict[str, Path]) -> None:
    once, twice = (ncnn(models["image"], OF["image"], seeds=seeds, inferences=30) for seeds in ([2], [1, 2]))
    other = ncnn(models["image"], OF["image"], seeds=[1])
    assert once["outputs"][0].tobytes() == twice["outputs"][0].tobytes() != other["outputs"][0].tobytes()


def test_a_layer_that_works_in_place_leaves_the_inputs_as_they_were_fed(ncnn: Any, tmp_path: Path) -> None:
    model = pack_lines(tmp_path, [INPUT, "Sigmoid squash 1 1 x y"])
    once, often = (ncnn(model, floats(3, 7), inferences=n) for n in (1, 20))
    assert once["outputs"][0].tobytes() == often["outputs"][0].tobytes()


@pytest.mark.parametrize("shape", [(7,), (5, 7), (3, 5, 7), (2, 3, 5, 7)])
def test_what_ncnn_pads_between_channels_is_not_given_out(ncnn: Any, tmp_path: Path, shape: tuple[int, ...]) -> None:
    model = pack_lines(
        tmp_path, ["Input in 0 1 x", "Split both 1 2 x a b", "Sigmoid squash 1 1 a y", "ReLU cut 1 1 b z"]
    )
    squashed, cut = ncnn(model, floats(*shape))["outputs"]
    assert squashed.shape == cut.shape == shape
    assert np.array_equal(cut > 0, squashed > 0.5)
    assert np.abs(1 / (1 + np.exp(-cut[cut > 0])) - squashed[cut > 0]).max() < 1e-6


def test_so_many_threads_work_as_were_asked_for(ncnn: Any, models: dict[str, Path]) -> None:
    one, two, four = (ncnn(models["image"], OF["image"], threads=n)["tasks"] for n in (1, 2, 4))
    assert (two - one, four - one) == (1, 3)


def test_what_the_board_says_to_openmp_in_general_takes_no_thread_away(
    ncnn: Any, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    four = ncnn(models["image"], OF["image"], threads=4)["tasks"]
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    monkeypatch.setenv("OMP_DYNAMIC", "true")
    assert ncnn(models["image"], OF["image"], threads=4)["tasks"] == four


def test_it_computes_in_single_precision_unless_asked_otherwise(ncnn: Any, models: dict[str, Path]) -> None:
    plain, asked, narrow = (
        ncnn(models["tokens"], OF["tokens"], options=options)
        for options in ({}, {"precision": "f32"}, {"precision": "bf16"})
    )
    error = np.abs(plain["outputs"][0] - narrow["outputs"][0]).max() / np.ptp(plain["outputs"][0])
    assert plain["outputs"][0].tobytes() == asked["outputs"][0].tobytes()
    assert 1e-4 < error < 2e-2
    assert [run["details"]["precision"] for run in (plain, narrow)] == ["f32", "bf16"]
    assert not plain["details"]["half_arithmetic"]


def test_its_details_tell_of_the_graph_and_of_numpy(ncnn: Any, models: dict[str, Path]) -> None:
    details = ncnn(models["image"], OF["image"], options={"precision": "usual"})["details"]
    assert (details["operators"], details["numpy"], details["precision"]) == (5, "2.3.5", "usual")


@pytest.mark.parametrize(
    ("network", "recipes", "words"),
    [
        ("tokens", [{**OF["tokens"][0], "shape": [9]}, OF["tokens"][1]], "has shape [8] in the model, and [9]"),
        ("tokens", [{**OF["tokens"][0], "dtype": "int64"}, OF["tokens"][1]], "is int32 in the model, and int64 was"),
        ("tokens", OF["tokens"][:1], "has 2 inputs (ids, mask), and 1 were given"),
        ("image", [{**OF["image"][0], "dtype": "float64"}], "is float32 in the model, and float64 was given"),
        ("image", floats(1, 3, 8, 8, name="in0"), "has shape [3, -1, -1] in the model, and [1, 3, 8, 8] was given"),
        ("image", floats(8, 8, name="in0"), "has shape [3, -1, -1] in the model, and [8, 8] was given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(
    ncnn: Any, models: dict[str, Path], network: str, recipes: Any, words: str
) -> None:
    answer = ncnn(models[network], recipes)
    assert (answer["error"], words in answer["message"]) == ("Rejected", True), answer["message"]


@pytest.mark.parametrize("shape", [(1, 1, 3, 8, 8), (), (3, 0)])
def test_only_what_ncnn_has_memory_for_is_fed_to_it(ncnn: Any, tmp_path: Path, shape: tuple[int, ...]) -> None:
    answer = ncnn(pack_lines(tmp_path, [INPUT, "Sigmoid squash 1 1 x y"]), floats(*shape))
    assert answer["error"] == "Rejected"
    assert f"takes 1 to 4 dimensions, and input 'x' has shape {list(shape)}" in answer["message"]


@pytest.mark.parametrize("kind", ["Imagined", "ArgMax"])
def test_a_layer_that_the_wheel_has_not_is_unsupported_with_its_name(ncnn: Any, tmp_path: Path, kind: str) -> None:
    answer = ncnn(pack_lines(tmp_path, [INPUT, f"{kind} other 1 1 x y"]), floats(4))
    assert (answer["error"], answer["message"]) == ("Unsupported", f"ncnn {VERSION} has no layer {kind}")


def test_a_layer_that_refuses_its_parameters_is_unsupported_with_what_it_prints(ncnn: Any, tmp_path: Path) -> None:
    answer = ncnn(pack_lines(tmp_path, [INPUT, "Reduction mean 1 1 x y 0=3 1=0 -23303=1,0"]), floats(4))
    assert answer["error"] == "Unsupported"
    assert "param is too old, please regenerate" in answer["message"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([0.0, 1.0, 2.0], "the graph has more weights than the file, by 8 bytes"),
        ([], "the graph has more weights than the file, by 20 bytes"),
        ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "the file has more weights than the graph, by 4 bytes"),
    ],
)
def test_weights_that_are_not_the_graphs_are_rejected(ncnn: Any, tmp_path: Path, weights: Any, words: str) -> None:
    """ncnn would run the first with memory that is not its own, and the last without a word."""
    lines = [INPUT, "InnerProduct dense 1 1 x y 0=1 1=0 2=4"]
    answer = ncnn(pack_lines(tmp_path, lines, weights), floats(4))
    assert (answer["error"], answer["message"]) == ("Rejected", words)


def test_all_weights_reach_the_layers_in_their_order(ncnn: Any, tmp_path: Path) -> None:
    lines = [INPUT, "InnerProduct dense 1 1 x y 0=2 1=1 2=4"]
    model = pack_lines(tmp_path, lines, [0.0, 1.0, 2.0, 3.0, 4.0, 10.0, 20.0])
    assert ncnn(model, [{**floats(2)[0], "fill": "ones"}])["outputs"][0].tolist() == [13.0, 27.0]


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        ("7767517\n3 3\nInput i 0 1 x\nSigmoid a 1 1 x y\nReLU b 1 1 x z\n", "b: the value 'x' is read twice"),
        ("7767517\n2 3\nInput i 0 1 x\nSigmoid a 1 1 z y\n", "a: the value 'z' is read before any layer makes it"),
        ("7767517\n2 1\nInput i 0 1 x\nSigmoid a 1 1 x y\n", "its graph has 2 values, and says 1"),
        ("7767517\n2 2\nInput i 0 1 x\nSigmoid a 1 1 x y 0=1 -23303=900000000,1\n", "not as long as it says"),
    ],
)
def test_a_graph_that_would_crash_ncnn_does_not_reach_it(ncnn: Any, tmp_path: Path, graph: str, words: str) -> None:
    answer = ncnn(packed_as(tmp_path, graph.encode(), b""), floats(4))
    assert (answer["error"], words in answer["message"]) == ("Rejected", True), answer


@pytest.mark.parametrize(
    "damage", ["cut", "cut early", "garbage", "another graph", "deflated", "onnx", "empty", "absent"]
)
def test_a_damaged_model_is_rejected_and_crashes_nothing(
    ncnn: Any, models: dict[str, Path], tmp_path: Path, damage: str
) -> None:
    model = tmp_path / "made"
    whole = models["tokens"].read_bytes()
    if damage == "cut":
        model.write_bytes(whole[: len(whole) // 2])
    elif damage == "cut early":
        model.write_bytes(whole[:60])
    elif damage == "garbage":
        model.write_bytes(whole[:60] + b"\xff" * 3000)
    elif damage == "another graph":
        model.write_bytes(whole.replace(b"1 1 dense active", b"1 1 dense nowhere"[:16]))
    elif damage == "deflated":
        packed_as(tmp_path, b"7767517\n1 1\nInput i 0 1 x\n", b"", compress_type=zipfile.ZIP_DEFLATED)
    elif damage == "onnx":
        shutil.copy(NETWORKS / "image.onnx", model)
    elif damage == "empty":
        model.write_bytes(b"")
    answer = ncnn(model, OF["tokens"])
    assert answer["error"] == "Rejected", answer
    assert "\n" not in answer["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delegate": "xnnpack"}, "without a delegate (none), not with xnnpack"),
        ({"options": {"x": 1}}, "no option 'x' here; it has precision"),
        ({"options": {"precision": "int8"}}, "precision is one of f32, f16, bf16, usual, not 'int8'"),
        ({"threads": 0}, "at least one thread"),
        ({"profile": True}, "does not tell what its operators take"),
    ],
)
def test_what_ncnn_has_not_is_unsupported_in_a_sentence(
    ncnn: Any, models: dict[str, Path], changes: Any, words: str
) -> None:
    answer = ncnn(models["image"], OF["image"], **changes)
    assert (answer["error"], words in answer["message"]) == ("Unsupported", True), answer


def test_what_is_not_there_is_unsupported_and_named(run_once: Any, unpacked: Any, models: dict[str, Path]) -> None:
    for there, missing in (([unpacked(WHEEL)], "no numpy for ncnn"), ([unpacked(NUMPY)], "no ncnn for ncnn")):
        answer = run_once("ncnn", models["image"], OF["image"], paths=there, delegate="none")
        assert (answer["error"], missing in answer["message"]) == ("Unsupported", True), answer


def test_the_oldest_and_the_newest_python_run_it_too(
    run_once: Any, ncnn: Any, other_python: str, models: dict[str, Path], tmp_path: Path
) -> None:
    """The newest wheel for 3.8 is not the newest one, and less exact."""
    pip = [other_python, "-m", "pip", "install", "-q", "--only-binary=:all:", "--no-deps", "--target", str(tmp_path)]
    done = subprocess.run([*pip, "ncnn", "numpy"], capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"ncnn cannot be had from the package index: {done.stderr[-200:]}")
    for part in ("model_zoo", "utils"):  # as in a bundle; they import what is not there
        shutil.rmtree(tmp_path / "ncnn" / part)
    there = run_once("ncnn", models["tokens"], OF["tokens"], paths=[tmp_path], delegate="none", python=other_python)
    here = ncnn(models["tokens"], OF["tokens"])
    for other, one in zip(there["outputs"], here["outputs"], strict=True):
        assert np.abs(other - one).max() <= 5e-4 * np.ptp(one)


def test_an_older_version_reads_the_same_file(run_once: Any, unpacked: Any, models: dict[str, Path]) -> None:
    """The oldest C library needs it; some of its layers are less exact."""
    newest, oldest = (
        run_once(
            "ncnn", models["tokens"], OF["tokens"], paths=[unpacked(wheel), unpacked(NUMPY)], delegate="none", threads=2
        )
        for wheel in (WHEEL, "ncnn==1.0.20250503")
    )
    for new, old in zip(newest["outputs"], oldest["outputs"], strict=True):
        assert np.abs(new - old).max() <= 5e-4 * np.ptp(new)
