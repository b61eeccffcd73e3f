"""Run an artifact on seeded inputs with the runtime that dynofarm recommends for its format, on one thread."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from orchestrator.zoo.networks import Network

Arrays = dict[str, NDArray[Any]]


def run_network(network: "Network", inputs: Sequence[Arrays]) -> list[Arrays]:
    """The outputs of the network itself."""
    import torch

    with torch.inference_mode():
        found = [network(**{name: torch.from_numpy(value) for name, value in one.items()}) for one in inputs]
    return [
        {name: value.numpy() for name, value in zip(network.head.outputs, outputs, strict=True)} for outputs in found
    ]


def run_artifact(path: Path, made_in: str, names: Sequence[str], inputs: Sequence[Arrays]) -> list[Arrays]:
    """The outputs of a file, under the names that they should have."""
    return _run_tflite(path, names, inputs) if made_in == "tflite" else _run_onnx(path, names, inputs)


def runner_text(made_in: str) -> str:
    """`ai-edge-litert 2.3.0`."""
    package = {"tflite": "ai-edge-litert", "onnx": "onnxruntime"}[made_in]
    return f"{package} {version(package)}"


def _run_tflite(path: Path, names: Sequence[str], inputs: Sequence[Arrays]) -> list[Arrays]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    places = {detail["name"]: detail["index"] for detail in interpreter.get_input_details()}
    outputs = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    found = []
    for one in inputs:
        for name, value in one.items():
            interpreter.set_tensor(places[name], value)
        interpreter.invoke()
        found.append({name: np.array(interpreter.get_tensor(outputs[name])) for name in names})
    return found


def _run_onnx(path: Path, names: Sequence[str], inputs: Sequence[Arrays]) -> list[Arrays]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [dict(zip(names, session.run(list(names), one), strict=True)) for one in inputs]
