"""What a model file is, told from its structure: what it computes, what that costs, and where it may fail. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.inspection.concerns import Concern, Effect, Prospect, prospects_of
from orchestrator.inspection.counting import Flops, OperatorKind, count_operators
from orchestrator.inspection.looks import Look
from orchestrator.inspection.parameters import Parameters, count_parameters
from orchestrator.inspection.quantisation import Quantisation, judge_quantisation
from orchestrator.inspection.roles import link
from orchestrator.model_files.contents import Envelope
from orchestrator.model_files.insides import Insides
from orchestrator.models import TensorInfo

__all__ = [
    "Concern",
    "Effect",
    "Flops",
    "Inspection",
    "OperatorKind",
    "Parameters",
    "Prospect",
    "Quantisation",
    "inspect_model",
]


OPAQUE = ("pte", "vmfb", "mnn", "ncnn")
"""Formats of which the outside is read, and no more."""


@dataclass(frozen=True)
class Inspection:
    """`shapes` are those of the inputs that `flops` holds for; where `still_open` names inputs, `flops` holds for the
    operators whose shapes are known all the same."""

    format: str
    size_bytes: int
    weights_bytes: int
    envelope: Envelope
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: tuple[OperatorKind, ...]
    flops: Flops
    shapes: Mapping[str, tuple[int, ...]]
    still_open: tuple[str, ...]
    parameters: Parameters
    quantisation: Quantisation
    prospects: tuple[Prospect, ...]
    calls: Mapping[str, int] = field(default_factory=dict)
    """What a file of a format calls whose operators and weights are known to its runtime alone; the counts of
    parameters, FLOPs and weights then mean nothing."""


def inspect_model(insides: Insides) -> Inspection:
    """Everything that a look into the file tells."""
    contents, opaque = insides.contents, insides.format in OPAQUE
    links = link(contents)
    kinds, flops = count_operators(contents)
    quantisation, weighted = judge_quantisation(contents, links)
    return Inspection(
        format=insides.format,
        size_bytes=insides.size_bytes,
        weights_bytes=sum(contents.weights.values()),
        envelope=contents.envelope,
        inputs=contents.inputs,
        outputs=contents.outputs,
        operators=() if opaque else kinds,
        flops=flops,
        shapes=insides.shapes,
        still_open=insides.still_open,
        parameters=count_parameters(contents, links, scales_beside=insides.format == "tflite"),
        quantisation=quantisation,
        prospects=prospects_of(Look(insides.format, contents, links, weighted)),
        calls=contents.operators if opaque else {},
    )
