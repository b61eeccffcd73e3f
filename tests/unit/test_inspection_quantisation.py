"""In which numbers a model computes, and what is known against it on which runtime."""

from pathlib import Path

import pytest
import tflite
from onnx import TensorProto, helper

from orchestrator.inspection import Effect, Inspection, inspect_model
from orchestrator.inspection.concerns import versions_of
from orchestrator.inspection.onnx_versions import KNOWN
from orchestrator.inspection.tflite_versions import COLUMNS, highest_versions
from orchestrator.model_files.insides import read_insides
from orchestrator.runtimes import RUNTIMES
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite
from tests.unit.test_inspection import inspect_bytes, made_onnx, value, weight

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
OPS, TYPES = tflite.BuiltinOperator, tflite.TensorType
OLD = ("tflite-runtime", "2.14.0")
OLDEST = ("tflite-runtime", "2.13.0")
NEW = ("litert", "2.3.0")


def fully_connected(
    folder: Path, weights: int, scales: int = 1, activation: int = TYPES.FLOAT32, version: int = 5
) -> Inspection:
    tensors = [
        MadeTensor("x", (1, 10), activation, scales=int(activation == TYPES.INT8)),
        MadeTensor("w", (4, 10), weights, data_bytes=160, scales=scales),
        MadeTensor("y", (1, 4), activation),
    ]
    operator = MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (2,), version=version)
    return inspect_bytes(folder, make_tflite(tensors, [operator], [0], [2]))


def concerns(found: Inspection, runtime: str, version: str) -> dict[str, str]:
    """Effect to sentence."""
    (prospect,) = [one for one in found.prospects if one.runtime == runtime and version in one.versions]
    return {concern.effect.value: concern.what for concern in prospect.concerns}


# Quantisation --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "scheme", "grains"),
    [
        ("bert-tiny.tflite", "float32", {}),
        ("bert-tiny-int8.tflite", "dynamic range int8", {"per tensor": 14}),
        ("bert-tiny.onnx", "float32", {}),
        ("bert-tiny-int8.onnx", "dynamic range int8", {"per tensor": 14}),
        ("face-detection.tflite", "float16 weights", {}),
    ],
)
def test_the_shipped_files_are_what_their_readme_says(file, scheme, grains) -> None:
    found = inspect_model(read_insides(EXAMPLES / file)).quantisation
    assert (found.scheme, dict(found.grains)) == (scheme, grains)


@pytest.mark.parametrize(
    ("weights", "scales", "activation", "scheme", "grain"),
    [
        (TYPES.FLOAT32, 0, TYPES.FLOAT32, "float32", {}),
        (TYPES.INT8, 1, TYPES.FLOAT32, "dynamic range int8", {"per tensor": 1}),
        (TYPES.INT8, 4, TYPES.FLOAT32, "dynamic range int8", {"per channel": 1}),
        (TYPES.INT4, 4, TYPES.FLOAT32, "dynamic range int4", {"per channel": 1}),
        (TYPES.INT8, 1, TYPES.INT8, "full integer int8", {"per tensor": 1}),
        (TYPES.UINT8, 1, TYPES.UINT8, "full integer int8", {"per tensor": 1}),
    ],
)
def test_a_tflite_product_is_told_by_its_weights_and_what_they_meet(
    tmp_path, weights, scales, activation, scheme, grain
) -> None:
    found = fully_connected(tmp_path, weights, scales, activation).quantisation
    assert (found.scheme, dict(found.grains)) == (scheme, grain)


def test_weights_that_are_made_floats_first_are_weights_only(tmp_path) -> None:
    for kind, scales, scheme in ((TYPES.INT8, 4, "int8 weights only"), (TYPES.FLOAT16, 0, "float16 weights")):
        tensors = [
            MadeTensor("x", (1, 10), TYPES.FLOAT32),
            MadeTensor("w", (4, 10), kind, data_bytes=80, scales=scales),
            MadeTensor("floats", (4, 10), TYPES.FLOAT32),
            MadeTensor("y", (1, 4), TYPES.FLOAT32),
        ]
        operators = [
            MadeOperator(OPS.DEQUANTIZE, (1,), (2,)),
            MadeOperator(OPS.FULLY_CONNECTED, (0, 2, -1), (3,)),
        ]
        assert inspect_bytes(tmp_path, make_tflite(tensors, operators, [0], [3])).quantisation.scheme == scheme


def test_several_forms_are_mixed_and_counted(tmp_path) -> None:
    tensors = [
        MadeTensor("x", (1, 10), TYPES.FLOAT32),
        MadeTensor("w", (10, 10), TYPES.INT8, data_bytes=100, scales=1),
        MadeTensor("h", (1, 10), TYPES.FLOAT32),
        MadeTensor("v", (4, 10), TYPES.FLOAT32, data_bytes=160),
        MadeTensor("y", (1, 4), TYPES.FLOAT32),
    ]
    operators = [
        MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (2,)),
        MadeOperator(OPS.FULLY_CONNECTED, (2, 3, -1), (4,)),
    ]
    found = inspect_bytes(tmp_path, make_tflite(tensors, operators, [0], [4])).quantisation
    assert found.scheme == "mixed"
    assert dict(found.forms) == {"dynamic range int8": 1, "float32": 1}


def test_a_model_without_weights_says_so(tmp_path) -> None:
    data = made_onnx([helper.make_node("MatMul", ["a", "b"], ["y"])], [value("a", [2, 2]), value("b", [2, 2])])
    assert inspect_bytes(tmp_path, data).quantisation.scheme == "none to be seen"


def quantised_input() -> list[object]:
    return [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
    ]


@pytest.mark.parametrize(
    ("nodes", "scheme", "grain"),
    [
        ([helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
          helper.make_node("MatMulInteger", ["q", "w", "qz", "zw"], ["y"])], "dynamic range int8", "per channel"),
        ([helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
          helper.make_node("MatMulInteger", ["q", "w", "qz", "z"], ["y"])], "dynamic range int8", "per tensor"),
        ([helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wf"], axis=1),
          helper.make_node("MatMul", ["x", "wf"], ["y"])], "int8 weights only", "per channel"),
        ([*quantised_input(), helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"]),
          helper.make_node("MatMul", ["xf", "wf"], ["y"])], "full integer int8", "per tensor"),
        ([helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
          helper.make_node("QLinearMatMul", ["q", "s", "z", "w", "sw", "zw", "s", "z"], ["y"])],
         "full integer int8", "per channel"),
        ([helper.make_node("DynamicQuantizeMatMul", ["x", "w", "sw", "zw"], ["y"], domain="com.microsoft")],
         "dynamic range int8", "per channel"),
        ([helper.make_node("MatMulNBits", ["x", "w4", "s4"], ["y"], domain="com.microsoft",
                           K=10, N=4, bits=4, block_size=16)], "int4 weights only", "per block"),
    ],
)  # fmt: skip
def test_an_onnx_product_is_told_by_what_stands_around_it(tmp_path, nodes, scheme, grain) -> None:
    weights = (
        weight("w", (10, 4), TensorProto.INT8),
        weight("sw", (4,)),
        weight("zw", (4,), TensorProto.INT8),
        weight("s", ()),
        weight("z", (), TensorProto.INT8),
        weight("w4", (4, 1, 8), TensorProto.UINT8),
        weight("s4", (4,)),
    )
    found = inspect_bytes(tmp_path, made_onnx(nodes, [value("x", [1, 10])], weights))
    assert (found.quantisation.scheme, list(found.quantisation.grains)) == (scheme, [grain])


def test_scales_and_zero_points_are_no_parameters(tmp_path) -> None:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
        helper.make_node("MatMulInteger", ["q", "w", "qz", "zw"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["qs", "sw"], ["both"]),
        helper.make_node("Mul", ["f", "both"], ["y"]),
    ]
    weights = (
        weight("w", (10, 4), TensorProto.INT8),
        weight("zw", (4,), TensorProto.INT8),
        weight("sw", (4,)),
    )
    found = inspect_bytes(tmp_path, made_onnx(nodes, [value("x", [1, 10])], weights))
    assert found.parameters.by_dtype == {"int8": 40}


# Runtimes ------------------------------------------------------------------------------------------


def test_every_version_in_the_catalogue_was_tried() -> None:
    for name, row in RUNTIMES.items():
        if row.carrier == "none" or name not in {*dict(COLUMNS), "litert", "onnxruntime"}:
            continue
        for version in versions_of(name):
            tried = version in KNOWN if name == "onnxruntime" else highest_versions(name, version) is not None
            assert tried, f"{name} {version}: load every operator with it and add a column"


def test_newer_runtimes_know_what_older_ones_knew() -> None:
    older = highest_versions(*OLDEST)
    assert older is not None
    assert len(older) > 150
    for column in COLUMNS[1:]:
        newer = highest_versions(*column)
        assert newer is not None
        assert newer.keys() == older.keys()
        assert all(newer[name] >= highest for name, highest in older.items())
        older = newer


@pytest.mark.parametrize("file", ["bert-tiny.tflite", "bert-tiny-int8.tflite", "bert-tiny.onnx", "bert-tiny-int8.onnx"])
def test_nothing_is_known_against_the_shipped_files_which_ran_everywhere(file) -> None:
    found = inspect_model(read_insides(EXAMPLES / file))
    tried = [
        one for one in found.prospects if one.runtime in ("litert", "ai-edge-litert", "tflite-runtime", "onnxruntime")
    ]
    assert tried
    assert not [concern for one in tried for concern in one.concerns]


def test_a_version_of_an_operator_that_old_runtimes_do_not_load_is_named_with_theirs(tmp_path) -> None:
    found = fully_connected(tmp_path, TYPES.FLOAT32, version=12)
    assert concerns(found, *OLD)["fails"] == "it does not load FULLY_CONNECTED version 12 (up to 10)"
    assert not concerns(found, *NEW)
    newest = fully_connected(tmp_path, TYPES.FLOAT32, version=99)
    assert "up to 14" in concerns(newest, *NEW)["fails"]


def test_an_operator_newer_than_the_schema_is_not_loaded(tmp_path) -> None:
    tensors = [MadeTensor("x", (1,), TYPES.FLOAT32), MadeTensor("y", (1,), TYPES.FLOAT32)]
    found = inspect_bytes(tmp_path, make_tflite(tensors, [MadeOperator(250, (0,), (1,))], [0], [1]))
    assert concerns(found, *NEW)["fails"] == "it does not load BUILTIN_250 version 1 (not known at all)"


def test_scales_of_channels_give_wrong_answers_on_old_runtimes_and_right_ones_on_new(tmp_path) -> None:
    found = fully_connected(tmp_path, TYPES.INT8, scales=4)
    for version in (OLD, OLDEST):
        assert "1 FULLY_CONNECTED with int8 weights" in concerns(found, *version)[Effect.WRONG.value]
    assert not concerns(found, *NEW)
    assert not concerns(fully_connected(tmp_path, TYPES.INT8, scales=1), *OLD)
    four_bits = fully_connected(tmp_path, TYPES.INT4, scales=4)
    assert Effect.WRONG.value in concerns(four_bits, *OLDEST)
    assert not concerns(four_bits, *OLD)


def test_a_table_with_a_scale_a_row_gives_zeros_on_old_runtimes(tmp_path) -> None:
    tensors = [
        MadeTensor("ids", (3,), TYPES.INT32),
        MadeTensor("table", (8, 4), TYPES.INT8, data_bytes=32, scales=8),
        MadeTensor("y", (3, 4), TYPES.FLOAT32),
    ]
    operator = MadeOperator(OPS.EMBEDDING_LOOKUP, (0, 1), (2,))
    found = inspect_bytes(tmp_path, make_tflite(tensors, [operator], [0], [2]))
    assert "EMBEDDING_LOOKUP" in concerns(found, *OLD)[Effect.WRONG.value]
    assert not concerns(found, *NEW)
    tensors[1] = MadeTensor("table", (8, 4), TYPES.INT4, data_bytes=16, scales=1)
    found = inspect_bytes(tmp_path, make_tflite(tensors, [operator], [0], [2]))
    assert "int4 table" in concerns(found, *OLD)[Effect.FAILS.value]
    assert not concerns(found, *NEW)


def test_weights_behind_the_flatbuffer_are_not_found_by_the_oldest(tmp_path) -> None:
    tensors = [
        MadeTensor("x", (1, 10), TYPES.FLOAT32),
        MadeTensor("w", (4, 10), TYPES.FLOAT32, behind=(4096, 160)),
        MadeTensor("y", (1, 4), TYPES.FLOAT32),
    ]
    data = make_tflite(tensors, [MadeOperator(OPS.FULLY_CONNECTED, (0, 1, -1), (2,))], [0], [2])
    found = inspect_bytes(tmp_path, data + bytes(4096 + 160 - len(data)))
    assert "behind the flatbuffer" in concerns(found, *OLDEST)["fails"]
    assert not concerns(found, *OLD)


def test_a_custom_operator_and_an_unknown_type_fail(tmp_path) -> None:
    tensors = [MadeTensor("x", (1,), TYPES.BFLOAT16), MadeTensor("y", (1,), TYPES.FLOAT32)]
    for custom in ("FlexErf", "Mfcc"):
        operator = MadeOperator(OPS.CUSTOM, (0,), (1,), custom=custom)
        found = inspect_bytes(tmp_path, make_tflite(tensors, [operator], [0], [1]))
        assert ("fails" in concerns(found, *NEW)) == (custom == "FlexErf")
        assert concerns(found, *OLD)["fails"] == "it does not load tensors of type bfloat16"


def test_sizes_that_an_input_decides_may_keep_old_runtimes_from_xnnpack(tmp_path) -> None:
    tensors = [
        MadeTensor("x", (1, 4), TYPES.FLOAT32),
        MadeTensor("sizes", (2,), TYPES.INT32),
        MadeTensor("y", (4, 1), TYPES.FLOAT32),
    ]
    data = make_tflite(tensors, [MadeOperator(OPS.RESHAPE, (0, 1), (2,))], [0, 1], [2])
    found = inspect_bytes(tmp_path, data)
    assert "RESHAPE" in concerns(found, *OLD)[Effect.SLOWER.value]
    assert not concerns(found, *NEW)


@pytest.mark.parametrize(
    ("ir_version", "opset", "refusing"),
    [
        (8, 18, ()),
        (10, 18, ("1.16.3",)),
        (8, 22, ("1.19.2", "1.16.3")),
        (12, 18, ("1.23.2", "1.19.2", "1.16.3")),
        (13, 27, ("1.31.1", "1.28.0", "1.23.2", "1.19.2", "1.16.3")),
    ],
)
def test_files_newer_than_an_onnx_runtime_are_told(tmp_path, ir_version, opset, refusing) -> None:
    import onnx

    made = onnx.load_model_from_string(made_onnx([helper.make_node("Neg", ["x"], ["y"])], [value("x", [1])]))
    made.ir_version = ir_version
    made.opset_import[0].version = opset
    found = inspect_bytes(tmp_path, made.SerializeToString())
    for version in versions_of("onnxruntime"):
        assert ("fails" in concerns(found, "onnxruntime", version)) == (version in refusing)


def test_operators_that_an_onnx_runtime_lacks_are_named(tmp_path) -> None:
    foreign = made_onnx([helper.make_node("Thing", ["x"], ["y"], domain="com.example")], [value("x", [1])])
    assert "com.example.Thing" in concerns(inspect_bytes(tmp_path, foreign), "onnxruntime", "1.31.1")["fails"]
    newer = made_onnx([helper.make_node("QMoE", ["x"], ["y"], domain="com.microsoft")], [value("x", [1])])
    found = inspect_bytes(tmp_path, newer)
    assert "com.microsoft.QMoE" in concerns(found, "onnxruntime", "1.16.3")["fails"]
    assert not concerns(found, "onnxruntime", "1.19.2")


def test_weights_in_other_files_are_inspected_and_said_to_be_no_use_here(tmp_path) -> None:
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=(10, 4), data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="weights.bin")
    data = made_onnx([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 10])], (outside,))
    found = inspect_bytes(tmp_path, data)
    assert (found.parameters.count, found.flops.products) == (40, 80)
    assert "in other files" in concerns(found, "onnxruntime", "1.31.1")["fails"]
