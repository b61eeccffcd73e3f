"""Readings of a board, before and after and in between, in words. Pure.

The unit is the end of a reading's name (`agent/messages/board.py`).
"""

from collections.abc import Callable
from dataclasses import fields
from statistics import median
from typing import Any

from agent.protocol import Conditions, Samples
from orchestrator.report.spark import spark
from orchestrator.report.words import bytes_text

_UNITS: dict[str, Callable[[float], str]] = {
    "_bytes": bytes_text,
    "_khz": lambda value: f"{value / 1e6:.2f} GHz" if value >= 1e6 else f"{value / 1e3:.0f} MHz",
    "_c": lambda value: f"{value:.1f} °C",
    "_percent": lambda value: f"{value:.0f} %",
    "_s": lambda value: f"{value:.0f} s",
}


def condition_lines(before: Conditions, after: Conditions) -> list[tuple[str, str]]:
    """A line a reading: once where it did not change, else before and after; what the board cannot say is left out."""
    lines = []
    for field in fields(Conditions):
        first, then = getattr(before, field.name), getattr(after, field.name)
        if not _said(first) and not _said(then):
            continue
        texts = [_value_text(field.name, value) for value in (first, then)]
        lines.append((_name_text(field.name), ", ".join(dict.fromkeys(texts))))
    return lines


def sample_lines(samples: Samples) -> list[tuple[str, str]]:
    """A line a channel: its course, and the least, the median and the most of it."""
    lines = []
    for name, values in sorted(samples.channels.items()):
        present = [value for value in values if value is not None]
        if present:
            least, middle, most = (_value_text(name, value) for value in (min(present), median(present), max(present)))
            figures = least if least == most else f"{least} … {middle} … {most}"
            lines.append((_name_text(name), f"{spark(present)} {figures}"))
    return lines or [("none", "the board gave no samples")]


def _said(value: Any) -> bool:
    return value is not None and value != {}


def _name_text(name: str) -> str:
    """`memory_available_bytes` as `memory available`: the figure carries the unit."""
    unit = _unit_of(name)
    return name.removesuffix(unit).replace("_", " ")


def _unit_of(name: str) -> str:
    return next((unit for unit in _UNITS if name.endswith(unit)), "")


def _value_text(name: str, value: Any) -> str:
    if not _said(value):
        return "no reading"
    if isinstance(value, dict):
        return " ".join(f"{key} {_value_text(name, item)}" for key, item in sorted(value.items()))
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = _unit_of(name)
        return _UNITS[unit](value) if unit else f"{value:.6g}"
    return str(value)
