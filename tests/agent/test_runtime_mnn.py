"""MNN out of a real wheel, on the path as a bundle is, against onnxruntime on the network that was converted."""

import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.inputs import fill
from agent.protocol import InputRecipe
from orchestrator.model_files.flatbuffer import Table

NETWORKS = Path(__file__).with_name("networks")
IMAGE = [{"name": "image", "dtype": "float32", "shape": [1, 3, 8, 8], "fill": "uniform", "low": -1.0, "high": 1.0}]
TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 8], "fill": "integers", "low": 0.0, "high": 49.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 8], "fill": "ones"},
]
OPEN = [{"name": "x", "dtype": "float32", "shape": [1, 3, 5, 7], "fill": "uniform", "low": -1.0, "high": 1.0}]
OF = {"image": IMAGE, "tokens": TOKENS}
WHEELS = ("MNN==3.6.1", "numpy==2.3.5")


@pytest.fixture
def mnn(run_once: Any, unpacked: Any) -> Any:
    paths = [unpacked(wheel) for wheel in WHEELS]

    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("mnn", model, recipes, paths=paths, **{"delegate": "none", **more})
        return answer

    return run


@pytest.mark.parametrize("network", ["image", "tokens"])
@pytest.mark.parametrize("threads", [1, 2])
def test_outputs_agree_with_onnxruntime_on_the_network_that_was_converted(
    mnn: Any, run_once: Any, unpacked: Any, tmp_path: Path, network: str, threads: int
) -> None:
    blob = tmp_path / ("5" * 64)
    shutil.copy(NETWORKS / f"{network}.mnn", blob)
    blob.chmod(0o400)
    paths = [unpacked("onnxruntime==1.23.2"), unpacked("numpy==2.3.5")]
    ours = mnn(blob, OF[network], threads=threads)
    theirs = run_once("onnxruntime", NETWORKS / f"{network}.onnx", OF[network], paths=paths, delegate="none")
    assert ours["version"] == "3.6.1"
    assert ours["names"] == sorted(theirs["names"])
    named = dict(zip(theirs["names"], theirs["outputs"], strict=True))
    for name, our in zip(ours["names"], ours["outputs"], strict=True):
        assert our.shape == named[name].shape
        assert np.abs(our - named[name]).max() <= 5e-4 * np.ptp(named[name])  # its erf is approximate


def test_the_oldest_python_runs_it_too(run_once: Any, mnn: Any, other_python: str, tmp_path: Path) -> None:
    import subprocess

    folder = tmp_path / "there"
    wanted = [other_python, "-m", "pip", "install", "-q", "--only-binary=:all:", "--target", str(folder), "MNN==3.6.1"]
    done = subprocess.run(wanted, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"MNN cannot be had from the package index: {done.stderr[-200:]}")
    model = NETWORKS / "tokens.mnn"
    there = run_once("mnn", model, TOKENS, paths=[folder], delegate="none", python=other_python)
    here = mnn(model, TOKENS)
    assert [one.tobytes() for one in there["outputs"]] == [one.tobytes() for one in here["outputs"]]


def test_inputs_go_to_their_names_in_whatever_order_they_come(mnn: Any) -> None:
    model = NETWORKS / "tokens.mnn"
    straight, crossed = mnn(model, TOKENS), mnn(model, TOKENS[::-1])
    assert straight["outputs"][0].tobytes() == crossed["outputs"][0].tobytes()


def test_another_seed_fed_later_replaces_the_inputs(mnn: Any) -> None:
    model = NETWORKS / "image.mnn"
    once, twice = mnn(model, IMAGE, seeds=[2]), mnn(model, IMAGE, seeds=[1, 2], inferences=30)
    other = mnn(model, IMAGE, seeds=[1])
    assert once["outputs"][0].tobytes() == twice["outputs"][0].tobytes() != other["outputs"][0].tobytes()


def test_values_stay_in_their_order_where_channels_lie_last(mnn: Any) -> None:
    """As in models out of TFLite, whose softmax is over the channels."""
    recipe = {**IMAGE[0], "shape": [1, 2, 3, 5]}
    image = fill(InputRecipe(**recipe), 1)
    powers = np.exp(np.frombuffer(image.data, np.float32).reshape(image.shape))
    found = mnn(NETWORKS / "channels-last.mnn", [recipe])["outputs"][0]
    assert np.abs(found - powers / powers.sum(axis=-1, keepdims=True)).max() < 1e-6


def test_open_dimensions_take_the_shape_of_the_inputs(mnn: Any) -> None:
    model = NETWORKS / "open.mnn"
    small, large = mnn(model, OPEN), mnn(model, [dict(OPEN[0], shape=[1, 3, 9, 9])])
    assert [one["outputs"][0].shape for one in (small, large)] == [(1, 4, 5, 7), (1, 4, 9, 9)]
    assert small["outputs"][0].max() > 0


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor alone")
def test_so_many_threads_work(mnn: Any) -> None:
    one, three = (mnn(NETWORKS / "image.mnn", IMAGE, threads=n) for n in (1, 3))
    assert three["tasks"] - one["tasks"] == 2


def test_it_tells_what_a_session_takes(mnn: Any) -> None:
    told = mnn(NETWORKS / "image.mnn", IMAGE)["details"]
    assert told["flops"] > 7000
    assert told["session_bytes"] > 1000


@pytest.mark.parametrize("precision", ["f32", "f16", "bf16", "usual"])
def test_each_precision_computes_the_same_network(mnn: Any, precision: str) -> None:
    model = NETWORKS / "tokens.mnn"
    exact, other = mnn(model, TOKENS), mnn(model, TOKENS, options={"precision": precision, "memory": "low"})
    for ours, theirs in zip(other["outputs"], exact["outputs"], strict=True):
        assert np.abs(ours - theirs).max() <= 0.05 * np.ptp(theirs)


@pytest.mark.parametrize(
    ("network", "recipes", "words"),
    [
        ("image", [dict(IMAGE[0], shape=[2, 3, 8, 8])], "has shape [1, 3, 8, 8] in the model, and [2, 3, 8, 8]"),
        ("image", [dict(IMAGE[0], dtype="float64")], "is float32 in the model, and float64 was given"),
        ("tokens", TOKENS[:1], "has 2 inputs (ids, mask), and 1 were given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(mnn: Any, network: str, recipes: Any, words: str) -> None:
    answer = mnn(NETWORKS / f"{network}.mnn", recipes)
    assert (answer["error"], words in answer["message"]) == ("Rejected", True), answer["message"]


@pytest.mark.parametrize("damage", ["cut", "cut early", "garbage", "onnx", "empty", "absent"])
def test_a_damaged_model_is_rejected_and_crashes_nothing(mnn: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m"
    whole = (NETWORKS / "tokens.mnn").read_bytes()
    if damage == "cut":
        model.write_bytes(whole[: len(whole) // 2])
    elif damage == "cut early":
        model.write_bytes(whole[:100])
    elif damage == "garbage":
        model.write_bytes(whole[:64] + b"\xff" * 3000)
    elif damage == "onnx":
        shutil.copy(NETWORKS / "image.onnx", model)
    elif damage == "empty":
        model.write_bytes(b"")
    answer = mnn(model, TOKENS)
    assert answer["error"] == "Rejected", answer
    assert "\n" not in answer["message"]


def test_an_operator_that_the_wheel_cannot_run_is_named(mnn: Any, tmp_path: Path) -> None:
    """Attention is an operator of MNN that its wheel was built without."""
    data = bytearray((NETWORKS / "tokens.mnn").read_bytes())
    places = [one._field(5) for one in Table.root(data).tables(3) if one.integer(5) == LAYER_NORM]
    struct.pack_into("<i", data, places[0] or 0, ATTENTION)
    (tmp_path / "m").write_bytes(data)
    answer = mnn(tmp_path / "m", TOKENS)
    assert answer["error"] == "Unsupported"
    assert "/norm/LayerNormalization_output_0" in answer["message"]


LAYER_NORM, ATTENTION = 603, 299


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delegate": "xnnpack"}, "without a delegate (none), not with xnnpack"),
        ({"options": {"x": 1}}, "no option 'x' here; it has memory, precision"),
        ({"options": {"precision": "f8"}}, "precision is one of f32, f16, bf16, usual, not 'f8'"),
        ({"options": {"memory": []}}, "memory is one of usual, low, not []"),
        ({"threads": 0}, "at least one thread"),
        ({"profile": True}, "does not tell what its operators take"),
    ],
)
def test_what_mnn_has_not_is_unsupported_in_a_sentence(mnn: Any, changes: Any, words: str) -> None:
    answer = mnn(NETWORKS / "tokens.mnn", TOKENS, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


@pytest.mark.parametrize(("there", "missing"), [((), "no numpy for mnn"), (WHEELS[1:], "no MNN for mnn")])
def test_what_is_not_there_is_unsupported_and_named(run_once: Any, unpacked: Any, there: Any, missing: str) -> None:
    paths = [unpacked(wheel) for wheel in there]
    answer = run_once("mnn", NETWORKS / "tokens.mnn", TOKENS, paths=paths, delegate="none")
    assert answer["error"] == "Unsupported"
    assert missing in answer["message"]
