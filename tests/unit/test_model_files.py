"""Reading model files: the shipped examples, made-up ones, and broken ones of every kind."""

import hashlib
import json
import os
import random
from pathlib import Path

import onnx
import pytest
import tflite
from onnx import TensorProto, helper

from orchestrator.errors import ModelError
from orchestrator.model_files import digest_file, read_model
from orchestrator.models import Model, TensorInfo
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
BERTS = ("bert-tiny.tflite", "bert-tiny-int8.tflite", "bert-tiny.onnx", "bert-tiny-int8.onnx")
ALL = (*BERTS, "face-detection.tflite")
BERT_INPUTS = (TensorInfo("ids", "int32", (1, 128)), TensorInfo("mask", "int32", (1, 128)))


OPS = tflite.BuiltinOperator
FLOAT = tflite.TensorType.FLOAT32
IDENTITY = [MadeOperator(OPS.ABS, (0,), (1,))]


def read_bytes(folder: Path, data: bytes, **options) -> Model:
    path = folder / "made.bin"
    path.write_bytes(data)
    return read_model(path, **options)


def refusal(folder: Path, data: bytes, **options) -> ModelError:
    with pytest.raises(ModelError) as caught:
        read_bytes(folder, data, **options)
    assert "made.bin" in caught.value.message
    assert caught.value.hint
    return caught.value


def made_onnx(**changes) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    w = helper.make_tensor("w", TensorProto.FLOAT, [4], [1.0, 2.0, 3.0, 4.0])
    parts = {"nodes": [helper.make_node("Add", ["x", "w"], ["y"])], "inputs": [x], "outputs": [y], "weights": [w]}
    parts.update(changes)
    graph = helper.make_graph(parts["nodes"], "g", parts["inputs"], parts["outputs"], parts["weights"])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


# What is right ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", BERTS)
def test_the_bert_examples_declare_the_same_inputs_in_every_format(file):
    model = read_model(EXAMPLES / file)
    assert model.format == file.rpartition(".")[2]
    assert model.inputs == BERT_INPUTS
    assert model.outputs == (TensorInfo("logits", "float32", (1, 3)),)
    assert [(recipe.fill, recipe.low, recipe.high) for recipe in model.recipes] == [
        ("integers", 0.0, 1023.0),
        ("ones", 0.0, 1.0),
    ]


def test_the_face_detector_is_read_with_its_operators():
    model = read_model(EXAMPLES / "face-detection.tflite")
    assert model.inputs == (TensorInfo("input", "float32", (1, 128, 128, 3)),)
    assert [output.shape for output in model.outputs] == [(1, 896, 16), (1, 896, 1)]
    assert model.operators["CONV_2D"] == 21
    assert model.operators["DEPTHWISE_CONV_2D"] == 16
    assert not [name for name in model.operators if name.startswith("CUSTOM")]
    assert (model.recipes[0].fill, model.recipes[0].low, model.recipes[0].high) == ("uniform", -1.0, 1.0)


@pytest.mark.parametrize("file", ALL)
def test_the_digest_and_size_are_those_of_the_file(file):
    path = EXAMPLES / file
    model = read_model(path)
    assert (model.digest, model.size_bytes) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert digest_file(path) == (model.digest, model.size_bytes)


@pytest.mark.parametrize("file", ALL)
def test_the_readme_of_the_examples_states_each_files_digest_and_size(file):
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    digest, size_bytes = digest_file(EXAMPLES / file)
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{file}` |") and digest in line]
    assert f"| {size_bytes:,} |" in row


def test_the_suffix_is_never_asked(tmp_path):
    path = tmp_path / "model.jpg"
    path.write_bytes((EXAMPLES / "face-detection.tflite").read_bytes())
    assert read_model(path).format == "tflite"
    path.write_bytes((EXAMPLES / "bert-tiny-int8.onnx").read_bytes())
    assert read_model(path).format == "onnx"


def test_what_the_caller_knows_is_kept():
    model = read_model(
        EXAMPLES / "face-detection.tflite", "faces", parent="0" * 64, licence="Apache-2.0", source="mediapipe"
    )
    assert (model.name, model.parent, model.licence, model.source) == ("faces", "0" * 64, "Apache-2.0", "mediapipe")


def test_a_fake_model_is_a_json_file_with_declared_tensors(tmp_path):
    declared = {
        "format": "dynofarm-fake",
        "inputs": [{"name": "x", "dtype": "int8", "shape": [2, 3]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": []}],
        "latency_ns": 1000,
    }
    model = read_bytes(tmp_path, json.dumps(declared).encode())
    assert model.format == "fake"
    assert model.inputs == (TensorInfo("x", "int8", (2, 3)),)
    assert model.outputs == (TensorInfo("y", "float32", ()),)
    assert (model.recipes[0].low, model.recipes[0].high) == (-128.0, 127.0)


def test_open_dimensions_of_tflite_come_from_the_shape_signature(tmp_path):
    tensors = [MadeTensor("x", (1, 4), FLOAT, signature=(-1, 4)), MadeTensor("y", (1, 4), FLOAT)]
    model = read_bytes(tmp_path, make_tflite(tensors, IDENTITY, [0], [1]))
    assert model.inputs[0].shape == (-1, 4)
    assert model.recipes[0].shape == [1, 4]


def test_of_several_subgraphs_the_first_is_read(tmp_path):
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (1, 4), FLOAT)]
    model = read_bytes(tmp_path, make_tflite(tensors, IDENTITY, [0], [1], graphs=3))
    assert model.operators == {"ABS": 1}


def test_a_custom_operator_keeps_its_name(tmp_path):
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (1, 4), FLOAT)]
    operators = [MadeOperator(OPS.CUSTOM, (0,), (1,), custom="FlexErf")]
    assert read_bytes(tmp_path, make_tflite(tensors, operators, [0], [1])).operators == {"CUSTOM:FlexErf": 1}


def test_inputs_of_tflite_keep_the_files_order(tmp_path):
    tensors = [MadeTensor("a", (1,), FLOAT), MadeTensor("b", (2,), FLOAT), MadeTensor("y", (2,), FLOAT)]
    model = read_bytes(tmp_path, make_tflite(tensors, [MadeOperator(OPS.ADD, (0, 1), (2,))], [1, 0], [2]))
    assert [tensor.name for tensor in model.inputs] == ["b", "a"]


def test_the_rows_of_a_tflite_gather_are_counted_along_its_axis(tmp_path):
    tensors = [
        MadeTensor("ids", (1, 4)),
        MadeTensor("wide", (1, 4), tflite.TensorType.INT64),
        MadeTensor("table", (3, 50), FLOAT, data_bytes=600),
        MadeTensor("y", (3, 1, 4), FLOAT),
    ]
    operators = [MadeOperator(OPS.CAST, (0,), (1,)), MadeOperator(OPS.GATHER, (2, 1), (3,), axis=1)]
    model = read_bytes(tmp_path, make_tflite(tensors, operators, [0], [3]))
    assert (model.recipes[0].fill, model.recipes[0].high) == ("integers", 49.0)


def test_an_old_onnx_file_that_lists_its_weights_as_inputs_has_only_the_others(tmp_path):
    listed = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [1, 4]), ("w", [4]))
    ]
    model = read_bytes(tmp_path, made_onnx(inputs=listed).SerializeToString())
    assert [tensor.name for tensor in model.inputs] == ["x"]


def test_operators_inside_an_onnx_branch_are_counted(tmp_path):
    inner = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])],
    )
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    model = read_bytes(tmp_path, made_onnx(nodes=[node], inputs=[x, condition]).SerializeToString())
    assert model.operators == {"If": 1, "Neg": 2}


def test_an_onnx_operator_of_another_domain_carries_it(tmp_path):
    node = helper.make_node("FusedGelu", ["x"], ["y"], domain="com.example")
    assert read_bytes(tmp_path, made_onnx(nodes=[node]).SerializeToString()).operators == {"com.example.FusedGelu": 1}


# What is wrong ------------------------------------------------------------------------------------


def test_a_missing_file_a_folder_and_an_empty_file_are_named(tmp_path):
    with pytest.raises(ModelError, match="there is no such file"):
        read_model(tmp_path / "none.tflite")
    (tmp_path / "folder.tflite").mkdir()
    with pytest.raises(ModelError, match="a folder, not a model file"):
        read_model(tmp_path / "folder.tflite")
    assert "is empty" in refusal(tmp_path, b"").message


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError, match="no regular file"):
        read_model(tmp_path / "pipe.onnx")


def test_a_file_in_place_of_a_folder_is_an_error_of_the_path(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path / "file" / "model.onnx")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "no known format"),
        (b"\x00", "no known format"),
        (b"TFL3", "no known format"),
        (bytes(4096), "no known format"),
        (b"\xff" * 4096, "no known format"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"PK\x03\x04" + bytes(50), "zip archive"),
        (b"<!DOCTYPE html><html></html>", "error page"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b'{"hidden_size": 128}', "no model"),
        (b'{"format": "dynofarm-fake", ', "no model"),
        (b'{"format": "dynofarm-fake", "inputs": [{"name": "x"}], "outputs": []}', "inputs: expected"),
        (b'{"format": "dynofarm-fake", "inputs": [], "outputs": []}', "no output"),
        (b"{" * 100_000, "no model"),
    ],
)
def test_what_is_no_model_is_said_with_the_likeliest_explanation(tmp_path, data, what):
    assert what in refusal(tmp_path, data).message


@pytest.mark.parametrize(
    ("name", "proposal"), [("my model", "my-model"), ("-x", "x"), ("größe", "gr-e"), ("a/b", "a-b"), ("", "model")]
)
def test_an_unsafe_name_is_refused_with_a_proposal(name, proposal):
    with pytest.raises(ModelError) as caught:
        read_model(EXAMPLES / "face-detection.tflite", name)
    assert caught.value.hint.endswith(f"--name {proposal}")


def test_an_unsafe_file_name_is_refused_unless_a_name_is_given(tmp_path):
    path = tmp_path / "my model.tflite"
    path.write_bytes((EXAMPLES / "face-detection.tflite").read_bytes())
    with pytest.raises(ModelError, match="cannot be a model's name"):
        read_model(path)
    assert read_model(path, "mine").name == "mine"


@pytest.mark.parametrize("file", BERTS)
def test_a_truncated_file_is_always_found_out(tmp_path, file):
    whole = (EXAMPLES / file).read_bytes()
    chance = random.Random(file)
    for kept in [*range(1, 200, 7), *(len(whole) - cut for cut in range(1, 40)), *chance.sample(range(len(whole)), 40)]:
        if kept >= 1:
            refusal(tmp_path, whole[:kept])


@pytest.mark.parametrize("file", ALL)
def test_flipped_bytes_give_a_model_or_a_model_error_and_nothing_else(tmp_path, file):
    whole = (EXAMPLES / file).read_bytes()
    chance = random.Random(file)
    refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            place = chance.choice([chance.randrange(8, 4000), len(whole) - 1 - chance.randrange(60_000)])
            broken[place] = chance.randrange(256)
        try:
            read_bytes(tmp_path, bytes(broken))
        except ModelError:
            refused += 1
    assert refused > 10


def test_a_vector_longer_than_the_file_is_refused_before_it_is_walked(tmp_path):
    tensors = [MadeTensor("x", (77, 78, 79), FLOAT), MadeTensor("y", (1,), FLOAT)]
    whole = bytearray(make_tflite(tensors, IDENTITY, [0], [1]))
    place = whole.find((3).to_bytes(4, "little") + (77).to_bytes(4, "little"))
    whole[place : place + 4] = (2**31).to_bytes(4, "little")
    assert "damaged" in refusal(tmp_path, bytes(whole)).message


def test_many_graphs_that_share_many_tensors_are_refused_before_they_take_for_ever(tmp_path):
    tensors = [MadeTensor("x", (1,) * 20, FLOAT), *[MadeTensor("y", (1,) * 20, FLOAT)] * 500]
    data = make_tflite(tensors, IDENTITY, [0], [1], graphs=20_000)
    assert "it claims" in refusal(tmp_path, data).message


@pytest.mark.parametrize(
    ("tensors", "operators", "inputs", "outputs", "what"),
    [
        ([("x", (1,))], [(OPS.ABS, (0,), (7,))], [0], [0], "a tensor that does not exist"),
        ([("x", (1,))], [(OPS.ABS, (-1,), (0,))], [3], [0], "a tensor that does not exist"),
        ([("x", (-5,))], [(OPS.ABS, (0,), (0,))], [0], [0], "claims the shape"),
        ([("x", (1,) * 40)], [(OPS.ABS, (0,), (0,))], [0], [0], "40 dimensions"),
        ([("x", (1,))], [(OPS.ABS, (0,), (0,))], [0], [], "declares no output"),
        ([("x", (1,))], [(OPS.ABS, (0,), (0,))], [0, 0], [0], "several inputs are named 'x'"),
        ([("", (1,))], [(OPS.ABS, (0,), (0,))], [0], [0], "no name"),
    ],
)
def test_a_tflite_file_that_contradicts_itself_is_refused(tmp_path, tensors, operators, inputs, outputs, what):
    made = make_tflite(
        [MadeTensor(name, shape) for name, shape in tensors],
        [MadeOperator(*operator) for operator in operators],
        inputs,
        outputs,
    )
    assert what in refusal(tmp_path, made).message


def test_a_tflite_weight_whose_buffer_is_too_small_is_refused(tmp_path):
    tensors = [MadeTensor("x", (1,), FLOAT), MadeTensor("w", (10, 10), FLOAT, data_bytes=399)]
    made = make_tflite(tensors, [MadeOperator(OPS.ADD, (0, 1), (0,))], [0], [0])
    assert "needs 400 bytes, and its buffer holds 399" in refusal(tmp_path, made).message


def test_onnx_weights_in_other_files_are_plainly_not_supported(tmp_path):
    model = made_onnx()
    weight = model.graph.initializer[0]
    del weight.float_data[:]
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    error = refusal(tmp_path, model.SerializeToString())
    assert "several files are not supported" in error.message
    assert "one file" in error.hint


def test_an_onnx_sequence_is_plainly_not_supported(tmp_path):
    listed = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1, 4])
    node = helper.make_node("SequenceLength", ["x"], ["y"])
    error = refusal(tmp_path, made_onnx(nodes=[node], inputs=[listed]).SerializeToString())
    assert "'x' is a sequence" in error.message


def test_an_onnx_weight_that_is_shorter_than_its_shape_is_refused(tmp_path):
    short = helper.make_tensor("w", TensorProto.FLOAT, [4], bytes(16), raw=True)
    short.raw_data = bytes(15)
    assert "needs 16 bytes, and has 15" in refusal(tmp_path, made_onnx(weights=[short]).SerializeToString()).message


def test_an_onnx_graph_whose_parts_do_not_meet_is_refused(tmp_path):
    nodes = [helper.make_node("Add", ["x", "nowhere"], ["y"])]
    assert "'nowhere', which nothing makes" in refusal(tmp_path, made_onnx(nodes=nodes).SerializeToString()).message
    nodes = [helper.make_node("Neg", ["x"], ["other"])]
    assert "nothing makes the output 'y'" in refusal(tmp_path, made_onnx(nodes=nodes).SerializeToString()).message
    empty = made_onnx(nodes=[], weights=[])
    assert "empty" in refusal(tmp_path, empty.SerializeToString()).message


def test_an_onnx_model_without_an_operator_set_is_refused(tmp_path):
    model = made_onnx()
    del model.opset_import[:]
    assert "names no operator set" in refusal(tmp_path, model.SerializeToString()).message
