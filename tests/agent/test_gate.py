import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.gate import WrongOutput, check, digest, run_once
from agent.protocol import Gate, InputRecipe, ModelOnBoard, Reference, Tensor
from agent.runtimes import Array, Loaded, Rejected
from agent.runtimes.fake import FakeRuntime

MODEL = ModelOnBoard("0" * 64, "m", "tflite", [InputRecipe("x", "float32", [4], "uniform", -1.0, 1.0)])


class Answering(Loaded):
    """A model whose outputs are given, one list for each feeding; it remembers what it was fed."""

    def __init__(self, *answers: list[Array]) -> None:
        self.answers = list(answers)
        self.fed: list[list[Array]] = []
        self.invoked = 0

    def feed(self, inputs: list[Array]) -> None:
        self.fed.append(inputs)

    def invoke(self) -> None:
        self.invoked += 1

    def outputs(self) -> list[Array]:
        return self.answers[min(len(self.fed), len(self.answers)) - 1]


def output(values: Any, dtype: str = "float32", name: str = "y") -> Array:
    array = np.array(values, dtype)
    return Array(name, dtype, list(array.shape), array.tobytes())


def reference(*arrays: Array, tolerance: float = 0.01, seed: int = 7) -> Reference:
    tensors = [Tensor(a.name, a.dtype, a.shape, base64.b64encode(a.data).decode()) for a in arrays]
    return Reference(seed, tensors, tolerance)


def test_outputs_within_the_tolerance_pass_with_their_worst_error() -> None:
    loaded = Answering([output([0.0, 1.0, 2.01])])
    gate = check(loaded, MODEL, 1, [reference(output([0.0, 1.01, 2.01]))])
    assert (gate.checked, gate.tolerance) == (1, 0.01)
    assert gate.worst_error == pytest.approx(1 / 201, rel=1e-4)


def test_outputs_beyond_the_tolerance_are_wrong_with_the_numbers() -> None:
    loaded = Answering([output([0.0, 1.0, 2.0])])
    with pytest.raises(
        WrongOutput, match=r"'y' differs .*seed 7.* by 0\.05 of the reference's spread 2; allowed: 0\.01"
    ):
        check(loaded, MODEL, 1, [reference(output([0.0, 1.1, 2.0]))])


def test_each_reference_is_fed_with_its_own_seed_and_the_job_s_seed_comes_last() -> None:
    loaded = Answering([output([0.0, 1.0])], [output([2.0, 4.0])], [output([0.0, 9.0])])
    gate = check(loaded, MODEL, 3, [reference(output([0.0, 1.0]), seed=11), reference(output([2.0, 4.0]), seed=12)])
    assert gate.checked == 2
    assert loaded.invoked == 3
    expected = Answering([output([1.0, 2.0])])
    for seed in (11, 12, 3):
        run_once(expected, MODEL, seed)
    assert loaded.fed == expected.fed


def test_without_a_reference_a_sound_output_passes_and_says_that_nothing_was_compared() -> None:
    assert check(Answering([output([1.0, 2.0])]), MODEL, 1, []) == Gate(0, None, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_and_infinity_are_wrong_and_counted(bad: float, dtype: str) -> None:
    values = np.linspace(0, 1, 20000)
    values[[9000, 15000]] = bad
    with pytest.raises(WrongOutput, match="2 of 20000 elements that are NaN or infinite, the first at 9000"):
        check(Answering([output(values, dtype)]), MODEL, 1, [])


def test_nan_is_wrong_even_where_the_reference_is_nan() -> None:
    broken = output([np.nan, 1.0])
    with pytest.raises(WrongOutput, match="NaN"):
        check(Answering([broken]), MODEL, 1, [reference(broken)])


@pytest.mark.parametrize(("value", "dtype"), [(0, "float32"), (-128, "int8"), (3, "int64")])
def test_constant_outputs_without_a_reference_are_wrong(value: int, dtype: str) -> None:
    with pytest.raises(WrongOutput, match="every output is constant"):
        check(Answering([output([value] * 10, dtype)]), MODEL, 1, [])


def test_one_constant_output_beside_a_varied_one_passes() -> None:
    loaded = Answering([output([0.0, 0.0], name="boxes"), output([0.1, 0.9], name="scores")])
    assert check(loaded, MODEL, 1, []).checked == 0


def test_a_single_number_is_not_called_constant() -> None:
    assert check(Answering([output([0.0])]), MODEL, 1, []).checked == 0


def test_a_constant_output_passes_where_its_reference_is_the_same_constant() -> None:
    assert check(Answering([output([0.0, 0.0])]), MODEL, 1, [reference(output([0.0, 0.0]))]).worst_error == 0.0


def test_the_error_of_a_single_number_is_measured_against_its_size() -> None:
    gate = check(Answering([output([10.05])]), MODEL, 1, [reference(output([10.0]))])
    assert gate.worst_error == pytest.approx(0.005, rel=1e-3)
    with pytest.raises(WrongOutput):
        check(Answering([output([10.5])]), MODEL, 1, [reference(output([10.0]))])


def test_quantised_outputs_are_compared_as_numbers() -> None:
    loaded = Answering([output([-128, 0, 127], "int8")])
    assert check(loaded, MODEL, 1, [reference(output([-127, 0, 127], "int8"))]).worst_error == pytest.approx(1 / 254)


def test_half_and_single_precision_may_be_compared() -> None:
    loaded = Answering([output([0.0, 0.5], "float16")])
    assert check(loaded, MODEL, 1, [reference(output([0.0, 0.5], "float32"))]).worst_error == 0.0


def test_references_are_matched_by_name_before_position() -> None:
    first, second = output([0.0, 1.0], name="a"), output([5.0, 9.0], name="b")
    assert check(Answering([first, second]), MODEL, 1, [reference(second, first)]).worst_error == 0.0


def test_references_of_other_names_are_matched_by_position() -> None:
    loaded = Answering([output([0.0, 1.0], name="StatefulPartitionedCall:0")])
    assert check(loaded, MODEL, 1, [reference(output([0.0, 1.0], name="logits"))]).worst_error == 0.0


@pytest.mark.parametrize(
    ("answer", "wanted", "words"),
    [
        ([output([1.0, 2.0])], [output([1.0]), output([2.0], name="z")], "gave 1 outputs, and the reference has 2"),
        ([output([1.0, 2.0])], [output([[1.0, 2.0]])], r"shape \[2\], its reference \[1, 2\]"),
        ([output([1, 2], "int8")], [output([1.0, 2.0])], "is int8, its reference float32"),
        ([], [], "gave no output"),
    ],
)
def test_outputs_of_another_form_than_the_reference_are_wrong(
    answer: list[Array], wanted: list[Array], words: str
) -> None:
    with pytest.raises(WrongOutput, match=words):
        check(Answering(answer), MODEL, 1, [reference(*wanted)])


def test_an_error_in_the_last_element_of_a_big_output_is_found() -> None:
    right = np.linspace(0, 1, 50001, dtype="float32")
    wrong = right.copy()
    wrong[-1] = 3
    with pytest.raises(WrongOutput, match="by 2 of"):
        check(Answering([output(wrong)]), MODEL, 1, [reference(output(right))])


def test_inputs_that_do_not_fit_stay_a_rejection() -> None:
    class Picky(Answering):
        def feed(self, inputs: list[Array]) -> None:
            raise Rejected("no such input")

    with pytest.raises(Rejected):
        check(Picky([]), MODEL, 1, [])


def test_the_digest_depends_on_bytes_shape_and_type_but_not_on_names() -> None:
    plain = output([1.0, 2.0])
    assert digest([plain]) == digest([plain._replace(name="other")])
    assert (
        len({digest([plain]), digest([output([[1.0, 2.0]])]), digest([output([1.0, 3.0])]), digest([plain, plain])})
        == 4
    )


@pytest.mark.parametrize("crash", ["wrong", "nan"])
def test_the_fake_runtime_s_wrong_answers_are_caught(tmp_path: Path, crash: str) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"anything")
    right = FakeRuntime(None).load(str(path), 1, "none", {"sleep_ms": 0})
    references = [reference(*run_once(right, MODEL, 5), seed=5)]
    assert check(right, MODEL, 1, references).worst_error == 0.0
    broken = FakeRuntime(None).load(str(path), 1, "none", {"sleep_ms": 0, "crash": crash})
    with pytest.raises(WrongOutput):
        check(broken, MODEL, 1, references)
