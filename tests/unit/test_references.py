"""Reference outputs: what can judge, and what is refused because it cannot."""

import base64
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from agent.protocol import InputRecipe, Tensor
from orchestrator.model_files import read_model
from orchestrator.models import UNTOLD, TensorInfo
from orchestrator.references import (
    DYNAMIC_INT8,
    EXACT,
    SAME_FLOAT_FILE,
    STATIC_INT8,
    default_tolerance,
    reference_from,
    same_inputs,
    same_outputs,
    spread_of,
    told_outputs,
    widest,
)


def tensor(*values: float, name: str = "logits") -> Tensor:
    data = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
    return Tensor(name, "float32", [1, len(values)], data)


def test_a_reference_keeps_outputs_seed_and_tolerance():
    reference = reference_from([tensor(1.0, 2.0)], 7, SAME_FLOAT_FILE)
    assert (reference.seed, reference.tolerance) == (7, 1e-3)
    assert reference.outputs == [tensor(1.0, 2.0)]


def test_the_spread_is_maximum_less_minimum():
    assert spread_of(tensor(-1.5, 4.0, 2.0)) == 5.5
    assert spread_of(Tensor("n", "int8", [2], base64.b64encode(bytes([0x80, 0x7F])).decode())) == 255.0


def test_tolerances_are_ordered_and_below_what_a_wrong_answer_differs_by():
    assert EXACT < SAME_FLOAT_FILE < DYNAMIC_INT8 < STATIC_INT8 < 0.33


@pytest.mark.parametrize(
    ("outputs", "what"),
    [
        ([], "at least one output"),
        ([tensor(1.0, 1.0, 1.0)], "all its elements are equal"),
        ([tensor(1.0, 2.0), tensor(0.0, 0.0, name="other")], "'other'"),
        ([tensor(1.0, float("nan"))], "NaN"),
        ([tensor(float("nan"), 1.0)], "NaN"),
        ([tensor(1.0, float("inf"))], "infinity"),
        ([Tensor("t", "float32", [1, 3], tensor(1.0, 2.0).data)], "8 bytes"),
        ([Tensor("t", "float32", [0], "")], "0 bytes"),
        ([Tensor("t", "string", [1], "")], "string cannot be compared"),
    ],
)
def test_outputs_that_cannot_judge_are_refused(outputs, what):
    with pytest.raises(ValueError, match=what):
        reference_from(outputs, 1, SAME_FLOAT_FILE)


@pytest.mark.parametrize("tolerance", [-0.1, 1.0, float("nan")])
def test_a_tolerance_that_is_no_share_is_refused(tolerance):
    with pytest.raises(ValueError, match="share of the spread"):
        reference_from([tensor(1.0, 2.0)], 1, tolerance)


def test_one_lone_element_is_a_reference():
    assert reference_from([tensor(3.0)], 1, SAME_FLOAT_FILE).outputs == [tensor(3.0)]


def test_the_widest_of_several_seeds_are_kept_in_order_of_seed():
    references = [reference_from([tensor(0.0, width)], seed, 0.1) for seed, width in enumerate((1.0, 5.0, 0.1, 4.0))]
    assert [reference.seed for reference in widest(references, 2)] == [1, 3]
    assert len(widest(references, 9)) == 4
    assert widest([], 2) == []


def test_every_output_counts_for_how_wide_a_reference_is():
    narrow = reference_from([tensor(0.0, 9.0), tensor(0.0, 0.1, name="b")], 1, 0.1)
    even = reference_from([tensor(0.0, 5.0), tensor(0.0, 1.0, name="b")], 2, 0.1)
    assert [reference.seed for reference in widest([narrow, even], 1)] == [2]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("bert-tiny.tflite", SAME_FLOAT_FILE),
        ("bert-tiny.onnx", SAME_FLOAT_FILE),
        ("bert-tiny-int8.tflite", DYNAMIC_INT8),
        ("bert-tiny-int8.onnx", DYNAMIC_INT8),
    ],
)
def test_the_tolerance_follows_from_what_the_file_says_of_its_weights(name: str, tolerance: float) -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "models" / name
    assert default_tolerance(read_model(path)) == tolerance


def test_what_counts_for_the_tolerance_is_how_many_weights_are_integers_and_not_their_bytes() -> None:
    """Converters may leave the table of an embedding as floats of four bytes each."""
    path = Path(__file__).resolve().parents[2] / "examples" / "models" / "bert-tiny.onnx"
    model = replace(read_model(path), weights={"float32": 600_000, "int8": 400_000})
    assert default_tolerance(model) == DYNAMIC_INT8
    assert default_tolerance(replace(model, weights={"float32": 600_000, "int8": 100_000})) == SAME_FLOAT_FILE


def told(name: str, dtype: str = "float32", shape: tuple[int, ...] = (1, 3)) -> TensorInfo:
    return TensorInfo(name, dtype, shape)


def test_outputs_of_which_the_names_alone_are_told_are_as_they_came() -> None:
    came = reference_from([tensor(1.0, 2.0, 3.0)], 1, 0.1)
    name = came.outputs[0].name
    declared = (told("other", UNTOLD, (-1,)), told(name, UNTOLD, (-1,)), told("known", "int32"))
    assert told_outputs(declared, [came]) == (declared[0], told(name, "float32", (1, 3)), declared[2])


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ([told("a"), told("b", shape=(2,))], [told("b", shape=(2,)), told("a")], True),
        ([told("a"), told("b", shape=(2,))], [told("x"), told("y", shape=(2,))], True),
        ([told("a"), told("b", shape=(2,))], [told("y", shape=(2,)), told("x")], False),
        ([told("a", UNTOLD, (-1,))], [told("a", shape=(7, 7))], True),
        ([told("a", shape=(7, 7))], [told("a", UNTOLD, (-1,))], True),
        ([told("a")], [told("a"), told("b")], False),
    ],
)
def test_outputs_are_paired_as_on_the_board(ours: list[TensorInfo], theirs: list[TensorInfo], same: bool) -> None:
    assert same_outputs(ours, theirs) is same


def test_inputs_are_the_same_whatever_their_order_and_width() -> None:
    ids = InputRecipe("ids", "int64", [1, 8], "integers", 0.0, 49.0)
    image = InputRecipe("image", "float32", [1, 3], "uniform", -1.0, 1.0)
    assert same_inputs([ids, image], [image, replace(ids, dtype="int32")])
    assert not same_inputs([ids], [replace(ids, high=48.0)])
    assert not same_inputs([image], [replace(image, dtype="float16")]), "its values are rounded"
