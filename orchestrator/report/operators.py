"""What the operators of a model took, as a table on the page of a run."""

from collections.abc import Sequence

from rich.console import Console

from orchestrator.profile_tables import Operator, ProfileTable
from orchestrator.report.console import cell, new_grid, new_table, words
from orchestrator.report.words import count_text

_KEYS_WIDTH = 20
_MOST_KINDS = 25
_MOST_NODES = 8
"""More of the largest nodes hide the table above them; `--json` has all."""


def print_operators(table: ProfileTable, console: Console) -> None:
    """A row a kind of operator and place, the largest nodes, and how well the sum agrees with the loop."""
    console.print()
    console.print(words("Operators, of an inference", "bold"))
    if table.reason:
        console.print(new_grid([("of an inference", f"not known: {table.reason}")], width=_KEYS_WIDTH))
        return
    console.print(_kinds(table))
    console.print()
    console.print(new_grid([("largest nodes", _nodes_text(table.nodes)), *_agreement(table)], width=_KEYS_WIDTH))


def _kinds(table: ProfileTable) -> object:
    found = new_table(("operator", "where", "nodes", "calls", "µs", "share"), right=("nodes", "calls", "µs", "share"))
    shown, rest = table.kinds[:_MOST_KINDS], table.kinds[_MOST_KINDS:]
    for one in shown:
        cells = (one.kind, one.where, str(one.nodes), _calls_text(one.calls), _us_text(one.us), f"{one.share:.1%}")
        found.add_row(*map(cell, cells))
    if rest:
        us, share = sum(one.us for one in rest), sum(one.share for one in rest)
        nodes, calls = sum(one.nodes for one in rest), sum(one.calls for one in rest)
        name = f"{count_text(len(rest), 'further kind')}"
        found.add_row(*map(cell, (name, "", str(nodes), _calls_text(calls), _us_text(us), f"{share:.1%}")))
    return found


def _nodes_text(nodes: Sequence[Operator]) -> str:
    return "\n".join(f"{one.name}: {_us_text(one.us)} µs, {one.share:.1%}" for one in nodes[:_MOST_NODES])


def _agreement(table: ProfileTable) -> list[tuple[str, str]]:
    places = ", ".join(
        f"{where} {_us_text(us)} µs ({us / table.sum_us:.1%})" for where, us in table.us_by_place().items()
    )
    lines = [("where", places), ("sum", f"{_us_text(table.sum_us)} µs")]
    if table.sum_over_loop is not None and table.cost is not None:
        lines[1] = (
            "sum",
            f"{_us_text(table.sum_us)} µs, {table.sum_over_loop:.1%} of this run's loop ({_us_text(table.loop_us)} µs, "
            "not profiled)",
        )
        lines.append(("while profiled", f"{_us_text(table.wall_us)} µs, {table.cost:+.1%} against the loop"))
    lines.append(("told by", f"{table.source}, mean of {table.inferences} inferences, the middle half of {table.of}"))
    return lines


def _us_text(us: float) -> str:
    """Microseconds with three significant digits, whole from a hundred on."""
    return f"{us:,.0f}" if us >= 99.95 else f"{us:.3g}"


def _calls_text(calls: float) -> str:
    return f"{calls:g}" if calls == round(calls) else f"{calls:.2f}"
