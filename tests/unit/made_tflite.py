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


@dataclass(frozen=True)
class MadeOperator:
    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    axis: int | None = None
    custom: str = ""


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
        tflite.TensorStart(builder)
        tflite.TensorAddName(builder, name)
        tflite.TensorAddShape(builder, shape)
        tflite.TensorAddType(builder, tensor.kind)
        tflite.TensorAddBuffer(builder, len(buffers) - 1 if tensor.data_bytes else 0)
        if signature is not None:
            tflite.TensorAddShapeSignature(builder, signature)
        made_tensors.append(tflite.TensorEnd(builder))
    made_operators, codes = [], []
    for index, operator in enumerate(operators):
        custom = builder.CreateString(operator.custom) if operator.custom else None
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddBuiltinCode(builder, operator.code)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(operator.code, 127))
        if custom is not None:
            tflite.OperatorCodeAddCustomCode(builder, custom)
        codes.append(tflite.OperatorCodeEnd(builder))
        reads = numbers(tflite.OperatorStartInputsVector, operator.inputs)
        writes = numbers(tflite.OperatorStartOutputsVector, operator.outputs)
        options = None
        if operator.axis is not None:
            tflite.GatherOptionsStart(builder)
            tflite.GatherOptionsAddAxis(builder, operator.axis)
            options = tflite.GatherOptionsEnd(builder)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, index)
        tflite.OperatorAddInputs(builder, reads)
        tflite.OperatorAddOutputs(builder, writes)
        if options is not None:
            tflite.OperatorAddBuiltinOptionsType(builder, tflite.BuiltinOptions.GatherOptions)
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


def _empty(builder, start, end):
    start(builder)
    return end(builder)
