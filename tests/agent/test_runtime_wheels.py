"""tflite-runtime, ai-edge-litert and onnxruntime out of real wheels, on the path as a bundle is."""

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
WHEELS = {
    "tflite-runtime": ["tflite-runtime==2.14.0", "numpy==1.26.4"],
    "ai-edge-litert": ["ai-edge-litert==2.3.0", "numpy==2.3.5"],
    "onnxruntime": ["onnxruntime==1.23.2", "numpy==2.3.5"],
}
TFLITE = ["tflite-runtime", "ai-edge-litert"]


@pytest.fixture
def run(run_once: Any, unpacked: Any) -> Any:
    def go(runtime: str, model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        paths = [unpacked(wheel) for wheel in WHEELS[runtime]]
        answer: dict[str, Any] = run_once(runtime, model, recipes, paths=paths, **more)
        return answer

    return go


@pytest.mark.parametrize("runtime", TFLITE)
def test_xnnpack_can_be_had_and_left_out(run: Any, runtime: str) -> None:
    model = MODELS / "face-detection.tflite"
    with_it, without = run(runtime, model, IMAGE), run(runtime, model, IMAGE, delegate="none")
    assert with_it["version"] == WHEELS[runtime][0].split("==")[1]
    assert with_it["details"]["delegated_partitions"] == 1
    assert without["details"]["delegated_partitions"] == 0
    assert with_it["details"]["operators"] == without["details"]["operators"] > 0
    for ours, theirs in zip(with_it["outputs"], without["outputs"], strict=True):
        assert np.abs(ours - theirs).max() <= 1e-3 * np.ptp(theirs)


@pytest.mark.parametrize("runtime", TFLITE)
def test_threads_reach_the_interpreter(run: Any, runtime: str) -> None:
    one, three = (run(runtime, MODELS / "face-detection.tflite", IMAGE, threads=n)["tasks"] for n in (1, 3))
    assert three - one == 2


@pytest.mark.parametrize("runtime", TFLITE)
def test_an_open_dimension_takes_the_shape_of_the_recipe(run: Any, tmp_path: Path, runtime: str) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32", (-1, 4))])
    recipe = {"name": "x", "dtype": "float32", "shape": [5, 4], "fill": "uniform", "low": 0.0, "high": 50.0}
    assert run(runtime, model, [recipe])["outputs"][0].shape == (5, 4)
    answer = run(runtime, model, [dict(recipe, shape=[5, 3])])
    assert (answer["error"], "[-1, 4]" in answer["message"]) == ("Rejected", True)


@pytest.mark.parametrize("runtime", TFLITE)
@pytest.mark.parametrize("damage", ["cut", "onnx"])
def test_a_damaged_model_is_rejected_and_crashes_nothing(run: Any, tmp_path: Path, runtime: str, damage: str) -> None:
    model = tmp_path / "m.tflite"
    if damage == "cut":
        model.write_bytes((MODELS / "face-detection.tflite").read_bytes()[:100_000])
    else:
        shutil.copy(MODELS / "bert-tiny.onnx", model)
    assert run(runtime, model, IMAGE)["error"] == "Rejected"


@pytest.mark.parametrize("runtime", TFLITE)
def test_an_unknown_operator_is_unsupported_and_named(run: Any, tmp_path: Path, runtime: str) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32")], custom_operator="Nonsense")
    answer = run(runtime, model, [{"name": "a", "dtype": "float32", "shape": [1, 4], "fill": "ones"}])
    assert answer["error"] == "Unsupported"
    assert "Nonsense" in answer["message"]


@pytest.mark.parametrize("runtime", TFLITE)
def test_a_string_input_is_unsupported(run: Any, tmp_path: Path, runtime: str) -> None:
    answer = run(runtime, write_cast_model(tmp_path / "m.tflite", [Cast("words", "string", "string")]), [])
    assert (answer["error"], "'words'" in answer["message"]) == ("Unsupported", True)


@pytest.mark.parametrize(
    ("runtime", "changes", "words"),
    [
        ("tflite-runtime", {"delegate": "gpu"}, "none and xnnpack, not gpu"),
        ("tflite-runtime", {"options": {"x": 1}}, "no options, and x was given"),
        ("ai-edge-litert", {"threads": 0}, "at least one thread"),
        ("onnxruntime", {"delegate": "xnnpack"}, "without a delegate (none), not with xnnpack"),
        ("onnxruntime", {"delegate": "cpu"}, "without a delegate (none), not with cpu"),
        ("onnxruntime", {"delegate": "none", "options": {"x": 1}}, "no option 'x' here; it has allow_spinning"),
        (
            "onnxruntime",
            {"delegate": "none", "options": {"graph_optimization": "some"}},
            "all, extended, basic, disabled",
        ),
        ("onnxruntime", {"delegate": "none", "options": {"allow_spinning": 1}}, "true or false"),
        ("onnxruntime", {"delegate": "none", "threads": 0}, "at least one thread"),
    ],
)
def test_what_a_runtime_has_not_is_unsupported_in_a_sentence(run: Any, runtime: str, changes: Any, words: str) -> None:
    model = MODELS / ("bert-tiny.onnx" if runtime == "onnxruntime" else "bert-tiny.tflite")
    answer = run(runtime, model, TOKENS, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


@pytest.mark.parametrize("runtime", sorted(WHEELS))
def test_a_runtime_that_is_not_there_is_unsupported_and_named(run_once: Any, unpacked: Any, runtime: str) -> None:
    model = MODELS / "face-detection.tflite"
    without_numpy = run_once(runtime, model, IMAGE, paths=[unpacked(WHEELS[runtime][0])])
    assert without_numpy["error"] == "Unsupported"
    assert f"no numpy for {runtime} on this board" in without_numpy["message"]
    numpy_alone = run_once(runtime, model, IMAGE, paths=[unpacked(WHEELS[runtime][1])])
    assert numpy_alone["error"] == "Unsupported"
    assert f"for {runtime} on this board" in numpy_alone["message"]


def test_tflite_runtime_with_numpy_2_is_unsupported_before_it_dies(run_once: Any, unpacked: Any) -> None:
    paths = [unpacked("tflite-runtime==2.14.0"), unpacked("numpy==2.3.5")]
    answer = run_once("tflite-runtime", MODELS / "face-detection.tflite", IMAGE, paths=paths)
    assert answer["error"] == "Unsupported"
    assert "needs numpy older than 2, and the board has 2.3.5" in answer["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("libstdc++.so.6: cannot open shared object file", "package libstdc++6"),
        ("/lib/libm.so.6: version `GLIBC_2.34' not found", "newer C library"),
        ("undefined symbol: x", "cannot be imported on this board: undefined symbol: x"),
    ],
)
def test_a_runtime_that_cannot_be_linked_says_what_is_missing(
    run_once: Any, unpacked: Any, tmp_path: Path, text: str, words: str
) -> None:
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text(f"raise ImportError({text!r})\n")
    paths = [tmp_path, unpacked("numpy==1.26.4")]
    answer = run_once("tflite-runtime", MODELS / "face-detection.tflite", IMAGE, paths=paths)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


@pytest.mark.parametrize("name", ["bert-tiny", "bert-tiny-int8"])
def test_onnxruntime_agrees_with_tflite_on_the_same_network(run: Any, name: str) -> None:
    ours = run("onnxruntime", MODELS / f"{name}.onnx", TOKENS, delegate="none")
    theirs = run("ai-edge-litert", MODELS / "bert-tiny.tflite", TOKENS)
    assert ours["version"] == "1.23.2"
    assert ours["outputs"][0].shape == theirs["outputs"][0].shape
    limit = 0.01 if name == "bert-tiny" else 0.3
    assert np.abs(ours["outputs"][0] - theirs["outputs"][0]).max() <= limit * np.ptp(theirs["outputs"][0])


def test_onnxruntime_records_how_it_was_set_up(run: Any) -> None:
    model = MODELS / "bert-tiny.onnx"
    details = run("onnxruntime", model, TOKENS, delegate="none")["details"]
    assert details["providers"] == ["CPUExecutionProvider"]
    assert (details["graph_optimization"], details["allow_spinning"]) == ("all", True)
    options = {"graph_optimization": "disabled", "allow_spinning": False}
    changed = run("onnxruntime", model, TOKENS, delegate="none", options=options, threads=3, inferences=2, seeds=[1, 2])
    assert changed["details"]["graph_optimization"] == "disabled"
    assert changed["tasks"] - run("onnxruntime", model, TOKENS, delegate="none")["tasks"] == 2


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "absent"])
def test_a_damaged_onnx_model_is_rejected(run: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m.onnx"
    if damage == "cut":
        model.write_bytes((MODELS / "bert-tiny.onnx").read_bytes()[:300_000])
    elif damage == "garbage":
        model.write_bytes(b"not an onnx file at all" * 10)
    elif damage == "empty":
        model.write_bytes(b"")
    assert run("onnxruntime", model, TOKENS, delegate="none")["error"] == "Rejected"


def test_an_onnx_model_of_an_unknown_operator_is_unsupported(run: Any, tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    recipe = {"name": "x", "dtype": "float32", "shape": [3, 4], "fill": "uniform"}
    for operator, expected in (("Relu", None), ("Nonsense", "Unsupported")):
        graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", [x], [y])
        save(
            helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
            str(tmp_path / "m.onnx"),
        )
        answer = run("onnxruntime", tmp_path / "m.onnx", [recipe], delegate="none")
        assert answer.get("error") == expected
        if expected is None:
            assert answer["outputs"][0].shape == (3, 4)
        else:
            assert "Nonsense" in answer["message"]
