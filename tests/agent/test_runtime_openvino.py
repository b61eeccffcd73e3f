"""OpenVINO out of a real wheel, on the path as a bundle is, against runtimes that are trusted."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from tests.agent.tiny_tflite import Cast, write_cast_model

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 128], "fill": "integers", "low": 0.0, "high": 1000.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 128], "fill": "ones"},
]
IMAGE = [{"name": "input", "dtype": "float32", "shape": [1, 128, 128, 3], "fill": "uniform", "low": -1.0, "high": 1.0}]
TYPES = ["float32", "float16", "int32", "int64", "int8", "uint8", "bool"]


@pytest.fixture
def openvino(run_once: Any, unpacked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenVINO with a folder for temporary files that must be empty when the run is over."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    paths = [unpacked("openvino==2026.4.1"), unpacked("numpy==2.3.5")]
    monkeypatch.setenv("TMPDIR", str(temporary))

    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("openvino", model, recipes, paths=paths, **{"delegate": "none", **more})
        assert list(temporary.iterdir()) == []
        return answer

    return run


def on_a_board(model: Path, folder: Path) -> Path:
    """The file as it lies on a board: under its hash, without a suffix."""
    blob = folder / ("5" * 64)
    shutil.copy(model, blob)
    blob.chmod(0o400)
    return blob


def recipe(dtype: str, shape: Any = (1, 4), name: str = "a") -> dict[str, Any]:
    fill = "uniform" if "float" in dtype else "integers"
    return {"name": name, "dtype": dtype, "shape": list(shape), "fill": fill, "low": 0.0, "high": 1.0}


@pytest.mark.parametrize(
    ("name", "recipes", "allowed"),
    [
        ("bert-tiny.tflite", TOKENS, 1e-4),
        ("bert-tiny-int8.tflite", TOKENS, 0.1),
        ("face-detection.tflite", IMAGE, 1e-4),
    ],
)
def test_outputs_agree_with_litert_on_the_same_file(
    openvino: Any, run_once: Any, litert_library: Path, tmp_path: Path, name: str, recipes: Any, allowed: float
) -> None:
    ours = openvino(on_a_board(MODELS / name, tmp_path), recipes)
    theirs = run_once("litert", MODELS / name, recipes, carrier=litert_library)
    assert ours["version"] == "2026.4.1"
    assert [one.shape for one in ours["outputs"]] == [one.shape for one in theirs["outputs"]]
    for our, their in zip(ours["outputs"], theirs["outputs"], strict=True):
        assert np.abs(our - their).max() <= allowed * np.ptp(their)


@pytest.mark.parametrize("name", ["bert-tiny.onnx", "bert-tiny-int8.onnx"])
def test_outputs_agree_with_onnxruntime_on_the_same_file(
    openvino: Any, run_once: Any, unpacked: Any, tmp_path: Path, name: str
) -> None:
    paths = [unpacked("onnxruntime==1.23.2"), unpacked("numpy==2.3.5")]
    ours = openvino(on_a_board(MODELS / name, tmp_path), TOKENS)
    theirs = run_once("onnxruntime", MODELS / name, TOKENS, paths=paths, delegate="none")
    allowed = 1e-4 if name == "bert-tiny.onnx" else 0.1
    assert np.abs(ours["outputs"][0] - theirs["outputs"][0]).max() <= allowed * np.ptp(theirs["outputs"][0])


def test_it_computes_in_fp32_unless_asked_otherwise(openvino: Any) -> None:
    model = MODELS / "bert-tiny.onnx"
    exact, half = openvino(model, TOKENS), openvino(model, TOKENS, options={"precision": "f16"})
    assert exact["details"]["inference_precision_hint"] == "f32"
    usual = openvino(model, TOKENS, options={"precision": "usual"})
    assert usual["details"]["inference_precision_hint"] in ("f32", "f16", "bf16")
    distance = np.abs(exact["outputs"][0] - half["outputs"][0]).max() / np.ptp(exact["outputs"][0])
    assert distance <= 0.02


def test_what_changes_the_speed_is_recorded(openvino: Any) -> None:
    details = openvino(MODELS / "bert-tiny.onnx", TOKENS, threads=2)["details"]
    assert (details["inference_num_threads"], details["num_streams"]) == (2, 1)
    assert details["enable_cpu_pinning"] is False
    assert details["operators"] > 50
    assert details["numpy"] == "2.3.5"


def test_another_seed_fed_later_replaces_the_inputs(openvino: Any) -> None:
    model = MODELS / "face-detection.tflite"
    once, twice = openvino(model, IMAGE, seeds=[2]), openvino(model, IMAGE, seeds=[1, 2], inferences=3)
    other = openvino(model, IMAGE, seeds=[1])
    assert once["outputs"][0].tobytes() == twice["outputs"][0].tobytes() != other["outputs"][0].tobytes()


def test_inputs_and_outputs_of_every_type_are_handled(openvino: Any, tmp_path: Path) -> None:
    taken = write_cast_model(tmp_path / "taken.tflite", [Cast(t, t, "float32") for t in TYPES])
    given = write_cast_model(tmp_path / "given.tflite", [Cast(t, "float32", t) for t in TYPES])
    answer = openvino(taken, [recipe(t, name=t) for t in TYPES])
    assert [one.dtype.name for one in answer["outputs"]] == ["float32"] * len(TYPES)
    answer = openvino(given, [recipe("float32", name=t) for t in TYPES])
    assert [one.dtype.name for one in answer["outputs"]] == TYPES


def test_an_open_dimension_takes_the_shape_of_the_recipe(openvino: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32", (-1, 4))])
    assert openvino(model, [recipe("float32", (5, 4))], seeds=[1, 2])["outputs"][0].shape == (5, 4)


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        ([recipe("float32", (5, 3))], "has shape [-1, 4] in the model, and [5, 3] was given"),
        ([recipe("int32", (5, 4))], "is float32 in the model, and int32 was given"),
        ([], "has 1 inputs (a), and 0 were given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(
    openvino: Any, tmp_path: Path, recipes: Any, words: str
) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32", (-1, 4))])
    answer = openvino(model, recipes)
    assert (answer["error"], words in answer["message"]) == ("Rejected", True)


@pytest.mark.parametrize("domain", ["", "my.domain"])
def test_an_operator_of_onnx_that_it_lacks_is_unsupported_and_named(openvino: Any, tmp_path: Path, domain: str) -> None:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "ay"]
    graph = helper.make_graph([helper.make_node("Nonsense", ["a"], ["y"], domain=domain)], "g", ports[:1], ports[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.domain", 1)]
    save(helper.make_model(graph, ir_version=8, opset_imports=opsets), str(tmp_path / "m.onnx"))
    answer = openvino(tmp_path / "m.onnx", [recipe("float32")])
    assert answer["error"] == "Unsupported"
    assert "Nonsense" in answer["message"]
    assert "\n" not in answer["message"]


def test_an_operator_of_tflite_that_it_lacks_is_unsupported_and_named(openvino: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32")], custom_operator="Nonsense")
    answer = openvino(model, [recipe("float32")])
    assert (answer["error"], "Nonsense" in answer["message"]) == ("Unsupported", True)


def test_a_string_input_is_unsupported(openvino: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("words", "string", "string")])
    assert openvino(model, [])["error"] == "Unsupported"


@pytest.mark.parametrize("damage", ["cut onnx", "cut tflite", "garbage", "empty", "absent"])
def test_a_damaged_model_is_rejected_and_crashes_nothing(openvino: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m"
    if damage == "cut onnx":
        model.write_bytes((MODELS / "bert-tiny.onnx").read_bytes()[:300_000])
    elif damage == "cut tflite":
        model.write_bytes((MODELS / "face-detection.tflite").read_bytes()[:100_000])
    elif damage == "garbage":
        model.write_bytes(b"not an onnx file at all" * 10)
    elif damage == "empty":
        model.write_bytes(b"")
    answer = openvino(model, TOKENS)
    assert answer["error"] == "Rejected"
    assert "dynofarm-model-" not in answer["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delegate": "xnnpack"}, "without a delegate (none), not with xnnpack"),
        ({"options": {"x": 1}}, "no option 'x' here; it has cpu_pinning, precision"),
        ({"options": {"precision": "fp32"}}, "f32, f16, bf16, usual, not 'fp32'"),
        ({"options": {"precision": ["f32"]}}, "f32, f16, bf16, usual"),
        ({"options": {"cpu_pinning": 1}}, "true or false"),
        ({"threads": 0}, "at least one thread"),
        ({"profile": True}, "does not tell what its operators take"),
    ],
)
def test_what_openvino_has_not_is_unsupported_in_a_sentence(openvino: Any, changes: Any, words: str) -> None:
    answer = openvino(MODELS / "bert-tiny.onnx", TOKENS, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


def test_openvino_that_is_not_there_is_unsupported_and_named(run_once: Any, unpacked: Any) -> None:
    answer = run_once("openvino", MODELS / "bert-tiny.onnx", TOKENS, paths=[unpacked("numpy==2.3.5")], delegate="none")
    assert answer["error"] == "Unsupported"
    assert "no openvino for openvino on this board" in answer["message"]
