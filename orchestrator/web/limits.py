"""What one page may ask of the server: it serves others, too."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.comparing.selectors import parse_selector
from orchestrator.errors import UsageError
from orchestrator.store.reading import Reader

MOST_RUNS = 20_000
"""Chosen: so many are read and compared within two seconds. The command line has no such limit."""


def check_not_too_many(reader: Reader, sides: Sequence[str]) -> None:
    """`UsageError` where the sides of a comparison, or what a history is asked of, are more runs than that."""
    now = datetime.now().astimezone()
    for text in sides:
        selector = parse_selector(text, now)
        if selector.baselines or selector.words:
            continue  # a baseline has few, and a name means one sweep
        sweeps = selector.sweeps or (None,)
        runs = sum(reader.count_runs(replace(selector.wanted, sweep=sweep)) for sweep in sweeps)
        if runs > MOST_RUNS:
            raise UsageError(
                f"{text}: these are {runs:,} runs, more than a page reads at once",
                "narrow it with device:…, model:… or since:7d, or ask on the command line",
            )
