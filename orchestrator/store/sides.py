"""The runs of one side of a comparison. Standard library only, as `summaries.py`."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from orchestrator.comparing.measured import Measured
from orchestrator.comparing.selectors import Selector
from orchestrator.errors import UnknownName
from orchestrator.records import RunFilter
from orchestrator.store.measured import baseline_runs, check_unambiguous, measured_runs


def runs_of_side(
    connection: sqlite3.Connection, selector: Selector, tagged: Iterable[str] | None = None
) -> list[Measured]:
    """Every run that fulfils the terms of a side. `tagged` are the devices that its tags pick. `UnknownName` for
    sweeps, baselines, boards and models that do not exist."""
    wanted = _on(selector.wanted, None if tagged is None else list(tagged))
    baselines = [*selector.baselines, *(word for word in selector.words if check_unambiguous(connection, word))]
    sweeps = [*selector.sweeps, *(word for word in selector.words if word not in baselines)]
    found: dict[str, Measured] = {}
    if not sweeps and not baselines:
        found = {run.job_id: run for run in measured_runs(connection, wanted)}
    for sweep in sweeps:
        found |= {run.job_id: run for run in measured_runs(connection, replace(wanted, sweep=sweep))}
    for name in baselines:
        found |= {run.job_id: run for run in baseline_runs(connection, name, replace(wanted, purposes=()))}
    return list(found.values())


def _on(wanted: RunFilter, tagged: list[str] | None) -> RunFilter:
    """Tags and names are terms of two kinds: a board has to fulfil both."""
    if tagged is None:
        return wanted
    names = [
        name for name in tagged if not wanted.devices or any(fnmatchcase(name, pattern) for pattern in wanted.devices)
    ]
    if not names:
        raise UnknownName("no board has these tags and these names", "`dynofarm device list` shows both")
    # A name that was never measured is no mistake here, and `[` makes a pattern of it.
    return replace(wanted, devices=tuple(f"[{name[0]}]{name[1:]}" for name in names))
