"""The line in which a module tells of its inputs and outputs. Pure.

IREE's compiler writes it (`iree.abi.declaration`) for inputs of its own dialects and leaves it out for ONNX; the form
is the one in which it writes it, and the one that boards read.
"""

from collections.abc import Sequence

from orchestrator.errors import ModelError
from orchestrator.models import TensorInfo

KEY = "iree.abi.declaration"
_TYPES = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "ui8", "uint16": "ui16",
    "uint32": "ui32", "uint64": "ui64", "float16": "f16", "float32": "f32", "float64": "f64",
}  # fmt: skip


def write_declaration(name: str, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> str:
    """`sync func @name(%input0: tensor<1x4xf32> {iree.identifier = "a"}) -> (…)`; `ModelError` for other types."""
    return f"sync func @{name}({_listed('input', inputs)}) -> ({_listed('output', outputs)})"


def _listed(kind: str, tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(_one(f"%{kind}{number}", tensor) for number, tensor in enumerate(tensors))


def _one(place: str, tensor: TensorInfo) -> str:
    if tensor.dtype not in _TYPES or '"' in tensor.name:
        raise ModelError(
            f"{tensor.name} is {tensor.dtype}, which no module of IREE takes here",
            f"these types can be compiled: {', '.join(_TYPES)}",
        )
    sizes = "".join(f"{'?' if size < 0 else size}x" for size in tensor.shape)
    return f'{place}: tensor<{sizes}{_TYPES[tensor.dtype]}> {{iree.identifier = "{tensor.name}"}}'
