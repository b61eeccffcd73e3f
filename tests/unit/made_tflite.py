"""TFLite flatbuffers made by hand, right or wrong as a test wants them."""

from dataclasses import dataclass

import flatbuffers
import tflite


@dataclass(frozen=True)
class MadeTensor:
    name: str
    shape: tuple[int, ...]
    kind: int = tflite.TensorType.INT32
    signature: tuple[int, ...] = ()
    data_bytes: int = 0
    scales: int = 0
    behind: tuple[int, int] | None = None  # offset and size of values behind the flatbuffer
    shares: int | None = None  # the number of another tensor's buffer


@dataclass(frozen=True)
class MadeOperator:
    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    axis: int | None = None
    custom: str = ""
    version: int = 1
    window: tuple[int, int] | None = None  # height and width of a pooling
    adjoint_x: bool = False
    in_the_newer_field_alone: bool = False


def make_tflite(
    tensors: list[MadeTensor], operators: list[MadeOperator], inputs: list[int], outputs: list[int], graphs: int = 1
) -> bytes:
    """A flatbuffer made by hand; every graph is the same, every operator has a code of its own."""
    builder = flatbuffers.Builder(1024)

    def numbers(start, values):
        start(builder, len(values))
        for value in reversed(values):
            builder.PrependInt32(value)
        return builder.EndVector()

    def offsets(start, values):
        start(builder, len(values))
        for value in reversed(values):
            builder.PrependUOffsetTRelative(value)
        return builder.EndVector()

    buffers = [_empty(builder, tflite.BufferStart, tflite.BufferEnd)]
    made_tensors = []
    for tensor in tensors:
        name = builder.CreateString(tensor.name)
        shape = numbers(tflite.TensorStartShapeVector, tensor.shape)
        signature = numbers(tflite.TensorStartShapeSignatureVector, tensor.signature) if tensor.signature else None
        if tensor.data_bytes:
            data = builder.CreateByteVector(bytes(tensor.data_bytes))
            tflite.BufferStart(builder)
            tflite.BufferAddData(builder, data)
            buffers.append(tflite.BufferEnd(builder))
        elif tensor.behind is not None:
            tflite.BufferStart(builder)
            tflite.BufferAddOffset(builder, tensor.behind[0])
            tflite.BufferAddSize(builder, tensor.behind[1])
            buffers.append(tflite.BufferEnd(builder))
        scales = _make_scales(builder, tensor.scales) if tensor.scales else None
        held = len(buffers) - 1 if tensor.data_bytes or tensor.behind else 0
        tflite.TensorStart(builder)
        tflite.TensorAddName(builder, name)
        tflite.TensorAddShape(builder, shape)
        tflite.TensorAddType(builder, tensor.kind)
        tflite.TensorAddBuffer(builder, held if tensor.shares is None else tensor.shares)
        if scales is not None:
            tflite.TensorAddQuantization(builder, scales)
        if signature is not None:
            tflite.TensorAddShapeSignature(builder, signature)
        made_tensors.append(tflite.TensorEnd(builder))
    made_operators, codes = [], []
    for index, operator in enumerate(operators):
        custom = builder.CreateString(operator.custom) if operator.custom else None
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddBuiltinCode(builder, operator.code)
        if not operator.in_the_newer_field_alone:
            tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(operator.code, 127))
        tflite.OperatorCodeAddVersion(builder, operator.version)
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(builder, custom)
        codes.append(tflite.OperatorCodeEnd(builder))
        reads = numbers(tflite.OperatorStartInputsVector, operator.inputs)
        writes = numbers(tflite.OperatorStartOutputsVector, operator.outputs)
        kind, options = _make_options(builder, operator)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, index)
        tflite.OperatorAddInputs(builder, reads)
        tflite.OperatorAddOutputs(builder, writes)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(builder, kind)
            tflite.OperatorAddBuiltinOptions(builder, options)
        made_operators.append(tflite.OperatorEnd(builder))
    tensor_list = offsets(tflite.SubGraphStartTensorsVector, made_tensors)
    operator_list = offsets(tflite.SubGraphStartOperatorsVector, made_operators)
    input_list = numbers(tflite.SubGraphStartInputsVector, inputs)
    output_list = numbers(tflite.SubGraphStartOutputsVector, outputs)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensor_list)
    tflite.SubGraphAddOperators(builder, operator_list)
    tflite.SubGraphAddInputs(builder, input_list)
    tflite.SubGraphAddOutputs(builder, output_list)
    graph = tflite.SubGraphEnd(builder)
    graph_list = offsets(tflite.ModelStartSubgraphsVector, [graph] * graphs)
    code_list = offsets(tflite.ModelStartOperatorCodesVector, codes)
    buffer_list = offsets(tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddSubgraphs(builder, graph_list)
    tflite.ModelAddOperatorCodes(builder, code_list)
    tflite.ModelAddBuffers(builder, buffer_list)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _make_scales(builder, count):
    tflite.QuantizationParametersStartScaleVector(builder, count)
    for _ in range(count):
        builder.PrependFloat32(0.5)
    scales = builder.EndVector()
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scales)
    return tflite.QuantizationParametersEnd(builder)


def _make_options(builder, operator):
    if operator.axis is not None:
        tflite.GatherOptionsStart(builder)
        tflite.GatherOptionsAddAxis(builder, operator.axis)
        return tflite.BuiltinOptions.GatherOptions, tflite.GatherOptionsEnd(builder)
    if operator.window is not None:
        tflite.Pool2DOptionsStart(builder)
        tflite.Pool2DOptionsAddFilterHeight(builder, operator.window[0])
        tflite.Pool2DOptionsAddFilterWidth(builder, operator.window[1])
        return tflite.BuiltinOptions.Pool2DOptions, tflite.Pool2DOptionsEnd(builder)
    if operator.adjoint_x:
        tflite.BatchMatMulOptionsStart(builder)
        tflite.BatchMatMulOptionsAddAdjX(builder, True)
        return tflite.BuiltinOptions.BatchMatMulOptions, tflite.BatchMatMulOptionsEnd(builder)
    return tflite.BuiltinOptions.NONE, None


def _empty(builder, start, end):
    start(builder)
    return end(builder)
