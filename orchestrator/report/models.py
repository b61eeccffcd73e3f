"""Models on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from orchestrator.models import Model, TensorInfo
from orchestrator.report.console import report_console
from orchestrator.report.words import bytes_text


def model_row(model: Model) -> dict[str, Any]:
    """One model as plain values, for tables and --json."""
    return {
        "model": model.name,
        "digest": model.digest,
        "format": model.format,
        "size_bytes": model.size_bytes,
        "path": str(model.path),
        "inputs": [_tensor_text(tensor) for tensor in model.inputs],
        "fills": {recipe.name: _fill_text(recipe.fill, recipe.low, recipe.high) for recipe in model.recipes},
        "outputs": [_tensor_text(tensor) for tensor in model.outputs],
        "operators": sum(model.operators.values()),
        "references": len(model.references),
        "parent": model.parent,
        "licence": model.licence,
        "source": model.source,
    }


def models_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print models, a line each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "hash", "format", "size", "inputs", "outputs", "operators", "reference"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("size", "operators") else "left")
    for row in rows:
        table.add_row(
            row["model"],
            row["digest"][:8],
            row["format"],
            bytes_text(row["size_bytes"]),
            "\n".join(row["inputs"]),
            "\n".join(row["outputs"]),
            str(row["operators"] or ""),
            f"{row['references']} checked" if row["references"] else "none",
        )
    report_console().print(table)


def model_page(model: Model) -> None:
    """Print everything known of one model."""
    row = model_row(model)
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for key in ("model", "digest", "format", "path", "parent", "licence", "source"):
        grid.add_row(key, str(row[key]) if row[key] is not None else "not said")
    grid.add_row("size", f"{model.size_bytes} bytes")
    grid.add_row("inputs", "\n".join(f"{text}  filled with {fill}" for text, fill in _filled(row)))
    grid.add_row("outputs", "\n".join(row["outputs"]))
    weights = sorted(model.weights.items(), key=lambda item: -item[1])
    grid.add_row("weights", ", ".join(f"{bytes_text(held)} {dtype}" for dtype, held in weights) or "not read")
    busiest = sorted(model.operators.items(), key=lambda item: -item[1])
    grid.add_row("operators", ", ".join(f"{count} {name}" for name, count in busiest) or "not read")
    for reference in model.references:
        grid.add_row("reference", f"seed {reference.seed}, tolerance {reference.tolerance:g} of the spread")
    report_console().print(grid)


def _filled(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list(zip(row["inputs"], row["fills"].values(), strict=True))


def _tensor_text(tensor: TensorInfo) -> str:
    shape = "x".join("?" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.dtype} {shape or 'scalar'}"


def _fill_text(fill: str, low: float, high: float) -> str:
    return f"{fill} {low:g} to {high:g}" if fill in ("uniform", "integers") else fill
