"""TFLite models of a few hundred bytes, written field by field: one CAST an input, in every type and shape.

They reach what no converter gives on demand: every element type, open dimensions, unknown operators, signatures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import tflite

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "bool": tflite.TensorType.BOOL,
    "string": tflite.TensorType.STRING,
}


@dataclass(frozen=True)
class Cast:
    """One input and the output that it is cast to; an open dimension is -1."""

    name: str
    dtype: str
    to: str
    shape: tuple[int, ...] = (1, 4)


def write_cast_model(
    path: Path,
    casts: Sequence[Cast],
    signatures: Sequence[tuple[str, int]] = (),
    custom_operator: str | None = None,
    subgraphs: int = 1,
) -> Path:
    """Write a model; `signatures` are (key, subgraph) and name their inputs backwards, `custom_operator` replaces CAST.

    Every further subgraph is a copy of the first.
    """
    builder = flatbuffers.Builder(1024)
    graphs = [_subgraph(builder, casts, custom_operator) for _ in range(subgraphs)]
    definitions = [_signature(builder, key, subgraph, casts) for key, subgraph in signatures]
    codes = [_operator_code(builder, custom_operator)]
    tflite.BufferStart(builder)
    buffers = [tflite.BufferEnd(builder)]
    vectors = {
        name: _offsets(builder, items)
        for name, items in (("codes", codes), ("graphs", graphs), ("buffers", buffers), ("definitions", definitions))
    }
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, vectors["codes"])
    tflite.ModelAddSubgraphs(builder, vectors["graphs"])
    tflite.ModelAddBuffers(builder, vectors["buffers"])
    if definitions:
        tflite.ModelAddSignatureDefs(builder, vectors["definitions"])
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _subgraph(builder: Any, casts: Sequence[Cast], custom_operator: str | None) -> int:
    tensors = [_tensor(builder, cast.name, cast.dtype, cast.shape) for cast in casts]
    tensors += [_tensor(builder, f"out_{index}", cast.to, cast.shape) for index, cast in enumerate(casts)]
    count = len(casts)
    operators = [_operator(builder, index, count + index, cast, custom_operator) for index, cast in enumerate(casts)]
    tensor_vector, operator_vector = _offsets(builder, tensors), _offsets(builder, operators)
    inputs, outputs = _numbers(builder, range(count)), _numbers(builder, range(count, 2 * count))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_vector)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    tflite.SubGraphAddOperators(builder, operator_vector)
    return int(tflite.SubGraphEnd(builder))


def _tensor(builder: Any, name: str, dtype: str, shape: tuple[int, ...]) -> int:
    text = builder.CreateString(name)
    dimensions = _numbers(builder, [max(size, 1) for size in shape])
    signature = _numbers(builder, shape) if -1 in shape else None
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, dimensions)
    tflite.TensorAddType(builder, TYPES[dtype])
    tflite.TensorAddBuffer(builder, 0)
    tflite.TensorAddName(builder, text)
    if signature is not None:
        tflite.TensorAddShapeSignature(builder, signature)
    return int(tflite.TensorEnd(builder))


def _operator(builder: Any, source: int, target: int, cast: Cast, custom_operator: str | None) -> int:
    inputs, outputs = _numbers(builder, [source]), _numbers(builder, [target])
    options = None
    if custom_operator is None:
        tflite.CastOptionsStart(builder)
        tflite.CastOptionsAddInDataType(builder, TYPES[cast.dtype])
        tflite.CastOptionsAddOutDataType(builder, TYPES[cast.to])
        options = tflite.CastOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.CastOptions)
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _operator_code(builder: Any, custom_operator: str | None) -> int:
    text = builder.CreateString(custom_operator) if custom_operator else None
    code = tflite.BuiltinOperator.CUSTOM if custom_operator else tflite.BuiltinOperator.CAST
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, 1)
    if text is not None:
        tflite.OperatorCodeAddCustomCode(builder, text)
    return int(tflite.OperatorCodeEnd(builder))


def _signature(builder: Any, key: str, subgraph: int, casts: Sequence[Cast]) -> int:
    count = len(casts)
    inputs = [_tensor_map(builder, f"arg_{index}", index) for index in reversed(range(count))]
    outputs = [_tensor_map(builder, f"result_{index}", count + index) for index in reversed(range(count))]
    text, input_vector, output_vector = builder.CreateString(key), _offsets(builder, inputs), _offsets(builder, outputs)
    tflite.SignatureDefStart(builder)
    tflite.SignatureDefAddInputs(builder, input_vector)
    tflite.SignatureDefAddOutputs(builder, output_vector)
    tflite.SignatureDefAddSignatureKey(builder, text)
    tflite.SignatureDefAddSubgraphIndex(builder, subgraph)
    return int(tflite.SignatureDefEnd(builder))


def _tensor_map(builder: Any, name: str, tensor: int) -> int:
    text = builder.CreateString(name)
    tflite.TensorMapStart(builder)
    tflite.TensorMapAddName(builder, text)
    tflite.TensorMapAddTensorIndex(builder, tensor)
    return int(tflite.TensorMapEnd(builder))


def _offsets(builder: Any, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return int(builder.EndVector())


def _numbers(builder: Any, numbers: Sequence[int]) -> int:
    builder.StartVector(4, len(numbers), 4)
    for number in reversed(numbers):
        builder.PrependInt32(number)
    return int(builder.EndVector())
