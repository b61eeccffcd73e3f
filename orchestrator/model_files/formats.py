"""Which format a file is in, judged by its content; the suffix is never asked."""

from collections.abc import Sequence

from orchestrator.model_files.contents import Damaged, Unreadable
from orchestrator.model_files.mnn import is_mnn
from orchestrator.model_files.ncnn import is_ncnn

KNOWN = "TFLite flatbuffers (TFL3), ONNX, programs of ExecuTorch (ET12), modules of IREE, models of MNN and of ncnn"

Buffer = Sequence[int]
"""Bytes, or a mapped file: indexing gives numbers, slicing gives bytes."""

_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number and protobuf wire type of ModelProto's fields (onnx.proto); ONNX has no magic number."""
_ONNX_IR_VERSION, _ONNX_GRAPH = 1, 7
_HIGHEST_IR_VERSION = 100
_MOST_FIELDS = 100_000
_LONGEST_VARINT_BYTES = 10

_RELATIVES = (
    (b"version https://git-lfs", "a Git LFS pointer, not the model itself", "run `git lfs pull` where it came from"),
    (b"GGUF", "a GGUF model", "convert it to .tflite or .onnx first"),
    (
        b"PK\x03\x04",
        "a zip archive (as PyTorch, Keras and task bundles are)",
        "unpack it, or convert it to .tflite or .onnx",
    ),
    (
        b"7767517",
        "the graph of an ncnn model, without its weights",
        "dynofarm model add FILE.param packs it and the .bin beside it into one file, which can be inspected",
    ),
    (b"\x89HDF", "an HDF5 file (as Keras writes)", "convert it to .tflite or .onnx first"),
    (b"\x80", "a pickle (as PyTorch writes)", "convert it to .tflite or .onnx first"),
    (b"\x1f\x8b", "gzip", "unpack it first"),
    (b"<", "text that looks like HTML or XML, perhaps an error page saved in place of the model", "fetch it again"),
)


def recognise(data: Buffer) -> str:
    """`tflite`, `onnx`, `pte`, `vmfb`, `mnn`, `ncnn` or `fake`. `Unreadable` for anything else, with the likeliest
    explanation."""
    for kind, is_one in _KINDS.items():
        if is_one(data):
            return kind
    head = bytes(data[:64])
    for magic, what, hint in _RELATIVES:
        if head.startswith(magic):
            raise Unreadable(f"this is {what}", hint)
    raise Unreadable(
        f"its content is of no known format; known: {KNOWN}",
        "the suffix is not asked; convert the model to .tflite or .onnx, or fetch it again",
    )


def _is_tflite(data: Buffer) -> bool:
    return bytes(data[4:8]) == b"TFL3"


def _is_program(data: Buffer) -> bool:
    """A program of ExecuTorch."""
    return bytes(data[4:6]) == b"ET" and bytes(data[6:8]).isdigit()


def _is_fake(data: Buffer) -> bool:
    return bytes(data[:64]).lstrip()[:1] == b"{"


def _is_module(data: Buffer) -> bool:
    """A module of IREE: its flatbuffer, with its size before it or without, alone or first in a zip."""
    head = bytes(data[:256])
    if head[4:8] == b"IREE" or head[8:12] == b"IREE":
        return True
    return head.startswith(b"PK\x03\x04") and head[30:].startswith(b"module.fb") and b"IREE" in head


def _is_onnx(data: Buffer) -> bool:
    """Walk the outermost fields of a protobuf message: those of an ONNX model, and a graph among them?"""
    seen: set[int] = set()
    position, began_well = 0, False
    for _ in range(_MOST_FIELDS):
        if position >= len(data):
            break
        try:
            tag, position = read_varint(data, position)
            number, wire_type = tag >> 3, tag & 7
            if _ONNX_FIELDS.get(number) != wire_type:
                return _broke_off(began_well, position)
            value, position = read_varint(data, position)
        except IndexError:
            return _broke_off(began_well, position)
        if wire_type == 2:
            position += value
        elif number == _ONNX_IR_VERSION:
            began_well = not seen and 0 < value < _HIGHEST_IR_VERSION
        seen.add(number)
        if position > len(data):
            return _broke_off(began_well, len(data))
    return _ONNX_GRAPH in seen or _broke_off(began_well and len(seen) > 1, position)


def _broke_off(began_well: bool, position: int) -> bool:
    if began_well:
        raise Damaged(f"it begins as an ONNX model does and ends in the middle, at byte {position:,}")
    return False


def read_varint(data: Buffer, position: int) -> tuple[int, int]:
    """A number of protobuf and the position behind it; `IndexError` where it is cut off or longer than any can be."""
    value = 0
    for index in range(_LONGEST_VARINT_BYTES):
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise IndexError


_KINDS = {
    "tflite": _is_tflite,
    "pte": _is_program,
    "vmfb": _is_module,
    "ncnn": is_ncnn,
    "fake": _is_fake,
    "mnn": is_mnn,
    "onnx": _is_onnx,
}
"""Those with a mark of their own come before those that are known by their structure alone."""
