"""The two files of an ncnn model made one: it can then be sent, hashed and compared as every other model."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.runtimes.ncnn_file import GRAPH, MAGIC, WEIGHTS, Broken, read_graph
from orchestrator.errors import ModelError
from orchestrator.model_files.contents import Damaged
from orchestrator.model_files.opening import check_file, telling_which
from orchestrator.zip_entries import plain_entry

SUFFIX = ".ncnn"
_GRAPH_SUFFIX, _WEIGHTS_SUFFIX = ".param", ".bin"
_BINARY_MAGIC = int(MAGIC).to_bytes(4, "little")
_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Pair:
    """A graph in text, and the weights beside it."""

    graph: Path
    weights: Path

    @property
    def stem(self) -> str:
        """`image` of `image.ncnn.param` and of `image.param`."""
        return self.graph.name.removesuffix(_GRAPH_SUFFIX).removesuffix(SUFFIX)


def pair_of(file: Path) -> Pair | None:
    """Both files of the model whose graph this is; None for whatever is none of ncnn's files.

    `ModelError` where only half of a model is there or was named, and for the graph's binary form.
    """
    head = _head(file)
    weights = file.with_suffix(_WEIGHTS_SUFFIX)
    if _is_graph(head):
        if weights == file or not weights.is_file():
            raise ModelError(
                f"{file}: this is the graph of an ncnn model, and its weights are not beside it",
                f"put them there as {weights.name}",
            )
        return Pair(file, weights)
    graph = file.with_name(file.name.removesuffix(_WEIGHTS_SUFFIX).removesuffix(_GRAPH_SUFFIX) + _GRAPH_SUFFIX)
    if head.startswith(_BINARY_MAGIC):
        raise ModelError(
            f"{file}: this is the binary form of an ncnn graph, which has no names",
            f"give the text form, which converters write beside it as {graph.name}",
        )
    if file.suffix == _WEIGHTS_SUFFIX and _is_graph(_head(graph)):
        raise ModelError(f"{file}: these are the weights of an ncnn model", f"give its graph: {graph}")
    return None


def pack(pair: Pair) -> Iterator[bytes]:
    """The packed file, piece by piece; equal files give equal bytes. `ModelError` for a graph that cannot be run."""
    with telling_which(pair.graph):
        check_file(pair.graph)
        graph = pair.graph.read_bytes()
        try:
            read_graph(graph)
        except Broken as error:
            raise Damaged(str(error)) from None
    sink = _Sink()
    with telling_which(pair.weights), pair.weights.open("rb") as weights, zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(_entry(GRAPH, len(graph)), graph)
        with archive.open(_entry(WEIGHTS, pair.weights.stat().st_size), "w") as entry:
            while chunk := weights.read(_CHUNK_BYTES):
                entry.write(chunk)
                yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that is only written forward: what was written is taken and handed on."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._written += data
        return len(data)

    def take(self) -> bytes:
        found, self._written = bytes(self._written), bytearray()
        return found


def _entry(name: str, size_bytes: int) -> zipfile.ZipInfo:
    """The size tells which form of header it needs."""
    entry = plain_entry(name)
    entry.file_size = size_bytes
    return entry


def _head(file: Path) -> bytes:
    """The first bytes of a regular file; nothing of whatever cannot be read, which the reader explains."""
    if not file.is_file():
        return b""
    try:
        with file.open("rb") as opened:
            return opened.read(16)
    except OSError:
        return b""


def _is_graph(head: bytes) -> bool:
    return head.split(maxsplit=1)[:1] == [MAGIC]
