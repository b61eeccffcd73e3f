"""The `fake` format of tests: a JSON object that declares what a model would, and is run by the `fake` runtime.

    {"format": "dynofarm-fake",
     "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
     "outputs": [{"name": "y", "dtype": "float32", "shape": [1, 2]}]}

Other keys are the fake runtime's (how long it takes, how it fails) and are not looked at here.
"""

import json
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Unreadable
from orchestrator.model_files.formats import KNOWN
from orchestrator.models import TensorInfo

_LARGEST_BYTES = 2**20


def read_fake(data: bytes) -> Contents:
    try:
        declared = json.loads(data[: _LARGEST_BYTES + 1])
    except (ValueError, RecursionError):
        declared = None
    if not isinstance(declared, dict) or declared.get("format") != "dynofarm-fake":
        raise Unreadable(
            f"this is text that starts like JSON, and no model; known: {KNOWN}",
            "give the model file itself, not its configuration",
        )
    return Contents(_tensors(declared, "inputs"), _tensors(declared, "outputs"), {"FAKE": 1})


def _tensors(declared: dict[str, Any], key: str) -> tuple[TensorInfo, ...]:
    listed = declared.get(key)
    if not isinstance(listed, list) or not all(_is_tensor(one) for one in listed):
        raise Damaged(f"{key}: expected a list of objects with name, dtype and shape (whole numbers)")
    return tuple(TensorInfo(one["name"], one["dtype"], tuple(one["shape"])) for one in listed)


def _is_tensor(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and isinstance(one.get("dtype"), str)
        and isinstance(one.get("shape"), list)
        and all(type(dimension) is int and dimension >= -1 for dimension in one["shape"])
    )
