"""Shapes, heads, forms, and what they cost."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ModelError, UsageError
from orchestrator.zoo.arithmetic import count_flops, count_parameters
from orchestrator.zoo.heads import Head, parse_head
from orchestrator.zoo.orders import order_from_json, plan_artifacts, stem_of
from orchestrator.zoo.recipes import FORMS, parse_formats, parse_forms, with_parents
from orchestrator.zoo.shapes import CATALOGUE, check_length, parse_shape, with_positions
from tests.unit.zoo_orders import make_order

TWO = Head("classification", 2)

PUBLISHED = {
    "bert-large": 335_143_938,
    "bert-base": 109_483_778,
    "distilbert": 66_955_010,
    "mobilebert": 24_582_914,
    "tinybert-4": 14_350_874,
    "minilm-l6": 22_713_986,
    "bert-tiny": 4_386_178,
}
"""Parameters of the reference implementation's classifier with two classes (`tests/zoo/` builds them)."""


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_parameters_are_those_that_are_published(name: str, parameters: int) -> None:
    assert count_parameters(CATALOGUE[name], TWO) == parameters


def test_bert_base_takes_22_35_gigaflops_at_length_128() -> None:
    assert count_flops(CATALOGUE["bert-base"], TWO, 128) == pytest.approx(22.35e9, rel=0.001)


def test_a_layer_costs_what_the_closed_form_says() -> None:
    one, two = parse_shape("1/64/256/4"), parse_shape("2/64/256/4")
    length = 32
    layer = 2 * length * (4 * 64**2 + 2 * 64 * 256) + 4 * length**2 * 64
    assert count_flops(two, TWO, length) - count_flops(one, TWO, length) == layer


def test_mobilebert_counts_its_doors_and_its_stack() -> None:
    shape = CATALOGUE["mobilebert"]
    dense = 3 * 128 * 128 + 512 * 128 + 4 * 2 * 128 * 512 + 2 * 512 * 128 + 128 * 512
    layers = 24 * (2 * 128 * dense + 4 * 128**2 * 128)
    assert count_flops(shape, TWO, 128) == layers + 2 * 128 * 384 * 512 + 2 * 512 * 2


@given(st.integers(2, 512))
def test_longer_sequences_never_cost_less(length: int) -> None:
    shape = CATALOGUE["tinybert-4"]
    assert count_flops(shape, TWO, length) < count_flops(shape, TWO, length + 1)


def test_any_sizes_are_a_shape() -> None:
    shape = parse_shape("3/96/200/6")
    assert (shape.layers, shape.hidden, shape.feed_forward, shape.heads) == (3, 96, 200, 6)
    assert shape.name == "bert-3x96x200x6"
    assert parse_shape(shape.name) == shape


def test_a_smaller_vocabulary_shows_in_the_name() -> None:
    assert parse_shape("bert-tiny", 1024).name == "bert-tiny-v1024"
    assert parse_shape("bert-tiny", 30_522) == CATALOGUE["bert-tiny"]


def test_an_unknown_shape_is_told_the_nearest() -> None:
    with pytest.raises(ModelError, match="known: bert-large, bert-base") as found:
        parse_shape("bert-bsae")
    assert "did you mean bert-base" in found.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0/1/1/1",
        "2/128/512/3",
        "97/128/512/2",
        "2/999999/512/1",
        "2/128/512",
        "2/128/512/2/2",
        "-1/2/3/4",
        "２/1/1/1",
    ],
)
def test_what_cannot_be_built_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        parse_shape(text)


@pytest.mark.parametrize("length", [-1, 0, 1, 8193])
def test_a_length_that_makes_no_sense_is_refused(length: int) -> None:
    with pytest.raises(ModelError, match="a length of"):
        check_length(CATALOGUE["bert-tiny"], length)


def test_longer_sequences_get_more_positions() -> None:
    assert with_positions(CATALOGUE["bert-tiny"], 1000).positions == 1000
    assert with_positions(CATALOGUE["bert-tiny"], 100).positions == 512


@pytest.mark.parametrize("text", ["classification:3", "qa"])
def test_a_head_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_head(text, CATALOGUE["bert-tiny"])) == text


@pytest.mark.parametrize("text", ["", "classification:1", "classification:99999", "spans", "generation", "qa:2"])
def test_a_head_that_an_encoder_cannot_have_is_refused(text: str) -> None:
    with pytest.raises(ModelError):
        parse_head(text, CATALOGUE["bert-tiny"])


def test_a_decoder_generates_and_nothing_else() -> None:
    shape = CATALOGUE["decoder-small"]
    assert parse_head(None, shape) == Head("generation")
    with pytest.raises(ModelError, match="not a head for decoder-small"):
        parse_head("qa", shape)


def test_forms_and_runtimes_are_lists_without_doubles() -> None:
    assert parse_forms(" int8, FP32,int8 ") == ("int8", "fp32")
    assert parse_formats("onnx") == ("onnx",)


@pytest.mark.parametrize("text", ["", ",", "int9", "fp32,int9", "fp32;int8"])
def test_an_unknown_form_is_told_what_there_is(text: str) -> None:
    with pytest.raises(UsageError, match="known: fp32, fp16, int8"):
        parse_forms(text)


def test_a_form_brings_its_parent_and_parents_come_first() -> None:
    assert with_parents(("int4", "int8"), "tflite") == ("fp32", "int8", "int4")
    assert with_parents(("int4", "int8"), "onnx") == ("fp32", "int8")
    for form in FORMS.values():
        assert form.parent is None or FORMS[form.parent].parent is None


def test_artifacts_of_the_network_come_before_those_of_artifacts() -> None:
    artifacts = plan_artifacts("bert-base-l128", ("int8", "int4"), ("tflite", "onnx"))
    assert [one.name for one in artifacts] == [
        "bert-base-l128-fp32",
        "bert-base-l128-fp32-onnx",
        "bert-base-l128-int8",
        "bert-base-l128-int4",
        "bert-base-l128-int8-onnx",
    ]
    assert {one.parent for one in artifacts if one.format == "onnx"} == {None, "bert-base-l128-fp32-onnx"}
    assert artifacts[1].file_name == "bert-base-l128-fp32-onnx.onnx"


def test_a_form_that_no_runtime_takes_is_refused() -> None:
    with pytest.raises(UsageError, match="int4: not made as onnx"):
        plan_artifacts("x", ("int4",), ("onnx",))


def test_what_is_unusual_shows_in_the_name(tmp_path: Path) -> None:
    shape = CATALOGUE["bert-base"]
    assert stem_of(shape, TWO, 128, 1, None) == "bert-base-l128"
    assert stem_of(shape, Head("classification", 3), 64, 7, None) == "bert-base-c3-s7-l64"
    assert stem_of(shape, Head("qa"), 128, 1, tmp_path / "My Tweets (2)") == "my-tweets-2-qa-l128"


def test_an_order_survives_the_way_to_the_builder(tmp_path: Path) -> None:
    order = make_order(tmp_path, ("fp32", "int8"), ("tflite", "onnx"))
    assert order_from_json(order.to_json()) == order
