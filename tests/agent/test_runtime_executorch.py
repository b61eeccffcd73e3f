"""ExecuTorch's libraries out of a real wheel, on the path as a bundle is, against onnxruntime on the same network."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.runtimes.executorch_capi import KNOWN_VERSIONS

NETWORKS = Path(__file__).with_name("networks")
IMAGE = [{"name": "image", "dtype": "float32", "shape": [1, 3, 8, 8], "fill": "uniform", "low": -1.0, "high": 1.0}]
TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 8], "fill": "integers", "low": 0.0, "high": 49.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 8], "fill": "ones"},
]
OF = {"image": IMAGE, "tokens": TOKENS}
WHEEL = f"executorch=={KNOWN_VERSIONS[-1]}"


@pytest.fixture(scope="module")
def wheel(unpacked: Any) -> Path:
    found: Path = unpacked(WHEEL)
    return found


@pytest.fixture
def executorch(run_once: Any, wheel: Path) -> Any:
    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("executorch", model, recipes, paths=[wheel], **more)
        return answer

    return run


def changed(name: str, old: bytes, new: bytes, folder: Path) -> Path:
    """A program in which a name stands that is as long as the right one."""
    data = (NETWORKS / name).read_bytes()
    assert old in data
    assert len(old) == len(new)
    (folder / "m.pte").write_bytes(data.replace(old, new))
    return folder / "m.pte"


@pytest.mark.parametrize("network", ["image", "tokens"])
@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_outputs_agree_with_onnxruntime_on_the_same_network(
    executorch: Any, run_once: Any, unpacked: Any, tmp_path: Path, network: str, delegate: str
) -> None:
    blob = tmp_path / ("5" * 64)
    shutil.copy(NETWORKS / (network + ("-xnnpack" if delegate == "xnnpack" else "") + ".pte"), blob)
    blob.chmod(0o400)
    paths = [unpacked("onnxruntime==1.23.2"), unpacked("numpy==2.3.5")]
    ours = executorch(blob, OF[network], delegate=delegate)
    theirs = run_once("onnxruntime", NETWORKS / f"{network}.onnx", OF[network], paths=paths, delegate="none")
    assert ours["version"] == KNOWN_VERSIONS[-1]
    assert [one.shape for one in ours["outputs"]] == [one.shape for one in theirs["outputs"]]
    for our, their in zip(ours["outputs"], theirs["outputs"], strict=True):
        assert np.abs(our - their).max() <= 1e-5 * np.ptp(their)


def test_neither_torch_nor_numpy_is_needed_and_any_python_will_do(
    run_once: Any, wheel: Path, other_python: str
) -> None:
    answer = run_once("executorch", NETWORKS / "tokens-xnnpack.pte", TOKENS, paths=[wheel], python=other_python)
    assert answer["modules"] == []
    assert [one.shape for one in answer["outputs"]] == [(1, 3), (1, 8, 16)]


def test_the_same_inputs_give_the_same_outputs_however_often_it_runs(executorch: Any) -> None:
    model = NETWORKS / "image-xnnpack.pte"
    once, often = executorch(model, IMAGE, seeds=[2]), executorch(model, IMAGE, seeds=[1, 2], inferences=50)
    other = executorch(model, IMAGE, seeds=[1])
    assert once["outputs"][0].tobytes() == often["outputs"][0].tobytes() != other["outputs"][0].tobytes()


def test_threads_reach_the_thread_pool(executorch: Any) -> None:
    one, three = (executorch(NETWORKS / "image-xnnpack.pte", IMAGE, threads=n)["tasks"] for n in (1, 3))
    assert three - one == 2


def test_what_changes_the_speed_is_recorded(executorch: Any) -> None:
    inside = executorch(NETWORKS / "image-xnnpack.pte", IMAGE)["details"]
    outside = executorch(NETWORKS / "image.pte", IMAGE, delegate="none")["details"]
    assert inside["delegated_partitions"] == 1
    assert outside["delegated_partitions"] == 0
    assert outside["operators"] > inside["operators"] > 0
    assert outside["arena_bytes"] > 3 * 8 * 8 * 4


def test_an_open_dimension_takes_the_shape_of_the_recipe(executorch: Any) -> None:
    model = NETWORKS / "image-batch.pte"
    for batch in (1, 4, 5):
        recipe = dict(IMAGE[0], shape=[batch, 3, 8, 8])
        answer = executorch(model, [recipe], delegate="none", seeds=[1, 2], inferences=2)
        assert answer["outputs"][0].shape == (batch, 10)


@pytest.mark.parametrize(
    ("model", "recipes", "words"),
    [
        ("image.pte", [dict(IMAGE[0], shape=[2, 3, 8, 8])], "has shape [1, 3, 8, 8] in the model, and [2, 3, 8, 8]"),
        ("image-batch.pte", [dict(IMAGE[0], shape=[6, 3, 8, 8])], "has shape [5, 3, 8, 8] in the model"),
        ("image.pte", [dict(IMAGE[0], shape=[3, 8, 8])], "and [3, 8, 8] was given"),
        ("image.pte", [dict(IMAGE[0], dtype="float16")], "is float32 in the model, and float16 was given"),
        ("image.pte", [], "has 1 inputs (input_0), and 0 were given"),
        ("tokens.pte", [*TOKENS, *TOKENS], "has 2 inputs (input_0, input_1), and 4 were given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(
    executorch: Any, model: str, recipes: Any, words: str
) -> None:
    answer = executorch(NETWORKS / model, recipes, delegate="none")
    assert (answer["error"], words in answer["message"]) == ("Rejected", True), answer["message"]


@pytest.mark.parametrize(("model", "which"), [("channels-last-in", "input"), ("channels-last-out", "output")])
def test_tensors_in_another_order_are_unsupported_and_never_misread(executorch: Any, model: str, which: str) -> None:
    answer = executorch(NETWORKS / f"{model}.pte", IMAGE, delegate="none")
    assert answer["error"] == "Unsupported"
    assert f"{which}_0' does not lie in the order of its dimensions" in answer["message"]


def test_an_operator_that_it_lacks_is_unsupported_and_named(executorch: Any, tmp_path: Path) -> None:
    model = changed("image.pte", b"aten::convolution", b"aten::conv0luti0n", tmp_path)
    answer = executorch(model, IMAGE, delegate="none")
    assert answer["error"] == "Unsupported"
    assert "aten::conv0luti0n" in answer["message"]


def test_a_part_for_another_backend_is_unsupported_and_named(executorch: Any, tmp_path: Path) -> None:
    answer = executorch(changed("image-xnnpack.pte", b"XnnpackBackend", b"XnnpackBackenz", tmp_path), IMAGE)
    assert answer["error"] == "Unsupported"
    assert "made for XnnpackBackenz" in answer["message"]


def test_a_method_of_another_name_is_unsupported(executorch: Any, tmp_path: Path) -> None:
    answer = executorch(changed("image.pte", b"forward", b"prefill", tmp_path), IMAGE, delegate="none")
    assert (answer["error"], "runs the method forward" in answer["message"]) == ("Unsupported", True)


@pytest.mark.parametrize("damage", ["cut", "cut early", "garbage behind the identifier", "onnx", "empty", "absent"])
def test_a_damaged_program_is_rejected_and_crashes_nothing(executorch: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m.pte"
    whole = (NETWORKS / "image-xnnpack.pte").read_bytes()
    if damage == "cut":
        model.write_bytes(whole[:5000])
    elif damage == "cut early":
        model.write_bytes(whole[:40])
    elif damage == "garbage behind the identifier":
        model.write_bytes(whole[:8] + b"\xff" * 3000)
    elif damage == "onnx":
        shutil.copy(NETWORKS / "image.onnx", model)
    elif damage == "empty":
        model.write_bytes(b"")
    answer = executorch(model, IMAGE)
    assert answer["error"] == "Rejected", answer["message"]


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        ("image.pte", {"delegate": "xnnpack"}, "no part for XNNPACK: export it with"),
        ("image-xnnpack.pte", {"delegate": "none"}, "made for XNNPACK: export it without"),
        ("image.pte", {"delegate": "qnn"}, "knows the delegates xnnpack and none, not qnn"),
        ("image.pte", {"options": {"x": 1}}, "no option 'x' here; it has none"),
        ("image.pte", {"threads": 0}, "at least one thread"),
        ("image.pte", {"profile": True}, "does not tell what its operators take"),
    ],
)
def test_what_executorch_has_not_is_unsupported_in_a_sentence(
    executorch: Any, model: str, changes: Any, words: str
) -> None:
    answer = executorch(NETWORKS / model, IMAGE, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


def test_executorch_that_is_not_there_is_unsupported_and_named(run_once: Any) -> None:
    answer = run_once("executorch", NETWORKS / "image.pte", IMAGE)
    assert answer["error"] == "Unsupported"
    assert "no executorch on this board" in answer["message"]


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.4.0", "executorch 1.4.0 is not one that this agent can call"), (None, "of an unknown version")],
)
def test_another_version_is_refused_before_anything_of_it_is_called(
    run_once: Any, tmp_path: Path, version: str | None, words: str
) -> None:
    (tmp_path / "executorch" / "lib").mkdir(parents=True)
    if version is not None:
        about = tmp_path / f"executorch-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: executorch\nVersion: {version}\n")
    answer = run_once("executorch", NETWORKS / "image.pte", IMAGE, paths=[tmp_path])
    assert (answer["error"], words in answer["message"]) == ("Unsupported", True)


@pytest.mark.parametrize("damage", ["absent", "garbage", "another library"])
def test_libraries_that_are_not_what_they_should_be_are_unsupported(
    run_once: Any, wheel: Path, tmp_path: Path, damage: str
) -> None:
    shutil.copytree(wheel / f"executorch-{KNOWN_VERSIONS[-1]}.dist-info", tmp_path / "executorch-1.5.1.dist-info")
    (tmp_path / "executorch").mkdir()
    shutil.copytree(wheel / "executorch" / "lib", tmp_path / "executorch" / "lib")
    last = tmp_path / "executorch" / "lib" / "libexecutorch_threadpool.so"
    last.unlink()
    if damage == "garbage":
        last.write_bytes(b"not a library" * 100)
    elif damage == "another library":
        shutil.copy(last.with_name("libexecutorch_backend_openvino.so"), last)
    answer = run_once("executorch", NETWORKS / "image.pte", IMAGE, paths=[tmp_path])
    assert answer["error"] == "Unsupported", answer
