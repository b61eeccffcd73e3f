"""What storing costs: runs a second, bytes a latency, and listing ten thousand runs, each beside a plain sqlite3 twin.
The bars of a farm under load are in `store_of_a_farm.py`.

The twin is what a careful person writes in an hour: the same pragmas, a table of runs with the same figures, one row a
latency. CPU time is the robust figure: on a shared machine the wall time of an fsync is anybody's.
"""

import argparse
import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench_board import folder_for_a_bench
from interleaved import median_of, ratio_of

from orchestrator.records import RunFilter
from orchestrator.runs import Run
from orchestrator.stats import summarise
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_job, make_model, make_result, make_run

LATENCIES = 1000
FIGURES = ("n", "median_ns", "mean_ns", "p90_ns", "p95_ns", "p99_ns", "min_ns", "max_ns", "std_ns", "mad_ns")
ABOUT = ("job_id", "device", "model", "runtime", "status", "started", "finished")
SWEEP = Sweep("bench", ("bert",), ("all",))


def make_runs(count: int, latencies: int) -> list[Run]:
    """Runs whose latencies spread as real ones do: a narrow bulk, a long tail."""
    draw = random.Random(1)
    runs = []
    for index in range(count):
        series = [int(2e6 * (1 + draw.lognormvariate(-3.5, 0.8))) for _ in range(latencies)]
        job = make_job(f"{index:032x}", position=index)
        runs.append(make_run(job, result=make_result(job.job_id, series)))
    return runs


def plain_database(path: Path) -> sqlite3.Connection:
    """The twin: a row a run and a row a latency."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"CREATE TABLE run (id INTEGER PRIMARY KEY, {', '.join(ABOUT + FIGURES)})")
    connection.execute("CREATE TABLE latency (run INTEGER REFERENCES run(id), position INTEGER, ns INTEGER)")
    connection.execute("CREATE INDEX by_run ON latency(run)")
    return connection


def save_plainly(connection: sqlite3.Connection, run: Run) -> None:
    job, result = run.job, run.result
    assert result is not None
    figures = asdict(summarise(result.timing.latencies_ns))
    about = (job.job_id, job.device, job.model, job.runtime.name, str(run.status))
    row = (*about, run.started.isoformat(), run.finished.isoformat(), *(figures[name] for name in FIGURES))
    connection.execute("BEGIN IMMEDIATE")
    marks = ",".join("?" * len(row))
    number = connection.execute(f"INSERT INTO run ({','.join(ABOUT + FIGURES)}) VALUES ({marks})", row).lastrowid
    latencies = ((number, position, ns) for position, ns in enumerate(result.timing.latencies_ns))
    connection.executemany("INSERT INTO latency VALUES (?, ?, ?)", latencies)
    connection.execute("COMMIT")


def size_of(path: Path) -> int:
    """Bytes of a database whose log was folded in."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


def cpu_and_wall_ms(call: Callable[[], Any]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return (time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3


def bench_saving(folder: Path, count: int) -> None:
    ours, theirs = folder / "ours.db", folder / "plain.db"
    runs = make_runs(count, LATENCIES)
    with Store.open(ours, create=True) as store:
        store.create_sweep(SWEEP, [run.job for run in runs], [make_model()], MOMENT)
        plain = plain_database(theirs)
        empty = size_of(ours), size_of(theirs)
        figures: dict[str, list[tuple[float, float]]] = {"ours": [], "plain": []}
        for run in runs:
            figures["ours"].append(cpu_and_wall_ms(lambda run=run: store.save_run(run)))
            figures["plain"].append(cpu_and_wall_ms(lambda run=run: save_plainly(plain, run)))
        plain.close()
    cpu = {name: [one[0] for one in pairs[5:]] for name, pairs in figures.items()}
    wall = {name: median_of([one[1] for one in pairs[5:]]) for name, pairs in figures.items()}
    print(f"saving a run of {LATENCIES} latencies")
    for name in figures:
        middle = median_of(cpu[name])
        print(f"  {name:6} CPU ms {middle}; wall {wall[name].value:.1f} ms, {1e3 / wall[name].value:.0f} runs a second")
    print(f"  ratio of CPU, ours to plain: {ratio_of(cpu['ours'], cpu['plain'])}")
    grown = [after - before for after, before in zip((size_of(ours), size_of(theirs)), empty, strict=True)]
    each = [one / (count * LATENCIES) for one in grown]
    print(f"  bytes a latency, all included: ours {each[0]:.2f}, plain {each[1]:.2f}, ratio {each[0] / each[1]:.2f}")


def bench_listing(folder: Path, count: int) -> None:
    ours, theirs = folder / "many.db", folder / "many-plain.db"
    (one,) = make_runs(1, 64)
    plain = plain_database(theirs)
    with Store.open(ours, create=True) as store:
        jobs = [make_job(f"{index:032x}", position=index, threads=1 + index % 4) for index in range(count)]
        store.create_sweep(SWEEP, jobs, [make_model()], MOMENT)
        for job in jobs:
            store.save_run(replace(one, job=job))
            save_plainly(plain, replace(one, job=job))
        subjects: dict[str, Callable[[], Any]] = {
            "ours": lambda: store.runs(RunFilter()),
            "plain": lambda: plain.execute(f"SELECT {','.join(ABOUT + FIGURES)} FROM run ORDER BY started").fetchall(),
        }
        cpu: dict[str, list[float]] = {name: [] for name in subjects}
        for _ in range(12):
            for name, call in subjects.items():
                cpu[name].append(cpu_and_wall_ms(call)[0])
    plain.close()
    print(f"listing {count} runs, CPU ms: ours (47 figures a run, typed) {median_of(cpu['ours'][1:])}")
    print(f"  plain (17 columns, raw rows) {median_of(cpu['plain'][1:])}; ratio {ratio_of(cpu['ours'], cpu['plain'])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--saved", type=int, default=200)
    parser.add_argument("--listed", type=int, default=10_000)
    chosen = parser.parse_args()
    with folder_for_a_bench() as folder:
        bench_saving(folder, chosen.saved)
        bench_listing(folder, chosen.listed)


if __name__ == "__main__":
    main()
