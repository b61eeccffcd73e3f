"""Looking into what is damaged, hostile or huge: a `ModelError` or an answer, soon, and in little memory."""

import json
import random
import tracemalloc
from pathlib import Path

import onnx
import pytest
import tflite
from onnx import TensorProto, helper

from orchestrator.errors import ModelError
from orchestrator.inspection import inspect_model
from orchestrator.model_files import read_model
from orchestrator.model_files.insides import read_insides
from orchestrator.model_files.onnx import decode_onnx
from orchestrator.report.inspection import inspection_values
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite
from tests.unit.test_inspection import BERTS, EXAMPLES, inspect_bytes, made_onnx, value, weight

ALL = (*BERTS, "face-detection.tflite")
OPS, TYPES = tflite.BuiltinOperator, tflite.TensorType
HUGE_BYTES = 1_300_000_000
LITTLE_BYTES = 20_000_000


def refused(path: Path, data: bytes) -> bool:
    """Whether there is a proper error; anything else than an error or a whole answer fails the test."""
    path.write_bytes(data)
    try:
        json.dumps(inspection_values(path, inspect_model(read_insides(path))))
    except ModelError as error:
        assert error.message.startswith(str(path))
        assert error.hint
        return True
    return False


@pytest.mark.parametrize("file", ALL)
def test_flipped_bytes_give_an_answer_or_an_error_and_nothing_else(tmp_path, file) -> None:
    whole = (EXAMPLES / file).read_bytes()
    chance = random.Random(f"inspect {file}")
    count = 0
    for _ in range(25):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            place = chance.choice([chance.randrange(8, 4000), len(whole) - 1 - chance.randrange(60_000)])
            broken[place] = chance.randrange(256)
        count += refused(tmp_path / "broken.bin", bytes(broken))
    assert count > 5


@pytest.mark.parametrize("file", ["bert-tiny.onnx", "bert-tiny-int8.onnx"])
def test_flipped_bytes_in_the_graph_alone_give_an_answer_or_an_error(tmp_path, file) -> None:
    model = decode_onnx((EXAMPLES / file).read_bytes())
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    whole = model.SerializeToString()
    assert len(whole) < 50_000, "what is left is the graph"
    chance = random.Random(file)
    count = 0
    for _ in range(80):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.choice([chance.randrange(256), 0, 1, 127, 255])
        count += refused(tmp_path / "broken.onnx", bytes(broken))
    assert count > 10


@pytest.mark.parametrize("file", BERTS)
def test_a_file_that_is_cut_off_is_found_out(tmp_path, file) -> None:
    whole = (EXAMPLES / file).read_bytes()
    chance = random.Random(file)
    for kept in (1, 7, 100, 5000, len(whole) - 1, len(whole) - 9, *chance.sample(range(len(whole)), 10)):
        assert refused(tmp_path / "cut.bin", whole[:kept])


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 4096, b"PK\x03\x04", b"{}", b'{"format": "dynofarm-fake"}', "größer".encode("latin-1")]
)
def test_garbage_is_refused(tmp_path, data) -> None:
    assert refused(tmp_path / "garbage.bin", data)


def test_a_folder_and_a_missing_file_are_named(tmp_path) -> None:
    with pytest.raises(ModelError, match="a folder, not a model file"):
        read_insides(tmp_path)
    with pytest.raises(ModelError, match="there is no such file"):
        read_insides(tmp_path / "none.onnx")


def test_a_fake_model_is_inspected_as_far_as_it_goes(tmp_path) -> None:
    declared = {
        "format": "dynofarm-fake",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [1]}],
    }
    found = inspect_bytes(tmp_path, json.dumps(declared).encode())
    assert (found.format, found.operators, found.parameters.count) == ("fake", (), 0)
    assert [prospect.runtime for prospect in found.prospects] == ["fake"]


# Hostile -------------------------------------------------------------------------------------------


def test_functions_that_call_functions_twice_do_not_take_for_ever(tmp_path) -> None:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    functions = [helper.make_function("local", "F40", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], opsets)]
    for number in range(40):
        body = [
            helper.make_node(f"F{number + 1}", [read], [made], domain="local")
            for read, made in (("a", "c"), ("c", "b"))
        ]
        functions.append(helper.make_function("local", f"F{number}", ["a"], ["b"], body, opsets))
    node = helper.make_node("F0", ["x"], ["y"], domain="local")
    (kind,) = inspect_bytes(tmp_path, made_onnx([node], [value("x", [1])], functions=tuple(functions))).operators
    assert list(kind.uncounted) == ["no rule for it"]


def test_a_function_that_calls_itself_is_not_followed(tmp_path) -> None:
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    endless = helper.make_function(
        "local", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="local")], opsets
    )
    node = helper.make_node("F", ["x"], ["y"], domain="local")
    (kind,) = inspect_bytes(tmp_path, made_onnx([node], [value("x", [1])], functions=(endless,))).operators
    assert kind.uncounted


def test_sizes_that_double_thirty_times_are_not_followed(tmp_path) -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s0"])]
    nodes += [helper.make_node("Concat", [f"s{at}"] * 2, [f"s{at + 1}"], axis=0) for at in range(30)]
    nodes += [helper.make_node("Reshape", ["x", "s30"], ["r"]), helper.make_node("Neg", ["x"], ["y"])]
    kinds = {kind.name: kind for kind in inspect_bytes(tmp_path, made_onnx(nodes, [value("x", [1, 4])])).operators}
    assert kinds["Neg"].flops == 4


def test_a_weight_whose_note_about_its_size_is_forged_is_believed_no_more_than_its_shape(tmp_path) -> None:
    forged = weight("w", (10, 4))
    forged.metadata_props.add(key="dynofarm.raw_bytes", value="9999")
    data = made_onnx([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 10])], (forged,))
    assert refused(tmp_path / "forged.onnx", data)


def test_graphs_that_lie_too_deep_in_one_another_are_refused(tmp_path) -> None:
    """Protobuf by hand, since protobuf itself refuses to write it: graph 7, node 1, attribute 5, graph 6."""
    inner = b"\x12\x01g" + b"\x52" + bytes([0x80, 0x20]) + b"x" * 4096
    for _ in range(80):
        for tag in (0x32, 0x2A, 0x0A):
            inner = bytes([tag]) + varint(len(inner)) + inner
    data = b"\x08\x08\x42\x02\x10\x12\x3a" + varint(len(inner)) + inner
    path = tmp_path / "deep.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="deep in one another"):
        read_insides(path)


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


# Huge ----------------------------------------------------------------------------------------------


def huge_tflite(path: Path) -> None:
    """A sparse file: its gigabyte of weights takes no room on the disk, and reading it would take seconds."""
    columns = (HUGE_BYTES - 4096) // 4
    tensors = [
        MadeTensor("x", (1, columns), TYPES.FLOAT32),
        MadeTensor("w", (1, columns), TYPES.FLOAT32, behind=(4096, columns * 4)),
        MadeTensor("y", (1, 1), TYPES.FLOAT32),
    ]
    path.write_bytes(make_tflite(tensors, [MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (2,))], [0], [2]))
    with path.open("r+b") as file:
        file.truncate(4096 + columns * 4)


def huge_onnx(path: Path) -> None:
    """The weight's values come last, so that the file ends with the hole in which they would lie."""
    columns = HUGE_BYTES // 4
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [value("x", [1, columns])], [value("y", [1, 1])])
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(columns, 1)).SerializeToString()
    tensor += b"\x4a" + varint(columns * 4)  # raw_data
    body = graph.SerializeToString() + b"\x2a" + varint(len(tensor) + columns * 4)  # initializer
    head = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 18)]).SerializeToString()
    head += b"\x3a" + varint(len(body) + len(tensor) + columns * 4) + body + tensor  # graph
    path.write_bytes(head)
    with path.open("r+b") as file:
        file.truncate(len(head) + columns * 4)


@pytest.mark.parametrize("make", [huge_tflite, huge_onnx])
def test_a_file_of_over_a_gigabyte_is_inspected_without_its_weights(tmp_path, make) -> None:
    path = tmp_path / "huge.bin"
    make(path)
    tracemalloc.start()
    try:
        found = inspect_model(read_insides(path))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < LITTLE_BYTES
    assert found.size_bytes > HUGE_BYTES * 0.99
    assert found.flops.products == 2 * found.parameters.count > HUGE_BYTES * 0.49


def test_registering_an_onnx_file_reads_its_weights_for_the_hash_alone(tmp_path) -> None:
    path = tmp_path / "bert.onnx"
    path.write_bytes((EXAMPLES / "bert-tiny.onnx").read_bytes())
    read_model(path)  # imports
    tracemalloc.start()
    try:
        read_model(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < path.stat().st_size, "the file was not held in memory"
