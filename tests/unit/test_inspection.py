"""What a model costs and holds: operators, FLOPs and parameters, counted on shipped files and on made ones."""

import math
from pathlib import Path

import onnx
import pytest
import tflite
from onnx import TensorProto, helper

from orchestrator.errors import ModelError
from orchestrator.inspection import Inspection, inspect_model
from orchestrator.inspection.arithmetic import RULES
from orchestrator.inspection.operators import CONTROL_FLOW, ELEMENTWISE, MOVES, REDUCTIONS
from orchestrator.model_files.insides import read_insides
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
BERTS = ("bert-tiny.tflite", "bert-tiny-int8.tflite", "bert-tiny.onnx", "bert-tiny-int8.onnx")
PARAMETERS_OF_BERT_TINY = 561_155
"""Elements of the torch network in examples/models/make.py: embeddings 147,456, layers 396,544, norms, pooler, head."""

OPS = tflite.BuiltinOperator
FLOAT, INT8, INT32 = tflite.TensorType.FLOAT32, tflite.TensorType.INT8, tflite.TensorType.INT32


def encoder_flops(layers: int, hidden: int, feed_forward: int, length: int) -> int:
    """The products of a BERT-like encoder in closed form, for one text of `length` tokens: of every layer the four
    projections of attention, the two of the feed-forward part, scores and context.

    2·L·(4·h² + 2·h·f) + 4·L²·h for a layer, from the shapes in Vaswani et al., "Attention is all you need" (2017).
    Left out are embeddings, normalisations, softmax, activations, biases, the pooler and the head. BERT-base (12, 768,
    3072) at length 128: 22.35 G.
    """
    projections = 2 * length * (4 * hidden**2 + 2 * hidden * feed_forward)
    return layers * (projections + 4 * length**2 * hidden)


def inspect_bytes(folder: Path, data: bytes, **shapes: tuple[int, ...]) -> Inspection:
    path = folder / "made.bin"
    path.write_bytes(data)
    return inspect_model(read_insides(path, shapes))


def inspect_tflite(folder: Path, tensors: list[MadeTensor], operator: MadeOperator, inputs: list[int]) -> Inspection:
    return inspect_bytes(folder, make_tflite(tensors, [operator], inputs, [operator.outputs[0]]))


def value(name: str, shape: list[int | str] | None, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name: str, shape: tuple[int, ...], kind: int = TensorProto.FLOAT) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=kind, dims=shape)
    item_bytes = onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
    tensor.raw_data = bytes(math.prod(shape) * item_bytes)
    return tensor


def made_onnx(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    weights: tuple[onnx.TensorProto, ...] = (),
    functions: tuple[onnx.FunctionProto, ...] = (),
    opset: int = 18,
) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, [value("y", None)], list(weights))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("local", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=list(functions))
    return bytes(made.SerializeToString())


# Networks ------------------------------------------------------------------------------------------


def test_the_closed_form_gives_bert_base_its_known_number() -> None:
    assert encoder_flops(12, 768, 3072, 128) == pytest.approx(22.35e9, rel=0.001)


@pytest.mark.parametrize("file", BERTS)
def test_the_products_of_bert_tiny_agree_with_the_closed_form_within_one_percent(file: str) -> None:
    found = inspect_model(read_insides(EXAMPLES / file))
    assert found.flops.products == pytest.approx(encoder_flops(2, 128, 512, 128), rel=0.01)
    pooler_and_head = 2 * 128 * 128 + 2 * 128 * 3
    assert found.flops.products == encoder_flops(2, 128, 512, 128) + pooler_and_head
    assert 0 < found.flops.other < 0.03 * found.flops.products
    assert not [kind for kind in found.operators if kind.uncounted]


@pytest.mark.parametrize("file", BERTS)
def test_every_form_of_bert_tiny_has_the_parameters_of_the_network(file: str) -> None:
    parameters = inspect_model(read_insides(EXAMPLES / file)).parameters
    assert parameters.count == PARAMETERS_OF_BERT_TINY == sum(parameters.by_dtype.values())


def test_the_face_detector_is_counted_whole() -> None:
    found = inspect_model(read_insides(EXAMPLES / "face-detection.tflite"))
    assert found.flops.products == 61_521_920
    assert [kind.name for kind in found.operators[:2]] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert found.parameters.by_dtype == {"float16": 101_390}
    assert sum(kind.flops for kind in found.operators) == found.flops.total


# Rules, operator by operator -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "shapes", "out", "flops"),
    [
        (MadeOperator(OPS.FULLY_CONNECTED, (0, 1), (2,)), [(6, 10), (4, 10)], (6, 4), 2 * 6 * 4 * 10),
        (MadeOperator(OPS.BATCH_MATMUL, (0, 1), (2,)), [(3, 5, 7), (3, 7, 2)], (3, 5, 2), 2 * 3 * 5 * 2 * 7),
        (
            MadeOperator(OPS.BATCH_MATMUL, (0, 1), (2,), adjoint_x=True),
            [(3, 7, 5), (3, 7, 2)],
            (3, 5, 2),
            2 * 3 * 5 * 2 * 7,
        ),
        (MadeOperator(OPS.CONV_2D, (0, 1), (2,)), [(1, 8, 8, 3), (16, 3, 5, 3)], (1, 4, 4, 16), 2 * 256 * 45),
        (MadeOperator(OPS.DEPTHWISE_CONV_2D, (0, 1), (2,)), [(1, 8, 8, 6), (1, 3, 3, 6)], (1, 8, 8, 6), 2 * 384 * 9),
        (
            MadeOperator(OPS.TRANSPOSE_CONV, (3, 1, 0), (2,)),
            [(1, 4, 4, 6), (5, 2, 2, 6)],
            (1, 8, 8, 5),
            2 * 96 * 5 * 2 * 2,
        ),
        (MadeOperator(OPS.CONV_3D, (0, 1), (2,)), [(1, 4, 4, 4, 2), (3, 3, 3, 2, 8)], (1, 2, 2, 2, 8), 2 * 64 * 54),
        (MadeOperator(OPS.MAX_POOL_2D, (0,), (2,), window=(2, 3)), [(1, 4, 6, 2), (1,)], (1, 2, 2, 2), 8 * 6),
        (MadeOperator(OPS.ADD, (0, 1), (2,)), [(2, 3), (3,)], (2, 3), 6),
        (MadeOperator(OPS.SOFTMAX, (0,), (2,)), [(2, 3), (1,)], (2, 3), 30),
        (MadeOperator(OPS.MEAN, (0, 1), (2,)), [(2, 3, 5), (1,)], (2, 3, 1), 30),
        (MadeOperator(OPS.RESHAPE, (0, 1), (2,)), [(2, 3), (1,)], (6,), 0),
        (MadeOperator(OPS.ADD_N, (0, 0, 0), (2,)), [(2, 3), (1,)], (2, 3), 12),
    ],
)
def test_each_rule_of_tflite_counts_what_it_says(tmp_path, operator, shapes, out, flops) -> None:
    tensors = [MadeTensor("x", shapes[0], FLOAT), MadeTensor("w", shapes[1], FLOAT, data_bytes=4096)]
    tensors += [MadeTensor("y", out, FLOAT), MadeTensor("sizes", (4,), INT32, data_bytes=16)]
    found = inspect_tflite(tmp_path, tensors, operator, [0])
    assert found.flops.total == flops
    assert not found.operators[0].uncounted


@pytest.mark.parametrize(
    ("node", "inputs", "weights", "flops"),
    [
        (helper.make_node("MatMul", ["x", "w"], ["y"]), [("x", [2, 6, 10])], [("w", (10, 4))], 2 * 12 * 4 * 10),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), [("x", [10])], [("w", (10,))], 20),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), [("x", [10, 6])], [("w", (10, 4))], 2 * 24 * 10),
        (helper.make_node("Conv", ["x", "w"], ["y"], group=2), [("x", [1, 4, 8, 8])], [("w", (6, 2, 3, 3))], 7776),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"]), [("x", [1, 4, 8, 8])], [("w", (4, 6, 2, 2))], 12_288),
        (helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik"), [("x", [6, 5])], [("w", (5, 7))], 420),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2]), [("x", [1, 1, 3, 3])], [], 16),
        (helper.make_node("GlobalAveragePool", ["x"], ["y"]), [("x", [1, 2, 3, 3])], [], 18),
        (helper.make_node("Softmax", ["x"], ["y"]), [("x", [2, 3])], [], 30),
        (helper.make_node("LayerNormalization", ["x", "w"], ["y"]), [("x", [2, 3])], [("w", (3,))], 42),
        (helper.make_node("Transpose", ["x"], ["y"]), [("x", [2, 3])], [], 0),
    ],
)  # fmt: skip
def test_each_rule_of_onnx_counts_what_it_says(tmp_path, node, inputs, weights, flops) -> None:
    data = made_onnx(
        [node], [value(name, shape) for name, shape in inputs], tuple(weight(name, shape) for name, shape in weights)
    )
    found = inspect_bytes(tmp_path, data)
    assert found.flops.total == flops
    assert not found.operators[0].uncounted


def test_every_kind_of_operator_has_one_rule() -> None:
    groups = (MOVES, ELEMENTWISE, REDUCTIONS, CONTROL_FLOW)
    assert sum(map(len, groups)) == len(frozenset().union(*groups))
    assert not CONTROL_FLOW & RULES.keys()
    assert RULES.keys() >= MOVES | ELEMENTWISE | REDUCTIONS


def test_rules_for_operators_that_do_not_exist_would_be_misspelt_ones() -> None:
    known = {name for name in vars(OPS) if not name.startswith("_")} | {"STABLEHLO_CASE"}
    known |= {schema.name for schema in onnx.defs.get_all_schemas()} | {"SimplifiedLayerNormalization", "Swish"}
    ours = {name for name in {*RULES, *CONTROL_FLOW} if not name.startswith("com.microsoft.")}
    assert not ours - known - {"RMSNormalization"}


def test_the_code_of_an_operator_that_stands_in_the_newer_field_alone_is_read(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 4), tflite.TensorType.FLOAT16), MadeTensor("y", (1, 4), FLOAT)]
    operator = MadeOperator(OPS.DEQUANTIZE, (0,), (1,), in_the_newer_field_alone=True)
    assert [kind.name for kind in inspect_tflite(tmp_path, tensors, operator, [0]).operators] == ["DEQUANTIZE"]


# What cannot be counted ----------------------------------------------------------------------------


def test_a_custom_operator_is_named_as_not_counted_and_not_taken_for_nothing(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (1, 4), FLOAT)]
    found = inspect_tflite(tmp_path, tensors, MadeOperator(OPS.CUSTOM, (0,), (1,), custom="FlexErf"), [0])
    (kind,) = found.operators
    assert kind.name == "CUSTOM:FlexErf"
    assert kind.uncounted == {"a custom operator: what it computes is not in the file": 1}


def test_an_operator_without_a_rule_and_control_flow_are_named(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (1, 4), FLOAT)]
    for code, why in ((OPS.LSTM, "no rule for it"), (OPS.WHILE, "control flow: how often it runs is not in the file")):
        found = inspect_tflite(tmp_path, tensors, MadeOperator(code, (0,), (1,)), [0])
        assert list(found.operators[0].uncounted) == [why]


def test_operators_in_the_branches_of_an_onnx_if_are_counted_apart(tmp_path) -> None:
    inner = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "b", [], [value("z", [1, 4])])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    data = made_onnx([node], [value("x", [1, 4]), value("c", [], TensorProto.BOOL)])
    kinds = {kind.name: kind for kind in inspect_bytes(tmp_path, data).operators}
    assert (kinds["Neg"].count, kinds["Neg"].inner, kinds["Neg"].flops) == (2, 2, 0)
    assert list(kinds["If"].uncounted) == ["control flow: how often it runs is not in the file"]


def test_other_subgraphs_of_tflite_are_counted_apart(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (1, 4), FLOAT)]
    data = make_tflite(tensors, [MadeOperator(OPS.ABS, (0,), (1,))], [0], [1], graphs=3)
    (kind,) = inspect_bytes(tmp_path, data).operators
    assert (kind.count, kind.inner, kind.flops) == (3, 2, 4)


def test_a_tflite_output_of_rank_nought_behind_an_input_of_some_rank_is_unknown(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 4), FLOAT), MadeTensor("y", (), FLOAT)]
    (kind,) = inspect_tflite(tmp_path, tensors, MadeOperator(OPS.ABS, (0,), (1,)), [0]).operators
    assert list(kind.uncounted) == ["its shapes are open"]


def test_shapes_beyond_any_memory_are_not_multiplied(tmp_path) -> None:
    huge = (2**31 - 1,) * 30
    tensors = [MadeTensor("x", huge, FLOAT), MadeTensor("y", huge, FLOAT)]
    (kind,) = inspect_tflite(tmp_path, tensors, MadeOperator(OPS.ABS, (0,), (1,)), [0]).operators
    assert list(kind.uncounted) == ["its shapes are larger than any memory"]


# Open dimensions -----------------------------------------------------------------------------------


def open_onnx() -> bytes:
    return made_onnx(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "m"], ["y"])],
        [value("x", ["batch", "length", 10]), value("m", ["batch", "length", 4])],
        (weight("w", (10, 4)),),
    )


def test_open_dimensions_are_said_and_their_operators_not_counted(tmp_path) -> None:
    found = inspect_bytes(tmp_path, open_onnx())
    assert len(found.still_open) == 2
    assert "--shape x=1xNx10" in found.still_open[0]
    assert found.flops.total == 0
    assert {why for kind in found.operators for why in kind.uncounted} == {"its shapes are open"}


def test_a_given_shape_closes_them(tmp_path) -> None:
    found = inspect_bytes(tmp_path, open_onnx(), x=(1, 6, 10), m=(1, 6, 4))
    assert not found.still_open
    assert (found.flops.products, found.flops.other) == (2 * 24 * 10, 24)
    assert found.inputs[0].shape == (-1, -1, 10), "the input is shown as the file declares it"


def test_an_open_batch_alone_is_one(tmp_path) -> None:
    data = made_onnx([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", ["n", 10])], (weight("w", (10, 4)),))
    found = inspect_bytes(tmp_path, data)
    assert (found.flops.products, found.shapes) == (80, {"x": (1, 10)})


@pytest.mark.parametrize("shapes", [{"z": (1, 2)}, {"x": (1, 6, 11)}, {"x": (1, 6)}])
def test_a_shape_that_does_not_fit_is_refused_as_model_add_does(tmp_path, shapes) -> None:
    with pytest.raises(ModelError) as caught:
        inspect_bytes(tmp_path, open_onnx(), **shapes)
    assert "made.bin" in caught.value.message
    assert caught.value.hint


def test_an_input_of_unknown_rank_takes_a_given_shape(tmp_path) -> None:
    data = made_onnx([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", None)], (weight("w", (10, 4)),))
    assert inspect_bytes(tmp_path, data, x=(3, 10)).flops.products == 2 * 12 * 10


def test_a_tflite_file_says_for_which_shape_its_sizes_hold(tmp_path) -> None:
    tensors = [MadeTensor("x", (1, 1), FLOAT, signature=(1, -1)), MadeTensor("y", (1, 1), FLOAT)]
    data = make_tflite(tensors, [MadeOperator(OPS.ABS, (0,), (1,))], [0], [1])
    found = inspect_bytes(tmp_path, data, x=(1, 64))
    assert found.shapes == {"x": (1, 1)}
    assert "for 1x1 alone, not for 1x64" in found.still_open[0]


# ONNX that needs more than ONNX's own inference ----------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "rest", "attributes", "flops"),
    [
        ("SkipLayerNormalization", ["x", "g"], {}, 8 * 2 * 3 * 8),
        ("FastGelu", [], {}, 2 * 3 * 8),
        ("FusedMatMul", ["w"], {"transB": 1}, 2 * 2 * 3 * 16 * 8),
        ("MatMulNBits", ["packed", "scales"], {"K": 8, "N": 16, "bits": 4, "block_size": 8}, 2 * 2 * 3 * 16 * 8),
        ("Attention", ["qkv", "bias"], {"num_heads": 2}, 2 * 2 * 3 * 8 * 24 + 4 * 2 * 9 * 8),
    ],
)
def test_behind_operators_of_microsofts_shapes_go_on(tmp_path, operator, rest, attributes, flops) -> None:
    nodes = [
        helper.make_node(operator, ["x", *rest], ["h"], domain="com.microsoft", **attributes),
        helper.make_node("Softmax", ["h"], ["y"]),
    ]
    weights = (weight("g", (8,)), weight("w", (16, 8)), weight("qkv", (8, 24)), weight("bias", (24,)),
               weight("packed", (16, 1, 4), TensorProto.UINT8), weight("scales", (16,)))  # fmt: skip
    kinds = {
        kind.name: kind
        for kind in inspect_bytes(tmp_path, made_onnx(nodes, [value("x", [2, 3, 8])], weights)).operators
    }
    assert kinds[f"com.microsoft.{operator}"].flops == flops
    assert not kinds["Softmax"].uncounted


def test_functions_of_the_file_itself_are_counted_as_what_they_do(tmp_path) -> None:
    opsets = [helper.make_opsetid("", 18)]
    twice = helper.make_function(
        "local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], opsets
    )  # fmt: skip
    node = helper.make_node("Twice", ["x"], ["y"], domain="local")
    (kind,) = inspect_bytes(tmp_path, made_onnx([node], [value("x", [2, 3])], functions=(twice,))).operators
    assert (kind.name, kind.flops) == ("Add", 6)


# Parameters ----------------------------------------------------------------------------------------


def test_shared_values_count_once_and_lone_numbers_and_shapes_not_at_all(tmp_path) -> None:
    tensors = [
        MadeTensor("x", (1, 10), FLOAT),
        MadeTensor("w", (4, 10), FLOAT, data_bytes=160),
        MadeTensor("w again", (10, 4), FLOAT, shares=1),
        MadeTensor("epsilon", (1,), FLOAT, data_bytes=4),
        MadeTensor("shape", (2,), INT32, data_bytes=8),
        MadeTensor("y", (1, 4), FLOAT),
    ]
    found = inspect_tflite(tmp_path, tensors, MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (5,)), [0])
    assert found.parameters.by_dtype == {"float32": 40}
    assert found.weights_bytes == 160 + 4 + 8


def test_values_behind_the_flatbuffer_that_share_an_offset_count_once(tmp_path) -> None:
    tensors = [
        MadeTensor("x", (1, 10), FLOAT),
        MadeTensor("w", (4, 10), FLOAT, behind=(4096, 160)),
        MadeTensor("w again", (4, 10), FLOAT, behind=(4096, 160)),
        MadeTensor("y", (1, 4), FLOAT),
    ]
    data = make_tflite(tensors, [MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (3,))], [0], [3])
    found = inspect_bytes(tmp_path, data + bytes(4096 + 160 - len(data)))
    assert (found.parameters.count, found.weights_bytes, found.envelope.behind_bytes) == (40, 160, 160)


def test_packed_weights_of_four_bits_count_as_the_values_they_stand_for(tmp_path) -> None:
    node = helper.make_node(
        "MatMulNBits", ["x", "packed", "scales"], ["y"], domain="com.microsoft", K=32, N=16, bits=4, block_size=32
    )
    weights = (weight("packed", (16, 1, 16), TensorProto.UINT8), weight("scales", (16,)))
    found = inspect_bytes(tmp_path, made_onnx([node], [value("x", [1, 32])], weights))
    assert found.parameters.by_dtype == {"uint4": 32 * 16}
