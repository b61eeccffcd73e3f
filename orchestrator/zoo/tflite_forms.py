"""TFLite files: the network converted with litert-torch, and quantised with LiteRT's quantiser."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import litert_torch
import torch
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
from ai_edge_quantizer.utils import qsv_utils
from numpy.typing import NDArray

if TYPE_CHECKING:
    from orchestrator.zoo.networks import Network

Arrays = dict[str, NDArray[Any]]


_PRODUCTS = (9, 126)
"""FULLY_CONNECTED and BATCH_MATMUL (BuiltinOperator in schema.fbs)."""

SIGNATURE = "serving_default"
"""What the converter calls the one way in."""


def write_tflite(network: "Network", path: Path, example: Arrays, outputs: Sequence[str]) -> None:
    """The network in float32."""
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    litert_torch.convert(network, sample_kwargs=inputs).export(str(path))
    model = flatbuffer_utils.read_model(str(path))
    for entry in model.signatureDefs[0].inputs:
        model.subgraphs[0].tensors[entry.tensorIndex].name = entry.name
    _write_named(model, path, outputs)


def write_tflite_form(form: str, parent: Path, path: Path, inputs: Sequence[Arrays], outputs: Sequence[str]) -> None:
    """Another form of a float32 file. For `int8-static`, `inputs` show which ranges activations have."""
    recipe = _recipe(form, parent)
    ranges = _calibrate(parent, recipe, inputs) if form == "int8-static" else None
    made = quantizer.Quantizer(str(parent), recipe.get_quantization_recipe()).quantize(ranges).quantized_model
    if form in ("int8-tensor", "int8-static"):
        # The quantiser puts the weights behind the flatbuffer, where tflite-runtime 2.13 does not look: pack them in.
        _write_named(flatbuffer_utils.read_model_from_bytearray(bytearray(made)), path, outputs)
    else:
        path.write_bytes(made)


def _write_named(model: Any, path: Path, outputs: Sequence[str]) -> None:
    """The converter's names ("serving_default_ids") differ from the ONNX file's, and equal names get equal inputs."""
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for place, name in zip(graph.outputs, outputs, strict=True):
        (entry,) = [one for one in signature.outputs if one.tensorIndex == place]
        entry.name = graph.tensors[place].name = name.encode()
    flatbuffer_utils.write_model(model, str(path))


def _recipe(form: str, parent: Path) -> recipe_manager.RecipeManager:
    recipe = recipe_manager.RecipeManager()
    names, algorithms = qtyping.TFLOperationName, recipe_manager.AlgorithmName
    if form == "int8-static":
        recipe.add_static_config(".*", names.ALL_SUPPORTED, 8, 8)
        recipe.add_dynamic_config(".*", names.EMBEDDING_LOOKUP, 8)
        # What comes out stays float32: a logit beyond those seen while calibrating would be cut off.
        recipe.add_quantization_config(".*", names.OUTPUT, algorithm_key=algorithms.NO_QUANTIZE)
        for scope in _last_products(flatbuffer_utils.read_model(str(parent))):
            recipe.add_quantization_config(scope, names.ALL_SUPPORTED, algorithm_key=algorithms.NO_QUANTIZE)
        return recipe
    for operator in (names.FULLY_CONNECTED, names.EMBEDDING_LOOKUP):
        if form == "fp16":
            recipe.add_weight_only_config(".*", operator, 16, algorithm_key=algorithms.FLOAT_CASTING)
            continue
        # With a scale a channel, tflite-runtime 2.14 gives zeros and no error.
        one_scale = form == "int8-tensor"
        scales = qtyping.QuantGranularity.TENSORWISE if one_scale else qtyping.QuantGranularity.CHANNELWISE
        recipe.add_dynamic_config(".*", operator, 4 if form == "int4" else 8, scales)
    return recipe


def _calibrate(parent: Path, recipe: recipe_manager.RecipeManager, inputs: Sequence[Arrays]) -> Any:
    """The ranges of activations: the widest that were seen. The quantiser's own way, a moving average over inputs, cuts
    off what the first of them did not have: measured on BERT-tiny, an error of 36 % of the spread in place of 6 %."""
    work = calibrator.Calibrator(str(parent), num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    work.calibrate({SIGNATURE: list(inputs)}, recipe)
    return work.get_model_qsvs()


def _last_products(model: Any) -> list[str]:
    """Patterns for the names of what each last matrix product gives, and of all that comes behind it."""
    graph = model.subgraphs[0]
    makers = {place: operator for operator in graph.operators for place in operator.outputs}
    waiting, found = list(graph.outputs), []
    while waiting:
        place = waiting.pop()
        operator = makers.get(place)
        if operator is None:
            continue
        found.append(f"(^|;){re.escape(graph.tensors[place].name.decode())}(;|$)")
        if model.operatorCodes[operator.opcodeIndex].builtinCode not in _PRODUCTS:
            waiting += [one for one in operator.inputs if one >= 0]
    return found
