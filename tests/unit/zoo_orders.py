"""Orders and lineages for the tests of the zoo."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.zoo.distance import Distance
from orchestrator.zoo.heads import parse_head
from orchestrator.zoo.lineage import Lineage
from orchestrator.zoo.orders import Order, plan_artifacts, stem_of
from orchestrator.zoo.shapes import parse_shape

DISTANCE = Distance(inputs=8, worst=0.07, median=0.02, cosine=0.999, same_largest=8, against="torch 2.13.0")


def make_order(folder: Path, forms: tuple[str, ...] = ("int8",), formats: tuple[str, ...] = ("tflite",)) -> Order:
    shape = parse_shape("bert-tiny")
    head = parse_head(None, shape)
    stem = stem_of(shape, head, 64, 1, None)
    return Order(shape, head, 64, 1, plan_artifacts(stem, forms, formats), folder)


def make_lineage(**changes: Any) -> Lineage:
    values: dict[str, Any] = {
        "name": "bert-tiny-l64-fp32",
        "digest": "0" * 64,
        "size_bytes": 17,
        "form": "fp32",
        "format": "tflite",
        "parent": None,
        "shape": asdict(parse_shape("bert-tiny")),
        "head": "classification:2",
        "length": 64,
        "seed": 1,
        "checkpoint": None,
        "head_drawn": True,
        "parameters": 4_386_178,
        "flops": 60_000_000,
        "tools": {"torch": "2.13.0"},
        "distance": DISTANCE,
    }
    return Lineage(**(values | changes))
