"""ExecuTorch's programs (`.pte`): inputs, outputs and operators of the method `forward`, and the parts of delegates.

Numbers of fields are those of `program.fbs` in ExecuTorch's wheel. Only the structure is read: what a delegate holds is
in a form of its own.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from orchestrator.model_files.contents import Contents, Damaged, Unreadable
from orchestrator.model_files.flatbuffer import Broken, Table
from orchestrator.model_files.formats import Buffer
from orchestrator.models import TensorInfo
from orchestrator.runtimes.decided import DELEGATE

Item = TypeVar("Item")
_EXTENDED_HEADER = b"eh00"
_PLANS = 1
_NAME, _VALUES, _INPUTS, _OUTPUTS, _CHAINS, _OPERATORS, _DELEGATES = 0, 2, 3, 4, 5, 6, 7
_INSTRUCTIONS = 2
_KERNEL_CALL, _DELEGATE_CALL = 1, 2
_TENSOR = 5
_DTYPE, _SIZES = 0, 2
_DTYPES = {
    0: "uint8", 1: "int8", 2: "int16", 3: "int32", 4: "int64", 5: "float16", 6: "float32", 7: "float64", 11: "bool",
    15: "bfloat16", 27: "uint16", 28: "uint32", 29: "uint64",
}  # fmt: skip


def read_pte(data: Buffer) -> Contents:
    """Read the program; `Damaged` where its structure does not hold, `Unreadable` where it has no method `forward`."""
    try:
        _check_length(data)
        plans = {plan.text(_NAME): plan for plan in Table.root(data).tables(_PLANS)}
        if not plans:
            raise Damaged("it has no method")
        if "forward" not in plans:
            raise Unreadable(f"it has no method forward, only {', '.join(sorted(plans))}", "export it as forward")
        return _read_plan(plans["forward"])
    except Broken as error:
        raise Damaged(str(error)) from None


def _check_length(data: Buffer) -> None:
    """The header behind the identifier says where the flatbuffer ends, and where the weights behind it begin and, in
    newer files, how many bytes they take (`extended_header.cpp`)."""
    if bytes(data[8:12]) != _EXTENDED_HEADER:
        return
    length = int.from_bytes(bytes(data[12:16]), "little")
    told = [int.from_bytes(bytes(data[at : at + 8]), "little") for at in (16, 24, 32)]
    program, base, weights = told[0], told[1], told[2] if length >= 32 else 0
    if max(program, base + weights) > len(data):
        raise Damaged(f"its header says {max(program, base + weights):,} bytes, and it has {len(data):,}")


def _read_plan(plan: Table) -> Contents:
    values = list(plan.tables(_VALUES))
    operators = [f"{one.text(0)}.{one.text(1)}".rstrip(".") for one in plan.tables(_OPERATORS)]
    delegates = [one.text(0) for one in plan.tables(_DELEGATES)]
    called: Counter[str] = Counter()
    for chain in plan.tables(_CHAINS):
        for instruction in chain.tables(_INSTRUCTIONS):
            kind, call = instruction.integer(0, "<B"), instruction.table(1)
            names, mark = (operators, "") if kind == _KERNEL_CALL else (delegates, DELEGATE)
            if call is not None and kind in (_KERNEL_CALL, _DELEGATE_CALL):
                called[mark + _pick(names, call.integer(0))] += 1
    return Contents(
        inputs=_tensors(values, plan.integers(_INPUTS), "input"),
        outputs=_tensors(values, plan.integers(_OUTPUTS), "output"),
        operators=dict(sorted(called.items())),
    )


def _tensors(values: list[Table], indices: tuple[int, ...], kind: str) -> tuple[TensorInfo, ...]:
    """They have no names in the file; a dimension that may be smaller stands at its largest."""
    found = []
    for number, index in enumerate(indices):
        value = _pick(values, index)
        tensor = value.table(1) if value.integer(0, "<B") == _TENSOR else None
        if tensor is None:
            raise Unreadable(f"{kind} {number} is not a tensor", "export it with tensors alone")
        dtype = tensor.integer(_DTYPE, "<b")
        shape = tensor.integers(_SIZES)
        if any(size < 0 for size in shape):
            raise Damaged(f"{kind} {number} claims the shape {list(shape)}")
        found.append(TensorInfo(f"{kind}_{number}", _DTYPES.get(dtype, f"type {dtype}"), shape))
    return tuple(found)


def _pick(items: Sequence[Item], index: int) -> Item:
    if not 0 <= index < len(items):
        raise Damaged(f"it names entry {index} of {len(items)}")
    return items[index]
