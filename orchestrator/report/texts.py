"""Data sets of texts on the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.datasets.questions import Question
from orchestrator.report.console import new_grid, new_table, report_console, words
from orchestrator.tweets.card import Card
from orchestrator.tweets.rows import Row


def card_values(card: Card, examples: Mapping[str, Sequence[Row | Question]], folder: str) -> dict[str, Any]:
    """A data set as plain values, for --json."""
    return {
        "data": card.name,
        "holds": card.holds,
        "digest": card.digest,
        "folder": folder,
        "licence": card.licence,
        "labels": list(card.labels),
        "splits": {name: {"rows": one.rows, "classes": one.classes} for name, one in card.splits.items()},
        "sources": [{"name": one.name, "digest": one.digest, "licence": one.licence} for one in card.sources],
        "steps": [{"step": step, "rows": rows} for step, rows in card.steps],
        "examples": {name: [_example_values(row) for row in rows] for name, rows in examples.items()},
    }


def _example_values(one: Row | Question) -> dict[str, Any]:
    if isinstance(one, Row):
        return {"label": one.label, "text": one.text}
    return {"id": one.name, "question": one.text, "answers": list(one.answers), "passage": one.passage}


def _example_lines(split: str, one: Row | Question) -> tuple[str, str]:
    if isinstance(one, Row):
        return f"{split}: {one.label}", one.text
    return f"{split}: {one.kind}", f"{one.text} {' | '.join(one.answers)}".rstrip()


def card_page(card: Card, examples: Mapping[str, Sequence[Row | Question]], folder: str) -> None:
    """Print everything known of one data set."""
    sources = [f"{one.name}, {one.licence or 'licence not said'}, {one.digest[:12]}…" for one in card.sources]
    lines = [
        ("data", card.name),
        ("hash", card.digest),
        ("folder", folder),
        ("licence", card.licence),
        ("from", "\n".join(sources)),
        ("steps", "\n".join(f"{rows:>7,}  {step}" for step, rows in card.steps)),
    ]
    console = report_console()
    console.print(new_grid(lines))
    table = new_table(("split", "rows", *card.labels), right=("rows", *card.labels))
    for name, one in card.splits.items():
        shares = (f"{count:,} ({count / max(1, one.rows):.1%})" for count in one.classes.values())
        table.add_row(*map(words, (name, f"{one.rows:,}", *shares)))
    console.print()
    console.print(table)
    for name, rows in examples.items():
        if rows:
            console.print()
            console.print(new_grid([_example_lines(name, row) for row in rows]))


def cards_table(cards: Sequence[Card]) -> None:
    """Print data sets, a line each."""
    table = new_table(("data", "hash", "rows", "holds", "labels", "licence"), right=("rows",))
    for card in cards:
        rows = sum(one.rows for one in card.splits.values())
        told = (card.name, card.digest[:8], f"{rows:,}", card.holds, ", ".join(card.labels), card.licence)
        table.add_row(*map(words, told))
    report_console().print(table)


def figure_values(name: str, table: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Accuracy and macro-F1 of a confusion table (rows wanted, columns predicted), with 95 % intervals."""
    from orchestrator.metrics import macro_f1_of, wilson

    n, right = sum(map(sum, table)), sum(row[place] for place, row in enumerate(table))
    low, high = wilson(right, n)
    f1 = macro_f1_of(table)
    return {
        "model": name,
        "n": n,
        "right": right,
        "accuracy": right / n,
        "low": low,
        "high": high,
        "macro_f1": f1.value,
        "macro_f1_low": f1.low,
        "macro_f1_high": f1.high,
    }


def figures_table(figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print accuracies by split, a line a model."""
    numbers = ("n", "accuracy", "macro-F1")
    table = new_table(("split", "model", "n", "accuracy", "95 % interval", "macro-F1", "95 % interval "), right=numbers)
    for split, rows in figures.items():
        for row in rows:
            cells = (
                split,
                row["model"],
                f"{row['n']:,}",
                f"{row['accuracy']:.1%}",
                f"{row['low']:.1%} to {row['high']:.1%}",
                f"{row['macro_f1']:.3f}",
                f"{row['macro_f1_low']:.3f} to {row['macro_f1_high']:.3f}",
            )
            table.add_row(*map(words, cells))
    report_console().print(table)


def trained_figures(card: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The figures in the card of trained weights, by split: the commonest label, the zeroth model, the trained."""
    from orchestrator.metrics.mcnemar import paired

    figures = {}
    for split, one in card["figures"].items():
        against = paired(one["both"], one["gained"], one["lost"], one["neither"])
        trained = figure_values(card["name"], one["confusion"])
        trained["against_zeroth"] = {
            "difference": against.difference,
            "low": against.low,
            "high": against.high,
            "p_value": against.p_value,
        }
        figures[split] = [
            figure_values("always the commonest label", one["commonest"]),
            figure_values("words and logistic regression", one["zeroth"]),
            trained,
        ]
    return figures
