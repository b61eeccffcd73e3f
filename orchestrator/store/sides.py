"""The runs of one side of a comparison. Standard library only, as `summaries.py`."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from orchestrator.comparing.measured import Measured
from orchestrator.comparing.selectors import Selector
from orchestrator.errors import UnknownName
from orchestrator.purpose import FURTHER_RUNS, FURTHER_RUNS_NOTES, Purpose
from orchestrator.records import RunFilter
from orchestrator.store.filters import LAST
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
        number = _last(connection) if sweep == LAST else sweep
        found |= {run.job_id: run for run in measured_runs(connection, replace(wanted, sweep=number))}
    for name in baselines:
        found |= {run.job_id: run for run in baseline_runs(connection, name, replace(wanted, purposes=()))}
    return list(found.values())


def _last(connection: sqlite3.Connection) -> int | str:
    """The last sweep that was run for its results: a look at the boards' noise or health is nobody's second side, nor
    are the further runs of another comparison."""
    further = "name = ? AND json_extract(definition, '$.notes') LIKE ?"
    query = f"SELECT id FROM sweep WHERE purpose = ? AND NOT ({further}) ORDER BY id DESC LIMIT 1"
    values = (str(Purpose.RESULTS), FURTHER_RUNS, f"{FURTHER_RUNS_NOTES}%")
    row = connection.execute(query, values).fetchone()
    return LAST if row is None else int(row[0])


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
