"""Noise floors on the terminal."""

from collections.abc import Sequence
from typing import Any

from orchestrator.records import NoiseRecord
from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.standing import floor_text
from orchestrator.report.words import count_text, latency_text
from orchestrator.visits.noise import NoFloor


def noise_values(found: NoiseRecord | NoFloor) -> dict[str, Any]:
    """What was found of one board, as plain values; `floor` is a share, None where there is none."""
    if isinstance(found, NoFloor):
        return {"device": found.device, "floor": None, "why": found.why, "owed": found.owed}
    return {
        "device": found.device,
        "floor": found.floor,
        "runs_a_side": found.runs,
        "model": found.model,
        "sweep": found.sweep_id,
        "measured": found.measured.isoformat(),
        **found.details,
    }


def noise_table(found: Sequence[NoiseRecord | NoFloor]) -> None:
    """Print a line a board."""
    table = new_table(("board", "floor", "runs", "median ms", "model"), right=("floor", "runs", "median ms"))
    for one in found:
        if isinstance(one, NoFloor):
            table.add_row(cell(one.device), cell("none"), cell("–"), cell("–"), cell(one.why, "red"))
            continue
        medians = sorted(one.details.get("medians_ns", []))
        middle = latency_text(medians[len(medians) // 2]) if medians else "–"
        row = (one.device, floor_text(one.floor), str(len(medians)), middle, one.model)
        table.add_row(*map(cell, row))
    report_console().print(table)


def noise_sentence(found: NoiseRecord | NoFloor) -> str:
    """What it means."""
    if isinstance(found, NoFloor):
        return f"{found.device}: no floor: {found.why}"
    sides = count_text(found.runs, "run")
    return f"differences under {floor_text(found.floor)} are noise on {found.device} ({sides} a side)"
