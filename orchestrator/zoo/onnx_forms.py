"""ONNX files: the network exported, and quantised with ONNX Runtime's own tools."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

if TYPE_CHECKING:
    from orchestrator.zoo.networks import Network

OPSET, IR = 18, 8
"""The newest that onnxruntime 1.14 reads, which is the last for Python 3.7."""

_QUANTISED = ["MatMul", "Gemm", "Gather"]
"""Dense layers and look-ups: where the weights are."""

Arrays = dict[str, NDArray[Any]]


def write_onnx(network: "Network", path: Path, example: Arrays, outputs: Sequence[str]) -> None:
    """The network in float32."""
    program = torch.onnx.export(
        network,
        kwargs={name: torch.from_numpy(value) for name, value in example.items()},
        input_names=list(example),
        output_names=list(outputs),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # noqa: S101 - the exporter returns one whenever `dynamo` is set
    model = program.model_proto
    model.ir_version = IR
    _save(model, path)


def write_onnx_form(form: str, parent: Path, path: Path, inputs: Sequence[Arrays], outputs: Sequence[str]) -> None:
    """Another form of a float32 file; ONNX Runtime's quantiser keeps the names of `outputs`."""
    del outputs
    if form == "int8":
        quantize_dynamic(str(parent), str(path), weight_type=QuantType.QInt8, op_types_to_quantize=_QUANTISED)
    else:
        quantize_static(
            str(parent),
            str(path),
            _Examples(inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            # A logit beyond those seen while calibrating would be cut off.
            nodes_to_exclude=_last_products(onnx.load(str(parent)).graph),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    _save(onnx.load(str(path)), path)


def _last_products(graph: onnx.GraphProto) -> list[str]:
    """The names of each last matrix product and of all that comes behind it."""
    makers = {name: node for node in graph.node for name in node.output}
    waiting, found = [value.name for value in graph.output], []
    while waiting:
        node = makers.get(waiting.pop())
        if node is None:
            continue
        found.append(node.name)
        if node.op_type not in ("MatMul", "Gemm"):
            waiting += node.input
    return found


class _Examples(CalibrationDataReader):
    """Hands inputs out one by one."""

    def __init__(self, inputs: Sequence[Arrays]) -> None:
        self._inputs: Iterator[Arrays | None] = itertools.chain(inputs, itertools.repeat(None))

    def get_next(self) -> Arrays | None:
        return next(self._inputs)


def _save(model: onnx.ModelProto, path: Path) -> None:
    """Without what differs from one machine to the next (stack traces with paths) and shapes that nobody needs."""
    model.doc_string = ""
    model.producer_version = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]  # the quantiser trips over shapes that it did not expect
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, str(path))
    onnx.checker.check_model(str(path))
