"""How inputs are filled: by the graph first, then by type and name, and by the user before all."""

from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from orchestrator.errors import ModelError
from orchestrator.model_files import read_model
from orchestrator.model_files.recipes import make_recipes, parse_fill, parse_shape
from orchestrator.models import TensorInfo

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"


def fill_of(name: str, dtype: str, rows: int | None = None, fill: str | None = None) -> tuple[str, float, float]:
    (recipe,) = make_recipes(
        [TensorInfo(name, dtype, (1, 4))], {name: rows} if rows else {}, {}, {name: fill} if fill else {}
    )
    return recipe.fill, recipe.low, recipe.high


def write_text_model(path: Path, rows: int, types: int, wrap: str) -> None:
    """A model of three inputs, whose ids and types reach their tables through what exporters put between."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, 8]) for name in names]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    weights = [
        helper.make_tensor("words", TensorProto.FLOAT, [rows, 2], [0.5] * (2 * rows)),
        helper.make_tensor("types", TensorProto.INT8, [types, 2], [1] * (2 * types)),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("rows", TensorProto.INT64, [], [rows]),
    ]
    between = {
        "none": [helper.make_node("Identity", ["input_ids"], ["flat_ids"])],
        "reshape": [
            helper.make_node("Cast", ["input_ids"], ["small_ids"], to=TensorProto.INT32),
            helper.make_node("Reshape", ["small_ids", "flat"], ["flat_ids"]),
        ],
        "negative": [
            helper.make_node("Less", ["input_ids", "zero"], ["negative"]),
            helper.make_node("Add", ["input_ids", "rows"], ["moved"]),
            helper.make_node("Where", ["negative", "moved", "input_ids"], ["flat_ids"]),
        ],
        "gather": [helper.make_node("Gather", ["input_ids", "zero"], ["flat_ids"], axis=0)],
    }[wrap]
    nodes = [
        *between,
        helper.make_node("Gather", ["words", "flat_ids"], ["a"]),
        helper.make_node("DequantizeLinear", ["types", "scale"], ["type_table"]),
        helper.make_node("Gather", ["type_table", "token_type_ids"], ["b"]),
        helper.make_node("Cast", ["attention_mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Sum", ["a", "b", "m"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "text", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), str(path))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 600), st.integers(1, 3), st.sampled_from(["none", "reshape", "negative", "gather"]))
def test_ids_never_leave_the_vocabulary(tmp_path_factory, rows, types, wrap):
    path = tmp_path_factory.mktemp("text") / "text.onnx"
    write_text_model(path, rows, types, wrap)
    ids, mask, kinds = read_model(path).recipes
    bound = 1 if wrap == "gather" and rows > 1 else rows  # that gather takes row 0 of the ids, of which there is 1
    assert (ids.fill, ids.low) == ("integers", 0.0)
    assert ids.high == rows - 1 or bound == 1
    assert (mask.fill, kinds.fill, kinds.low, kinds.high) == ("ones", "integers", 0.0, types - 1.0)


@given(st.integers(1, 2**31), st.sampled_from(["int8", "uint8", "int32", "int64"]))
def test_the_whole_table_is_used_as_far_as_the_type_reaches(rows, dtype):
    kind, low, high = fill_of("ids", dtype, rows)
    assert kind == "integers"
    assert 0 <= low <= high < rows
    assert high == min(rows - 1, {"int8": 127, "uint8": 255, "int32": 2**31 - 1}.get(dtype, rows))


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("image", "float32", ("uniform", -1.0, 1.0)),
        ("image", "float16", ("uniform", -1.0, 1.0)),
        ("image", "uint8", ("integers", 0.0, 255.0)),
        ("image", "int8", ("integers", -128.0, 127.0)),
        ("Attention_Mask:0", "int64", ("ones", 0.0, 1.0)),
        ("mask", "float32", ("ones", 0.0, 1.0)),
        ("flag", "bool", ("ones", 0.0, 1.0)),
        ("token_type_ids", "int32", ("zeros", 0.0, 1.0)),
        ("segment_ids", "int32", ("zeros", 0.0, 1.0)),
        ("something", "int64", ("integers", 0.0, 1.0)),
    ],
)
def test_without_a_table_type_and_name_decide(name, dtype, expected):
    assert fill_of(name, dtype) == expected


def test_the_table_goes_before_the_name():
    assert fill_of("masked_positions", "int32", 128) == ("integers", 0.0, 127.0)


def test_an_open_batch_is_one_and_other_open_dimensions_are_asked_for():
    tensor = TensorInfo("ids", "int32", (-1, -1))
    with pytest.raises(ModelError) as caught:
        make_recipes([tensor], {}, {}, {})
    assert "input ids" in caught.value.message
    assert "--shape ids=1xN" in caught.value.hint
    (recipe,) = make_recipes([tensor], {}, {"ids": (2, 64)}, {})
    assert recipe.shape == [2, 64]
    (recipe,) = make_recipes([TensorInfo("image", "float32", (-1, 8))], {}, {}, {})
    assert recipe.shape == [1, 8]


def test_all_open_inputs_are_named_at_once():
    tensors = [
        TensorInfo("audio", "float32", (-1, -1)),
        TensorInfo("x", "float32", (1, 4)),
        TensorInfo("a b", "float32", (2, -1, 64)),
    ]
    with pytest.raises(ModelError) as caught:
        make_recipes(tensors, {}, {}, {})
    assert "inputs audio (?x?), a b (2x?x64)" in caught.value.message
    assert caught.value.hint.endswith("--shape audio=1xN --shape 'a b=2xNx64'")
    with pytest.raises(ModelError, match="input a b"):
        make_recipes(tensors, {}, {"audio": (1, 16000)}, {})


def test_the_missing_shape_names_the_file_and_the_option(tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "length"])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "open.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), str(path))
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert "open.onnx: input x" in caught.value.message
    assert "--shape x=1xN" in caught.value.hint
    model = read_model(path, shapes={"x": (1, 16)})
    assert model.inputs[0].shape == (-1, -1)
    assert model.recipes[0].shape == [1, 16]


@pytest.mark.parametrize("shape", [(2, 4), (1, 4, 1), (1,), ()])
def test_a_shape_that_contradicts_the_file_is_refused(shape):
    with pytest.raises(ModelError, match="does not fit the declared 1x4"):
        make_recipes([TensorInfo("x", "float32", (1, 4))], {}, {"x": shape}, {})


def test_an_input_of_absurd_size_is_refused():
    with pytest.raises(ModelError, match="bytes"):
        make_recipes([TensorInfo("x", "float32", (1, 2**30, 2**30))], {}, {}, {})
    with pytest.raises(ModelError, match="makes 0 bytes"):
        make_recipes([TensorInfo("x", "float32", (1, 0))], {}, {}, {})


def test_an_input_of_text_cannot_be_filled():
    with pytest.raises(ModelError, match="its type is string"):
        make_recipes([TensorInfo("x", "string", (1,))], {}, {}, {})


def test_options_for_an_input_that_is_not_there_list_those_that_are():
    inputs = [TensorInfo("ids", "int32", (1, 4)), TensorInfo("mask", "int32", (1, 4))]
    for shapes, fills in (({"id": (1, 4)}, {}), ({}, {"id": "ones"})):
        with pytest.raises(ModelError, match="no such input") as caught:
            make_recipes(inputs, {}, shapes, fills)
        assert "ids, mask" in caught.value.hint


def test_the_users_fill_goes_before_everything():
    assert fill_of("image", "float32", fill="uniform:0..255") == ("uniform", 0.0, 255.0)
    assert fill_of("image", "float32", fill="uniform") == ("uniform", -1.0, 1.0)
    assert fill_of("ids", "int32", 100, "integers:5..10") == ("integers", 5.0, 10.0)
    assert fill_of("mask", "int32", fill="zeros") == ("zeros", 0.0, 1.0)
    model = read_model(EXAMPLES / "bert-tiny.tflite", fills={"ids": "integers:10..20"})
    assert (model.recipes[0].low, model.recipes[0].high) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("dtype", "fill", "what"),
    [
        ("int32", "integers:0..100", "outside the table of 100 rows"),
        ("int32", "integers:-1..5", "outside the table"),
        ("int32", "uniform:0..1", "does not suit its type int32"),
        ("float32", "integers:0..5", "does not suit its type float32"),
        ("int8", "integers:0..200", "leaves the range of int8"),
        ("float16", "uniform:0..1e6", "leaves the range of float16"),
        ("float32", "uniform:0..1e999", "too large"),
        ("int32", "integers:5..4", "whole numbers, low ≤ high"),
        ("int32", "integers:0.5..4", "whole numbers"),
        ("float32", "uniform:1..1", "low < high"),
        ("int32", "integers", "its range is missing"),
        ("int32", "ones:0..1", "not a fill"),
        ("int32", "random", "not a fill"),
        ("int32", "", "not a fill"),
    ],
)
def test_a_fill_that_cannot_be_is_refused_with_the_next_step(dtype, fill, what):
    rows = {"x": 100} if dtype == "int32" else {}
    with pytest.raises(ModelError, match=what) as caught:
        make_recipes([TensorInfo("x", dtype, (1, 4))], rows, {}, {"x": fill})
    assert caught.value.hint


def test_the_text_of_a_shape_is_read():
    assert parse_shape("ids=1x128") == ("ids", (1, 128))
    assert parse_shape("ids:0=1,128") == ("ids:0", (1, 128))
    assert parse_shape("a=b=3") == ("a=b", (3,))
    assert parse_shape("x=scalar") == ("x", ())


@pytest.mark.parametrize("text", ["", "ids", "ids=", "=1x2", "ids=1xx2", "ids=1x-2", "ids=0x2", "ids=axb", "ids=1x"])
def test_a_wrong_text_of_a_shape_is_shown_with_the_right_form(text):
    with pytest.raises(ModelError) as caught:
        parse_shape(text)
    assert caught.value.message.startswith(f"--shape {text}:")
    assert caught.value.hint


def test_the_text_of_a_fill_is_read():
    assert parse_fill("ids=integers:0..30521") == ("ids", "integers:0..30521")
    assert parse_fill("a=b=ones") == ("a=b", "ones")
    with pytest.raises(ModelError, match="not a fill"):
        parse_fill("ones")
    with pytest.raises(ModelError, match="not a fill"):
        parse_fill("x=twos")


@given(st.text(max_size=30))
def test_any_text_is_a_shape_and_fill_or_a_model_error(text):
    for parse in (parse_shape, parse_fill):
        try:
            name, value = parse(text)
        except ModelError as error:
            assert error.hint
        else:
            assert name
            assert value is not None
