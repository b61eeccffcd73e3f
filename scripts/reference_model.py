"""Write the built-in reference model again, byte for byte: .venv/bin/python scripts/reference_model.py FILE.tflite

A perceptron of 24 layers of 128 × 128 over 256 rows, one weight matrix for all layers: 101 million multiply-adds, and
66 kB of file. It is arithmetic, it fits a small cache, and every runtime for TFLite has had its one operator since the
first version.
"""

import sys
from pathlib import Path

import flatbuffers
import numpy as np
import tflite

ROWS, WIDTH, LAYERS, SEED = 256, 128, 24, 20261121


def weights() -> bytes:
    """An orthogonal matrix times the root of two: behind a rectifier it neither fades nor grows over the layers."""
    random = np.random.default_rng(SEED)
    q, r = np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))
    matrix = q * np.sign(np.diag(r)) * np.sqrt(2.0)
    # Rounded, so that another linear algebra library gives the same bytes.
    found: bytes = (np.round(matrix * 4096) / 4096).astype("<f4").tobytes()
    return found


def make(matrix: bytes | None = None, rows: int = ROWS, width: int = WIDTH, layers: int = LAYERS) -> bytes:
    """The file's bytes; or those of a perceptron of another size, with a matrix of `width` × `width` float32."""
    builder = flatbuffers.Builder(1 << 17)
    buffers = [_buffer(builder, None), _buffer(builder, matrix or weights()), _buffer(builder, bytes(4 * width))]
    tensors = [_tensor(builder, "weights", (width, width), 1), _tensor(builder, "bias", (width,), 2)]
    names = ["input", *(f"layer{number}" for number in range(1, layers)), "output"]
    tensors += [_tensor(builder, name, (rows, width), 0) for name in names]
    operators = [_layer(builder, source, last=source == layers + 1) for source in range(2, layers + 2)]
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, tflite.BuiltinOperator.FULLY_CONNECTED)
    tflite.OperatorCodeAddVersion(builder, 1)
    code = tflite.OperatorCodeEnd(builder)
    tensor_list = _offsets(builder, tflite.SubGraphStartTensorsVector, tensors)
    operator_list = _offsets(builder, tflite.SubGraphStartOperatorsVector, operators)
    inputs = _numbers(builder, tflite.SubGraphStartInputsVector, (2,))
    outputs = _numbers(builder, tflite.SubGraphStartOutputsVector, (layers + 2,))
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_list)
    tflite.SubGraphAddOperators(builder, operator_list)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    graphs = _offsets(builder, tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    codes = _offsets(builder, tflite.ModelStartOperatorCodesVector, [code])
    all_buffers = _offsets(builder, tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddBuffers(builder, all_buffers)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _buffer(builder: flatbuffers.Builder, data: bytes | None) -> int:
    vector = None
    if data is not None:
        tflite.BufferStartDataVector(builder, len(data))  # leaves room for the alignment that runtimes ask for
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        vector = builder.EndVector()
    tflite.BufferStart(builder)
    if vector is not None:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _tensor(builder: flatbuffers.Builder, name: str, shape: tuple[int, ...], buffer: int) -> int:
    text = builder.CreateString(name)
    sizes = _numbers(builder, tflite.TensorStartShapeVector, shape)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, text)
    tflite.TensorAddShape(builder, sizes)
    tflite.TensorAddType(builder, tflite.TensorType.FLOAT32)
    tflite.TensorAddBuffer(builder, buffer)
    return int(tflite.TensorEnd(builder))


def _layer(builder: flatbuffers.Builder, source: int, *, last: bool) -> int:
    reads = _numbers(builder, tflite.OperatorStartInputsVector, (source, 0, 1))
    writes = _numbers(builder, tflite.OperatorStartOutputsVector, (source + 1,))
    activation = tflite.ActivationFunctionType.NONE if last else tflite.ActivationFunctionType.RELU
    tflite.FullyConnectedOptionsStart(builder)
    tflite.FullyConnectedOptionsAddFusedActivationFunction(builder, activation)
    options = tflite.FullyConnectedOptionsEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, 0)
    tflite.OperatorAddInputs(builder, reads)
    tflite.OperatorAddOutputs(builder, writes)
    tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.FullyConnectedOptions)
    tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _numbers(builder: flatbuffers.Builder, start, values: tuple[int, ...]) -> int:  # type: ignore[no-untyped-def]
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependInt32(value)
    return int(builder.EndVector())


def _offsets(builder: flatbuffers.Builder, start, values: list[int]) -> int:  # type: ignore[no-untyped-def]
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(make())
