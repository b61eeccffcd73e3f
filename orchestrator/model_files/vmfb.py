"""IREE's modules (`.vmfb`): inputs and outputs of their one function, and the processors they were compiled for.

A module is a zip whose first entry is a flatbuffer behind its size, or that flatbuffer alone. Numbers of fields are
those of IREE's `bytecode_module_def.fbs`, as IREE 3.13 writes them. What the function takes stands in
`iree.abi.declaration`, a line of text; a module without it can be run by nobody who did not compile it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.model_files.contents import Contents, Damaged, Unreadable
from orchestrator.model_files.flatbuffer import Broken, Table
from orchestrator.models import TensorInfo
from orchestrator.runtimes.decided import CODE

IDENTIFIER = b"IREE"
IDENTIFIER_WITHIN_BYTES = 256
"""The identifier lies in the first entry of the zip, behind a header and padding."""

_ZIP, _END_OF_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_END_OF_ZIP_BYTES = 22
_DECLARATION = "iree.abi.declaration"
_EXPORTS, _SIGNATURES = 7, 8
_NAME, _ORDINAL = 0, 1
_ATTRIBUTES = 1
_CODE = re.compile(rb"(?:embedded|system)-elf-(x86_64|arm_64|arm_32|x86_32|riscv_64|riscv_32)\b")
_ARCHITECTURES = {
    b"arm_64": "aarch64",
    b"arm_32": "armv7l",
    b"x86_32": "i686",
    b"riscv_64": "riscv64",
    b"riscv_32": "riscv32",
}
_TENSOR = re.compile(r'%(\w+): tensor<((?:(?:\d{1,18}|\?)x)*)(\w+)>(?: \{iree\.identifier = "([^"]*)"\})?')
_DTYPES = {
    "i1": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64", "ui8": "uint8", "ui16": "uint16",
    "ui32": "uint32", "ui64": "uint64", "f16": "float16", "f32": "float32", "f64": "float64", "bf16": "bfloat16",
}  # fmt: skip


def read_vmfb(data: Any) -> Contents:
    """Read the module; `Damaged` where its structure does not hold, `Unreadable` where it does not tell its inputs."""
    if bytes(data[:4]) == _ZIP and not 0 <= data.rfind(_END_OF_ZIP) <= len(data) - _END_OF_ZIP_BYTES:
        raise Damaged("it begins as a module does, and its end is missing")
    start = bytes(data[:IDENTIFIER_WITHIN_BYTES]).find(IDENTIFIER) - 4
    try:
        declared = dict(_declarations(Table.root(data, max(0, start))))
    except Broken as error:
        raise Damaged(str(error)) from None
    ours = {name: text for name, text in declared.items() if "$" not in name and not name.startswith("__")}
    if len(ours) != 1:
        raise Unreadable(
            f"a module with one function can be run, and this one has {', '.join(sorted(ours)) or 'none'}",
            "compile the functions one by one",
        )
    (text,) = ours.values()
    inputs, arrow, outputs = text.partition(") -> (")
    if not arrow:
        raise Unreadable(
            f"the module does not tell what its inputs are (it has no {_DECLARATION})",
            "compile it with: dynofarm model compile MODEL --for BOARD",
        )
    return Contents(_tensors(inputs), _tensors(outputs), {CODE + one: 1 for one in _architectures(data)})


def _declarations(module: Table) -> Iterator[tuple[str, str]]:
    signatures = list(module.tables(_SIGNATURES))
    for function in module.tables(_EXPORTS):
        ordinal = function.integer(_ORDINAL)
        if not 0 <= ordinal < len(signatures):
            raise Broken(f"function {ordinal} of {len(signatures)}")
        attributes = {one.text(0): one.text(1) for one in signatures[ordinal].tables(_ATTRIBUTES)}
        yield function.text(_NAME), attributes.get(_DECLARATION, "")


def _tensors(text: str) -> tuple[TensorInfo, ...]:
    found: Sequence[tuple[str, str, str, str]] = _TENSOR.findall(text)
    return tuple(
        TensorInfo(
            name or place,
            _DTYPES.get(kind, kind),
            tuple(-1 if size == "?" else int(size) for size in sizes.split("x")[:-1]),
        )
        for place, sizes, kind, name in found
    )


def _architectures(data: Any) -> list[str]:
    return sorted({_ARCHITECTURES.get(name, name.decode()) for name in _CODE.findall(data)})
