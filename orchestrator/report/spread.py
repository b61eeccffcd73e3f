"""Copies of boards on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.health.control_chart import percent
from orchestrator.health.copies import BoardSpread, PairSpread, Than
from orchestrator.report.console import cell, new_table, report_console, words
from orchestrator.report.words import latency_text

_ANSWERS = {
    Than.LARGER: "yes",
    Than.SMALLER: "no",
    Than.UNCLEAR: "cannot tell",
}


def spread_values(found: BoardSpread) -> dict[str, Any]:
    """The copies of one board as plain values; standard deviations and differences are of logarithms."""
    return asdict(found)


def spread_tables(found: Sequence[BoardSpread]) -> None:
    """Print the cases of each board, and below them the pairs of artifacts."""
    console = report_console()
    for board in found:
        console.print(words(f"{board.board}: {', '.join(board.units)}", "bold"))
        numbers = ("copies", "runs", "slowest / fastest copy", "between copies", "between runs")
        table = new_table(("model", *numbers, "setting"), right=numbers)
        for case in board.cases:
            levels = sorted(case.levels_ns.values())
            ratio = f"{latency_text(levels[-1])} / {latency_text(levels[0])} ms"
            figures = (str(len(levels)), str(case.runs), ratio, _share(case.between), _share(case.within))
            table.add_row(*map(cell, (case.model, *figures, case.setting)))
        console.print(table)
        if board.pairs:
            console.print(_pairs(board.pairs))


def _pairs(pairs: Sequence[PairSpread]) -> Any:
    numbers = ("difference", "two copies", "at most")
    table = new_table(("models", *numbers, "larger than between copies?", "setting"), right=numbers)
    for pair in pairs:
        figures = (f"{percent(pair.difference):+.1f} %", _share(pair.copies), _share(pair.bound))
        answer = _ANSWERS[pair.answer]
        table.add_row(*map(cell, (f"{pair.first} → {pair.second}", *figures, answer, pair.setting)))
    return table


def _share(deviation: float | None) -> str:
    return f"{percent(deviation):.1f} %" if deviation is not None else "–"
