"""LiteRT's library through ctypes, on real models, against the same version's own Python Interpreter."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.inputs import fill
from agent.litert_versions import KNOWN_BUILDS
from agent.protocol import InputRecipe
from tests.agent.tiny_tflite import Cast, write_cast_model

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "examples" / "models"

TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 128], "fill": "integers", "low": 0.0, "high": 1000.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 128], "fill": "ones"},
]
IMAGE = [{"name": "input", "dtype": "float32", "shape": [1, 128, 128, 3], "fill": "uniform", "low": -1.0, "high": 1.0}]
CASES = [("bert-tiny", TOKENS), ("bert-tiny-int8", TOKENS), ("face-detection", IMAGE)]
TYPES = ["float32", "float16", "int32", "int64", "int8", "uint8", "bool"]


def recipe(name: str, dtype: str, shape: Any = (1, 4)) -> dict[str, Any]:
    fill = "uniform" if "float" in dtype else "integers"
    high = 1.0 if dtype == "bool" else 100.0
    return {"name": name, "dtype": dtype, "shape": list(shape), "fill": fill, "low": 0.0, "high": high}


@pytest.fixture
def litert(run_once: Any, litert_library: Path) -> Any:
    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("litert", model, recipes, carrier=litert_library, **more)
        return answer

    return run


@pytest.fixture(scope="session")
def interpreter_paths(unpacked: Any) -> list[Path]:
    return [unpacked("ai-edge-litert==2.3.0"), unpacked("numpy==2.3.5")]


@pytest.mark.parametrize(("name", "recipes"), CASES)
@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_outputs_agree_with_the_interpreter_of_the_same_version(
    litert: Any, run_once: Any, interpreter_paths: Any, name: str, recipes: Any, delegate: str
) -> None:
    model = MODELS / f"{name}.tflite"
    ours = litert(model, recipes, delegate=delegate)
    theirs = run_once("ai-edge-litert", model, recipes, paths=interpreter_paths, delegate=delegate)
    assert ours["version"] == theirs["version"] == "2.3.0"
    assert ours["names"] == theirs["names"]
    assert len(ours["outputs"]) > 0
    for our, their in zip(ours["outputs"], theirs["outputs"], strict=True):
        assert np.ptp(their) > 0
        assert np.abs(our - their).max() <= 1e-5 * np.ptp(their)


@pytest.mark.parametrize(("name", "recipes"), CASES)
def test_the_oldest_and_the_newest_python_give_the_same_bytes_without_any_package(
    litert: Any, other_python: str, name: str, recipes: Any
) -> None:
    model = MODELS / f"{name}.tflite"
    here, there = litert(model, recipes), litert(model, recipes, python=other_python)
    assert there["modules"] == []
    assert [a.tobytes() for a in here["outputs"]] == [a.tobytes() for a in there["outputs"]]


def test_without_a_delegate_xnnpack_has_no_part_in_it(litert: Any) -> None:
    model = MODELS / "face-detection.tflite"
    with_it, without = litert(model, IMAGE), litert(model, IMAGE, delegate="none")
    assert with_it["details"]["fully_delegated"] is True
    assert without["details"]["fully_delegated"] is False
    assert "XNNPACK" not in without["stderr"]
    assert with_it["details"]["operators"] == without["details"]["operators"] > 0


@pytest.mark.parametrize("threads", [1, 3])
def test_the_process_has_as_many_threads_as_asked_for(litert: Any, threads: int) -> None:
    assert litert(MODELS / "face-detection.tflite", IMAGE, threads=threads)["tasks"] == threads


def test_another_seed_fed_later_replaces_the_inputs(litert: Any) -> None:
    model = MODELS / "face-detection.tflite"
    once, twice = litert(model, IMAGE, seeds=[2]), litert(model, IMAGE, seeds=[1, 2], inferences=3)
    other = litert(model, IMAGE, seeds=[1])
    assert once["outputs"][0].tobytes() == twice["outputs"][0].tobytes() != other["outputs"][0].tobytes()


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_inputs_and_outputs_of_every_type_are_handled(litert: Any, tmp_path: Path, delegate: str) -> None:
    taken = write_cast_model(tmp_path / "taken.tflite", [Cast(t, t, "float32") for t in TYPES])
    given = write_cast_model(tmp_path / "given.tflite", [Cast(t, "float32", t) for t in TYPES])
    answer = litert(taken, [recipe(t, t) for t in TYPES], delegate=delegate)
    assert [a.dtype.name for a in answer["outputs"]] == ["float32"] * len(TYPES)
    assert all(np.ptp(a) > 0 for a in answer["outputs"])
    recipes = [recipe(t, "float32") for t in TYPES]
    answer = litert(given, recipes, delegate=delegate)
    for dtype, one, output in zip(TYPES, recipes, answer["outputs"], strict=True):
        source = np.frombuffer(fill(InputRecipe(**one), 1).data, "float32").reshape(1, 4)
        assert output.dtype.name == dtype
        assert output.tolist() == source.astype(dtype).tolist()


def test_inputs_go_by_name_when_the_names_are_the_model_s(litert: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "float32"), Cast("b", "float32", "float32")])
    straight = litert(model, [recipe("a", "float32"), recipe("b", "float32")])
    crossed = litert(model, [recipe("b", "float32"), recipe("a", "float32")])
    assert [a.tolist() for a in straight["outputs"]] == [a.tolist() for a in crossed["outputs"]]


@pytest.mark.parametrize("signatures", [[], [("serve", 0)]])
def test_inputs_of_other_names_go_by_position_in_the_file_and_not_in_the_signature(
    litert: Any, tmp_path: Path, signatures: Any
) -> None:
    casts = [Cast("a", "float32", "float32", (1, 4)), Cast("b", "int32", "float32", (1, 3))]
    model = write_cast_model(tmp_path / "m.tflite", casts, signatures)
    answer = litert(model, [recipe("first", "float32", (1, 4)), recipe("arg_0", "int32", (1, 3))])
    assert [a.shape for a in answer["outputs"]] == [(1, 4), (1, 3)]
    assert answer["names"] == ["out_0", "out_1"]


def test_of_several_signatures_the_one_of_the_first_subgraph_is_used(litert: Any, tmp_path: Path) -> None:
    casts = [Cast("a", "float32", "float32")]
    model = write_cast_model(tmp_path / "m.tflite", casts, [("second", 1), ("first", 0)], subgraphs=2)
    assert len(litert(model, [recipe("a", "float32")])["outputs"]) == 1


def test_a_signature_of_another_subgraph_alone_is_unsupported(litert: Any, tmp_path: Path) -> None:
    casts = [Cast("a", "float32", "float32")]
    model = write_cast_model(tmp_path / "m.tflite", casts, [("second", 1)], subgraphs=2)
    answer = litert(model, [recipe("a", "float32")])
    assert (answer["error"], "first subgraph" in answer["message"]) == ("Unsupported", True)


def test_an_open_dimension_takes_the_shape_of_the_recipe(litert: Any, tmp_path: Path) -> None:
    casts = [Cast("a", "float32", "float32", (-1, 4)), Cast("b", "int32", "float32", (2,))]
    model = write_cast_model(tmp_path / "m.tflite", casts)
    answer = litert(model, [recipe("a", "float32", (3, 4)), recipe("b", "int32", (2,))], seeds=[1, 2])
    assert [a.shape for a in answer["outputs"]] == [(3, 4), (2,)]
    assert np.ptp(answer["outputs"][0]) > 0


@pytest.mark.parametrize(
    ("recipes", "words"),
    [
        ([recipe("a", "float32", (3, 5))], "has shape [-1, 4] in the model, and [3, 5] was given"),
        ([recipe("a", "int32", (3, 4))], "is float32 in the model, and int32 was given"),
        ([recipe("a", "float32", (4,))], "has shape [-1, 4]"),
        ([recipe("a", "float32", (1, 4))] * 2, "has 1 inputs (a), and 2 were given"),
        ([], "has 1 inputs (a), and 0 were given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(
    litert: Any, tmp_path: Path, recipes: Any, words: str
) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "float32", (-1, 4))])
    answer = litert(model, recipes)
    assert answer["error"] == "Rejected"
    assert words in answer["message"]


def test_an_unknown_operator_is_unsupported_and_its_name_is_on_stderr(litert: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("a", "float32", "int32")], custom_operator="Nonsense")
    answer = litert(model, [recipe("a", "float32")])
    assert answer["error"] == "Unsupported"
    assert "Nonsense" in answer["stderr"]


def test_a_string_input_is_unsupported(litert: Any, tmp_path: Path) -> None:
    model = write_cast_model(tmp_path / "m.tflite", [Cast("words", "string", "string")])
    answer = litert(model, [recipe("words", "float32")])
    assert (answer["error"], "'words'" in answer["message"]) == ("Unsupported", True)


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "absent", "onnx"])
def test_a_damaged_model_is_rejected_and_crashes_nothing(litert: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m.tflite"
    if damage == "cut":
        model.write_bytes((MODELS / "bert-tiny.tflite").read_bytes()[:1_000_000])
    elif damage == "garbage":
        model.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 20)
    elif damage == "empty":
        model.write_bytes(b"")
    elif damage == "onnx":
        shutil.copy(MODELS / "bert-tiny.onnx", model)
    answer = litert(model, TOKENS)
    assert answer["error"] == "Rejected"
    assert answer["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delegate": "gpu"}, "delegates none and xnnpack, not gpu"),
        ({"options": {"profile": True}}, "no options, and profile was given"),
        ({"threads": 0}, "at least one thread"),
    ],
)
def test_what_litert_has_not_is_unsupported_in_a_sentence(litert: Any, changes: Any, words: str) -> None:
    answer = litert(MODELS / "face-detection.tflite", IMAGE, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


def test_a_library_of_an_unknown_version_is_refused_before_it_is_loaded(run_once: Any, tmp_path: Path) -> None:
    library = tmp_path / "libLiteRt.so"
    library.write_bytes(b"\x7fELF" + bytes(100))
    answer = run_once("litert", MODELS / "face-detection.tflite", IMAGE, carrier=library)
    assert answer["error"] == "Unsupported"
    assert "none that this agent is bound to" in answer["message"]
    assert "2.3.0 for aarch64, 2.3.0 for x86_64" in answer["message"]


def test_a_missing_library_is_unsupported(run_once: Any, tmp_path: Path) -> None:
    model = MODELS / "face-detection.tflite"
    assert "cannot be read" in run_once("litert", model, IMAGE, carrier=tmp_path / "absent")["message"]
    assert "none came with the job" in run_once("litert", model, IMAGE)["message"]


def test_every_known_build_names_a_version_and_an_architecture() -> None:
    assert {build.architecture for build in KNOWN_BUILDS.values()} == {"x86_64", "aarch64"}
    assert all(len(digest) == 64 for digest in KNOWN_BUILDS)
