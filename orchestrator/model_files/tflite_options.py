"""The options of TFLite's operators that matter for inputs and for counting: few of many, each under a name of ours."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from orchestrator.model_files.contents import Attribute

_POOL = ("Pool2DOptions", {"window_height": "FilterHeight", "window_width": "FilterWidth"})
_OPTIONS: dict[str, tuple[str, Mapping[str, str]]] = {
    "GATHER": ("GatherOptions", {"axis": "Axis"}),
    "BATCH_MATMUL": ("BatchMatMulOptions", {"adjoint_x": "AdjX"}),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
}
"""Operator to its table in schema.fbs, and to the methods that read it."""


def read_options(name: str, operator: Any) -> dict[str, Attribute]:
    """The options of one operator; empty where it has none that are read, or a table of another kind.

    Like every reader of flatbuffers it may raise anything on a damaged file: `read_tflite` turns that into `Damaged`.
    """
    if name not in _OPTIONS:
        return {}
    kind, methods = _OPTIONS[name]
    table = operator.BuiltinOptions()
    numbers = import_module("tflite.BuiltinOptions").BuiltinOptions
    if table is None or operator.BuiltinOptionsType() != getattr(numbers, kind):
        return {}
    options = getattr(import_module(f"tflite.{kind}"), kind)()
    options.Init(table.Bytes, table.Pos)
    return {key: int(getattr(options, method)()) for key, method in methods.items()}
