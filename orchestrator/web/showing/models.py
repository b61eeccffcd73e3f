"""Models: what is registered, and what is known of one. Pure."""

from collections.abc import Mapping, Sequence

from orchestrator.models import Model
from orchestrator.pages.tables import Cell, Column, Table, make_table
from orchestrator.report.models import model_row
from orchestrator.report.words import bytes_text, count_text
from orchestrator.web import addresses


def models_table(models: Sequence[Model]) -> Table:
    """A line a model."""
    columns = ("model", "format", Column("size", True), Column("operators", True), "reference", "made from", "licence")
    names = {model.digest: model.name for model in models}
    rows = [
        (
            Cell(model.name, href=addresses.model(model.digest), note=model.digest[:12]),
            model.format,
            bytes_text(model.size_bytes),
            f"{sum(model.operators.values()):,}" if model.operators else "–",
            count_text(len(model.references), "output") if model.references else "none",
            parent_cell(model, names),
            model.licence or "not said",
        )
        for model in models
    ]
    return make_table("Registered models", columns, rows)


def parent_cell(model: Model, names: Mapping[str, str]) -> Cell:
    """The model that another was made from; `names` are by digest."""
    if not model.parent:
        return Cell("–")
    return Cell(names.get(model.parent, model.parent[:12]), href=addresses.model(model.parent))


def known_lines(model: Model) -> list[tuple[str, str]]:
    """What is known of one; where its file lies is this machine's own business."""
    row = model_row(model)
    filled = [f"{text}, filled with {fill}" for text, fill in zip(row["inputs"], row["fills"].values(), strict=False)]
    checked = [f"seed {one.seed}, at most {one.tolerance:g} of the spread of the outputs" for one in model.references]
    return [
        ("hash", model.digest),
        ("format", model.format),
        ("size", f"{bytes_text(model.size_bytes)} ({model.size_bytes:,} bytes)"),
        ("inputs", "; ".join(filled or row["inputs"]) or "none"),
        ("outputs", "; ".join(row["outputs"]) or "none"),
        ("weights", ", ".join(f"{bytes_text(held)} {dtype}" for dtype, held in _largest(model.weights)) or "not read"),
        ("how it was made", model.recipe or "not said"),
        ("reference outputs", "; ".join(checked) or "none: only that outputs are finite and not all equal is checked"),
        ("licence", model.licence or "not said"),
        ("source", model.source or "not said"),
    ]


def operators_table(model: Model) -> Table | None:
    """None where the file was not read."""
    if not model.operators:
        return None
    rows = [(name, f"{count:,}") for name, count in _largest(model.operators)]
    return make_table("Operators in its file", ("operator", Column("how many", True)), rows)


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
