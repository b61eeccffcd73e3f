"""Artifacts that were built, on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.report.console import new_table, report_console, words
from orchestrator.report.words import bytes_text
from orchestrator.zoo.lineage import Lineage


def artifact_row(lineage: Lineage, path: str) -> dict[str, Any]:
    """One artifact as plain values, for --json."""
    return {**asdict(lineage), "path": path}


def artifacts_table(lineages: Sequence[Lineage]) -> None:
    """Print artifacts of one network, a line each, with how far their outputs lie from their parent's."""
    table = new_table(
        ("model", "hash", "size", "of fp32", "worst", "median", "cosine"),
        right=("hash", "size", "of fp32", "worst", "median", "cosine"),
    )
    sizes = {one.digest: one.size_bytes for one in lineages}
    for one in lineages:
        whole = sizes.get(one.parent or "")
        cells = [
            one.name,
            one.digest[:8],
            bytes_text(one.size_bytes),
            f"1/{whole / one.size_bytes:.2f}" if whole else "–",
            share_text(one.distance.worst),
            share_text(one.distance.median),
            f"{one.distance.cosine:.5f}",
        ]
        table.add_row(*map(words, cells))
    console = report_console()
    console.print(table)
    network = lineages[0]
    console.print(
        words(
            f"{count_of(network.parameters)} parameters, {count_of(network.flops)} FLOPs at length {network.length};"
            f" worst, median: errors of outputs over the spread of the parent's, {network.distance.inputs} inputs"
        )
    )


def count_of(count: int) -> str:
    """`109.5 M`, `22.35 G`: four digits."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return str(count)


def share_text(share: float) -> str:
    """A share of a spread: `3.1 %`, `6.2e-07` where a percentage would be all zeros."""
    return f"{share:.1%}".replace("%", " %") if share >= 1e-3 else f"{share:.1e}"
