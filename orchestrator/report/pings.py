"""Which boards are up, on the terminal and as plain values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.words import bytes_text, duration_text

if TYPE_CHECKING:
    from orchestrator.visits.pinging import Ping

_TWO_DAYS_S = 2 * 86400


def ping_values(ping: "Ping") -> dict[str, Any]:
    """What one board answered. Unknown is None."""
    return {
        "device": ping.device.name,
        "ok": ping.error is None,
        "answered_ms": None if ping.answered_s is None else round(ping.answered_s * 1e3, 1),
        "up_s": ping.up_s,
        "load_1min": ping.load_1min,
        "memory_available_bytes": ping.memory_available_bytes,
        "temperature_c": ping.temperature_c,
        "error": ping.error.message if ping.error else None,
        "next": ping.error.hint if ping.error else None,
    }


def pings_table(pings: Sequence["Ping"]) -> None:
    """A line a board."""
    numbers = ("answered", "up", "load", "free memory", "temperature")
    table = new_table(("device", "state", *numbers), right=numbers)
    for ping in pings:
        if ping.error is not None:
            table.add_row(cell(ping.device.name), cell("no answer", "red"))
            continue
        cells = [
            "–" if ping.answered_s is None else f"{ping.answered_s * 1e3:.0f} ms",
            "–" if ping.up_s is None else _up_text(ping.up_s),
            "–" if ping.load_1min is None else f"{ping.load_1min:.2f}",
            bytes_text(ping.memory_available_bytes),
            "no sensor" if ping.temperature_c is None else f"{ping.temperature_c:.0f} °C",
        ]
        table.add_row(cell(ping.device.name), cell("up", "green"), *map(cell, cells))
    report_console().print(table)


def _up_text(up_s: float) -> str:
    return f"{up_s / 86400:.0f} d" if up_s >= _TWO_DAYS_S else duration_text(up_s)
