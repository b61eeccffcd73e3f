"""Runs for comparisons, with how each was measured. Standard library only, as `summaries.py`.

What is asked for is little of a run, but it includes some out of its JSON: governor, held clock, what the board is.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.comparing.measured import Host, Measured
from orchestrator.errors import UnknownName
from orchestrator.fingerprint import SCOPE, Fingerprint, input_text
from orchestrator.records import RunFilter
from orchestrator.runs import RunStatus
from orchestrator.store.filters import narrow
from orchestrator.store.moments import from_text
from orchestrator.store.names import unknown
from orchestrator.store.views.runs import RUNS
from orchestrator.trust.verdicts import Verdict

_COLUMNS = (
    "job.job_id, run.sweep, job.block, run.started, run.status, run.message, model.name, model.digest, model.recipes, "
    "run.median_ns, run.verdict, run.reasons, cell.device, run.device_kind, cell.runtime, run.runtime_version, "
    "cell.options, cell.threads, cell.delegate, cell.protocol, json_extract(run.conditions_before, '$.governor'), "
    "json_extract(run.details, '$.held_clock_khz'), run.facts"
)
_FACTS = "SELECT id, content FROM facts"
BUILT_IN = ("quick", "standard", "mlperf-like")
"""Names of `orchestrator.sweep.PROTOCOLS`, which nobody else's protocol may have; importing them takes 50 ms."""


def measured_runs(connection: sqlite3.Connection, wanted: RunFilter) -> list[Measured]:
    """The runs that a filter lets through, whatever came of them, in order of time."""
    found = narrow(connection, wanted)
    query = f"SELECT {_COLUMNS}, 0 FROM {RUNS.source} WHERE {found.condition} ORDER BY run.started, run.id"
    return _all(connection, query, found.values)


def baseline_runs(connection: sqlite3.Connection, name: str, wanted: RunFilter | None = None) -> list[Measured]:
    """Those of the runs that a baseline has; `UnknownName` lists the near names."""
    known = baseline_names(connection)
    if name not in known:
        raise unknown("baseline", name, known, "dynofarm baseline list")
    found = narrow(connection, wanted or RunFilter(purposes=()))
    source = f"{RUNS.source} JOIN baseline_run ON baseline_run.run = run.id"
    mine = "baseline_run.baseline = (SELECT id FROM baseline WHERE name = ?)"
    query = f"SELECT {_COLUMNS}, baseline_run.forced FROM {source} WHERE {mine} AND {found.condition}"
    return _all(connection, f"{query} ORDER BY run.started, run.id", (name, *found.values))


def baseline_names(connection: sqlite3.Connection) -> list[str]:
    """All there are, in their order."""
    return [name for (name,) in connection.execute("SELECT name FROM baseline ORDER BY name")]


def is_sweep(connection: sqlite3.Connection, name: str) -> bool:
    """Whether a sweep of that name was ever run."""
    return connection.execute("SELECT 1 FROM sweep WHERE name = ? LIMIT 1", (name,)).fetchone() is not None


def reference_medians(connection: sqlite3.Connection, sweeps: Iterable[int]) -> dict[tuple[str, int], list[float]]:
    """By device and sweep: the medians (ns) of the reference model's runs, in order of time."""
    found: dict[tuple[str, int], list[float]] = {}
    query = (
        "SELECT cell.device, run.median_ns FROM run JOIN cell ON cell.id = run.cell WHERE run.sweep = ? "
        "AND cell.role = 'reference' AND run.status = 'ok' AND run.median_ns > 0 ORDER BY run.started, run.id"
    )
    for sweep in sweeps:
        for device, median_ns in connection.execute(query, (sweep,)):
            found.setdefault((device, sweep), []).append(median_ns)
    return found


def noise_floors(connection: sqlite3.Connection) -> dict[str, float]:
    """The newest noise floor of each board that has one, as a share."""
    return dict(connection.execute("SELECT device, floor FROM noise ORDER BY measured, id").fetchall())


def check_unambiguous(connection: sqlite3.Connection, word: str) -> bool:
    """Whether a word names a baseline, and not a sweep. `UnknownName` where it names neither, or both."""
    named = is_sweep(connection, word), word in baseline_names(connection)
    if all(named):
        raise UnknownName(f"{word!r} is a sweep, and a baseline as well", f"say which: sweep:{word} or baseline:{word}")
    if not any(named):
        sweeps = [name for (name,) in connection.execute("SELECT DISTINCT name FROM sweep")]
        raise unknown("sweep or baseline", word, [*sweeps, *baseline_names(connection)], "dynofarm sweeps")
    return named[1]


def _all(connection: sqlite3.Connection, query: str, values: Sequence[Any]) -> list[Measured]:
    facts: dict[int, dict[str, Any]] = {number: json.loads(text) for number, text in connection.execute(_FACTS)}
    inputs: dict[str, tuple[str, ...]] = {}
    protocols = _protocols(connection)
    return [_measured(row, facts, inputs, protocols) for row in connection.execute(query, values)]


def _protocols(connection: sqlite3.Connection) -> dict[int, str]:
    """By number, the name of each; with all that it says where others have that name: everybody's own is `custom`."""
    found = connection.execute("SELECT id, name, content FROM protocol").fetchall()
    times = Counter(name for _, name, _ in found if name not in BUILT_IN)
    return {number: name if times[name] < 2 else f"{name} ({_said(content)})" for number, name, content in found}


def _said(content: str) -> str:
    values = {key: value for key, value in json.loads(content).items() if key != "name"}
    return ", ".join(f"{key} {value:g}" for key, value in sorted(values.items()))


def _measured(
    row: Sequence[Any],
    facts_of: Mapping[int, Mapping[str, Any]],
    inputs: dict[str, tuple[str, ...]],
    protocols: Mapping[int, str],
) -> Measured:
    job_id, sweep, block, started, status, message, model, digest, recipes, median_ns, verdict, reasons, *rest = row
    device, kind, runtime, version, options, threads, delegate, protocol, governor, held, facts, forced = rest
    if recipes not in inputs:
        inputs[recipes] = tuple(input_text(one["dtype"], one["shape"]) for one in json.loads(recipes))
    asked = json.loads(options)
    told = facts_of.get(facts)
    return Measured(
        job_id=job_id,
        sweep_id=sweep,
        block=block,
        started=from_text(started),
        status=RunStatus(status),
        message=message,
        model=model,
        digest=digest,
        median_ns=median_ns,
        verdict=Verdict(verdict) if verdict is not None else None,
        reasons=tuple(one["code"] for one in json.loads(reasons)) if reasons else (),
        vouched=bool(forced),
        host=Host(told["machine_id"], told.get("board"), told["kernel"], told["system"]) if told else None,
        fingerprint=Fingerprint(
            device=device,
            kind=kind,
            runtime=runtime,
            version=version,
            options=tuple((key, str(asked[key])) for key in sorted(asked)),
            threads=threads,
            delegate=delegate,
            scope=SCOPE,
            inputs=inputs[recipes],
            protocol=protocols[protocol],
            governor=governor,
            held_clock_khz=held if isinstance(held, int) else None,
            emulated=told.get("emulated") if told else None,
        ),
    )
