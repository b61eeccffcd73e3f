"""Packed models of ncnn for tests: the networks of `tests/agent/networks`, and graphs that a test writes itself."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.model_files.ncnn_pack import Pair, pack, pair_of
from orchestrator.report.files import write_parts

NETWORKS = Path(__file__).parent / "agent" / "networks"
OF: dict[str, list[dict[str, Any]]] = {
    "image": [{"name": "in0", "dtype": "float32", "shape": [3, 8, 8], "fill": "uniform", "low": -1.0, "high": 1.0}],
    "tokens": [
        {"name": "ids", "dtype": "int32", "shape": [8], "fill": "integers", "low": 0.0, "high": 49.0},
        {"name": "mask", "dtype": "float32", "shape": [8], "fill": "ones"},
    ],
}
"""What is fed to the networks."""


def pair_named(network: str) -> Pair:
    pair = pair_of(NETWORKS / f"{network}.ncnn.param")
    assert pair is not None
    return pair


def pack_network(network: str, place: Path) -> Path:
    write_parts(pack(pair_named(network)), place)
    return place


def graph_of(lines: Sequence[str]) -> str:
    """The graph of these layers, with its counts."""
    blobs = set()
    for line in lines:
        reads, makes = (int(word) for word in line.split()[2:4])
        blobs.update(line.split()[4 : 4 + reads + makes])
    return "\n".join(["7767517", f"{len(lines)} {len(blobs)}", *lines, ""])


def pack_lines(folder: Path, lines: Sequence[str], weights: Sequence[float] = ()) -> Path:
    """These layers, with these weights, packed."""
    graph = folder / "made.param"
    graph.write_text(graph_of(lines))
    graph.with_suffix(".bin").write_bytes(struct.pack(f"<{len(weights)}f", *weights))
    pair = pair_of(graph)
    assert pair is not None
    place = folder / "made.ncnn"
    write_parts(pack(pair), place)
    return place
