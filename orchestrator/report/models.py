"""Models on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.model_files.recipes import write_shape
from orchestrator.models import UNTOLD, Model, TensorInfo
from orchestrator.report.console import new_grid, new_table, report_console, words
from orchestrator.report.descent import descent_lines
from orchestrator.report.words import bytes_text, count_text


def model_row(model: Model) -> dict[str, Any]:
    """One model as plain values, for tables and --json."""
    return {
        "model": model.name,
        "digest": model.digest,
        "format": model.format,
        "size_bytes": model.size_bytes,
        "path": str(model.path),
        "inputs": [tensor_text(tensor) for tensor in model.inputs],
        "fills": {recipe.name: _fill_text(recipe.fill, recipe.low, recipe.high) for recipe in model.recipes},
        "outputs": [tensor_text(tensor) for tensor in model.outputs],
        "operators": sum(model.operators.values()),
        "references": len(model.references),
        "parent": model.parent,
        "licence": model.licence,
        "source": model.source,
    }


def models_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print models, a line each."""
    table = new_table(
        ("model", "hash", "format", "size", "inputs", "outputs", "operators", "reference"), right=("size", "operators")
    )
    for row in rows:
        cells = [
            row["model"],
            row["digest"][:8],
            row["format"],
            bytes_text(row["size_bytes"]),
            "\n".join(row["inputs"]),
            "\n".join(row["outputs"]),
            str(row["operators"] or "–"),
            count_text(row["references"], "output") if row["references"] else "none",
        ]
        table.add_row(*map(words, cells))
    report_console().print(table)


def model_page(model: Model, ancestors: Sequence[Model] = ()) -> None:
    """Print everything known of one model; `ancestors` are what it was made from, the parent first."""
    row = model_row(model)
    lines = [
        ("model", model.name),
        ("hash", model.digest),
        ("format", model.format),
        ("file", str(model.path)),
        ("size", f"{bytes_text(model.size_bytes)} ({model.size_bytes} bytes)"),
        ("inputs", "\n".join(_filled(row))),
        ("outputs", "\n".join(row["outputs"])),
        ("weights", ", ".join(f"{bytes_text(held)} {dtype}" for dtype, held in _largest(model.weights)) or "not read"),
        ("operators", ", ".join(f"{count} {name}" for name, count in _largest(model.operators)) or "not read"),
        *descent_lines(model, ancestors),
        ("licence", model.licence or "not said"),
        ("source", model.source or "not said"),
    ]
    lines += [
        ("reference", f"inputs of seed {one.seed}, tolerance {one.tolerance:g} of the spread of the outputs")
        for one in model.references
    ] or [("reference", "none: only that the outputs are finite and not all equal is checked")]
    report_console().print(new_grid(lines))


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _filled(row: Mapping[str, Any]) -> list[str]:
    """Each input with how it is filled."""
    pairs = zip(row["inputs"], row["fills"].values(), strict=True)
    return [f"{text}, filled with {fill}" for text, fill in pairs]


def tensor_text(tensor: TensorInfo) -> str:
    """`ids int32 1x128`; the name alone where the file tells no more."""
    return tensor.name if tensor.dtype == UNTOLD else f"{tensor.name} {tensor.dtype} {write_shape(tensor.shape)}"


def _fill_text(fill: str, low: float, high: float) -> str:
    return f"{fill} {low:g} to {high:g}" if fill in ("uniform", "integers") else fill
