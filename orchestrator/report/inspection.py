"""A model file looked into, on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestrator.inspection import Inspection, OperatorKind, Prospect
from orchestrator.model_files.recipes import write_shape
from orchestrator.report.console import cell, new_grid, new_table, report_console, words
from orchestrator.report.models import tensor_text
from orchestrator.report.words import bytes_text, count_text

_KEYS_WIDTH = 14
_NOTHING_KNOWN = "nothing known against it"


def inspection_values(path: Path, found: Inspection) -> dict[str, Any]:
    """Everything as plain values, for --json."""
    return {
        "path": str(path.absolute()),
        "format": found.format,
        "size_bytes": found.size_bytes,
        "weights_bytes": None if found.calls else found.weights_bytes,
        "envelope": asdict(found.envelope),
        "inputs": [asdict(tensor) for tensor in found.inputs],
        "outputs": [asdict(tensor) for tensor in found.outputs],
        "shapes": {name: list(shape) for name, shape in found.shapes.items()},
        "still_open": list(found.still_open),
        "calls": dict(found.calls),
        "parameters": None if found.calls else asdict(found.parameters),
        "flops": None
        if found.calls
        else {
            "products": found.flops.products,
            "other": found.flops.other,
            "total": found.flops.total,
            "not_counted": not_counted(found.operators),
        },
        "quantisation": None if found.calls else asdict(found.quantisation),
        "operators": [_kind_values(kind, found.flops.total) for kind in found.operators],
        "runtimes": [_prospect_values(prospect) for prospect in found.prospects],
    }


def not_counted(kinds: Sequence[OperatorKind]) -> list[dict[str, Any]]:
    """Every kind of operator whose share is unknown, with how many and why."""
    rows = [
        {"operator": kind.name, "count": count, "why": why} for kind in kinds for why, count in kind.uncounted.items()
    ]
    inner = [
        {"operator": kind.name, "count": kind.inner, "why": "in a graph that is not run from beginning to end"}
        for kind in kinds
        if kind.inner
    ]
    return rows + inner


def inspection_page(path: Path, found: Inspection, console: Console | None = None) -> None:
    """Print what was found, for a person."""
    console = console or report_console()
    console.print(new_grid(_identity(path, found), width=_KEYS_WIDTH))
    if found.operators:
        _heading(console, "Operators")
        _print_operators(console, found)
    if found.prospects:
        _heading(console, "Runtimes")
        _print_prospects(console, found.prospects)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(words(text, "bold"))


def _identity(path: Path, found: Inspection) -> list[tuple[str, str]]:
    size = f"{bytes_text(found.size_bytes)} ({found.size_bytes:,} bytes)"
    lines = [
        ("file", str(path)),
        ("format", _format_text(found)),
        ("size", size if found.calls else f"{size}, {_weights_text(found)}"),
        ("inputs", "\n".join(map(tensor_text, found.inputs)) or "none"),
        ("outputs", "\n".join(map(tensor_text, found.outputs))),
    ]
    if found.calls:
        calls = "\n".join(f"{count} {name}" for name, count in found.calls.items())
        return [*lines, ("calls", calls), ("not read", "parameters, FLOPs, quantisation: its runtime alone knows them")]
    lines += [("parameters", _parameters_text(found)), ("FLOPs", _flops_text(found))]
    missing = not_counted(found.operators)
    if missing:
        lines.append(("not counted", "\n".join(f"{row['count']} {row['operator']}: {row['why']}" for row in missing)))
    return [*lines, ("quantisation", _quantisation_text(found))]


def _format_text(found: Inspection) -> str:
    envelope = found.envelope
    parts = [found.format]
    if envelope.ir_version:
        parts.append(f"IR {envelope.ir_version}")
    parts += [f"{name or 'opset'} {version}" for name, version in envelope.opsets.items()]
    if envelope.producer:
        parts.append(f"made by {envelope.producer}")
    if envelope.claimed_runtime:
        parts.append(f"for runtimes from {envelope.claimed_runtime} on, as its converter believed")
    return ", ".join(parts)


def _weights_text(found: Inspection) -> str:
    text = f"{bytes_text(found.weights_bytes)} of it stored values"
    behind = found.envelope.behind_bytes
    return f"{text}, {bytes_text(behind)} of these behind the flatbuffer" if behind else text


def _parameters_text(found: Inspection) -> str:
    parts = [f"{count:,} {dtype}" for dtype, count in found.parameters.by_dtype.items()]
    total = f"{found.parameters.count:,}"
    return f"{total}: {', '.join(parts)}" if len(parts) > 1 else parts[0] if parts else total


def _flops_text(found: Inspection) -> str:
    if not found.operators:
        return "unknown: its operators are"
    total, lines = found.flops, []
    if found.still_open:
        lines = list(found.still_open)
    shapes = ", ".join(f"{name} {write_shape(shape)}" for name, shape in found.shapes.items())
    known = ", as far as counted" if not_counted(found.operators) else ""
    lines.append(
        f"{_amount_text(total.products)} in matrix products and convolutions,"
        f" {_amount_text(total.other)} in the rest{known}"
    )
    if shapes:
        lines.append(f"for {shapes}")
    return "\n".join(lines)


def _quantisation_text(found: Inspection) -> str:
    judged = found.quantisation
    several = len(judged.grains) > 1
    grains = ", ".join(f"{count} {grain}" if several else grain for grain, count in judged.grains.items())
    tables = ", ".join(f"{count_text(count, 'table')} in {dtype}" for dtype, count in judged.tables.items())
    first = f"{judged.scheme}, {grains}" if grains else judged.scheme
    return "\n".join([first, judged.evidence, *([f"looked up, not multiplied: {tables}"] if tables else [])])


def _print_operators(console: Console, found: Inspection) -> None:
    versioned = found.format == "tflite"
    table = new_table(
        ("operator", "count", *(["version"] if versioned else []), "FLOPs", "share"),
        right=("count", "version", "FLOPs", "share"),
    )
    for kind in found.operators:
        table.add_row(
            cell(kind.name),
            str(kind.count),
            *([", ".join(map(str, kind.versions))] if versioned else []),
            _kind_flops(kind),
            _share_text(kind, found.flops.total),
        )
    console.print(table)


def _kind_flops(kind: OperatorKind) -> str:
    missing = sum(kind.uncounted.values()) + kind.inner
    if missing == kind.count:
        return "not counted"
    return _amount_text(kind.flops) + (" +" if missing else "")


def _share_text(kind: OperatorKind, total: int) -> str:
    if not kind.flops or not total:
        return "–"
    share = 100 * kind.flops / total
    return f"{share:.1f} %" if share >= 0.05 else "< 0.1 %"


def _print_prospects(console: Console, prospects: Sequence[Prospect]) -> None:
    sources: list[str] = []
    table = new_table(("runtime", "version", "", "what"))
    for prospect in prospects:
        for first, concern in enumerate(prospect.concerns):
            if concern.source not in sources:
                sources.append(concern.source)
            table.add_row(
                cell("" if first else prospect.runtime),
                cell("" if first else ", ".join(prospect.versions)),
                cell(concern.effect, "bold"),
                cell(f"{concern.what} [{sources.index(concern.source) + 1}]"),
            )
        if not prospect.concerns:
            table.add_row(cell(prospect.runtime), cell(", ".join(prospect.versions)), cell(""), cell(_NOTHING_KNOWN))
    console.print(table)
    if sources:
        console.print()
        console.print(new_grid([(f"[{number}]", source) for number, source in enumerate(sources, start=1)]))


def _amount_text(amount: int) -> str:
    """`22.35 G`; four significant digits."""
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= 0.99995 * factor:
            return f"{amount / factor:.4g} {unit}"
    return str(amount)


def _kind_values(kind: OperatorKind, total: int) -> dict[str, Any]:
    return {
        "operator": kind.name,
        "count": kind.count,
        "inner": kind.inner,
        "versions": list(kind.versions),
        "flops": kind.flops,
        "share": kind.flops / total if total else None,
        "not_counted": sum(kind.uncounted.values()) + kind.inner,
    }


def _prospect_values(prospect: Prospect) -> dict[str, Any]:
    return {
        "runtime": prospect.runtime,
        "versions": list(prospect.versions),
        "concerns": [asdict(concern) for concern in prospect.concerns],
    }
