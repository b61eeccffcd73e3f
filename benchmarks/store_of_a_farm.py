"""The store of a large farm: results at 500 a second from 40 boards at once, 100,000 stored runs looked at, two sweeps
of 1,000 runs compared, bytes a latency. Bars: a list under 0.3 s as a whole process, the comparison under 0.5 s, 4.3
bytes a latency at 1,000 a run, 2.9 at 100,000.

Runs go through the real codec and the real tables. A hundred thousand of them are copies of fifty, with jobs and times
of their own. CPU time is the robust figure: on a shared machine wall time is anybody's.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bench_board import folder_for_a_bench
from interleaved import median_of
from store import size_of

from agent.protocol import JobResult, Samples, Surroundings
from orchestrator.comparing import compare, correct
from orchestrator.records import RunFilter
from orchestrator.runs import Job
from orchestrator.store import Store, runs
from orchestrator.store.engine import raw
from orchestrator.store.moments import to_text
from orchestrator.store.reading import open_reader
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_conditions, make_job, make_model, make_result, make_run

DYNOFARM = str(Path(sys.executable).with_name("dynofarm"))
SWEEP = Sweep("nightly", ("*",), ("all",))
BOARDS, MODELS = 40, 25


def result_of(seed: int, latencies: int, *, sensors: bool) -> JobResult:
    """Latencies of a narrow bulk and a long tail; with `sensors` five channels at 10 Hz and all that a board tells."""
    draw = random.Random(seed)
    series = [int(2e6 * (1 + draw.lognormvariate(-3.5, 0.8))) for _ in range(latencies)]
    if not sensors:
        return make_result(latencies_ns=series)
    readings = range(max(2, sum(series) // 10**8))

    def conditions() -> dict[str, object]:
        free = 3 * 2**30 + 4096 * draw.randrange(10**5)
        return {
            "utc": f"2026-11-21T12:{draw.randrange(60):02}:{draw.randrange(60):02}.652+00:00",
            "boot_id": "eb850e45-7562-4732-9fca-3568dcab1617",
            "uptime_s": round(9400 + 1000 * draw.random(), 2),
            "load_1m": round(draw.random(), 2),
            "temperatures_c": {"cpu-thermal": 48 + draw.randrange(40) / 10},
            "memory_available_bytes": free,
            "disk_free_bytes": 10**10 + free,
        }

    shares = {name: round(draw.random() / 100, 6) for name in ("others_cpu_s", "wait_s", "pressure_cpu_s")}
    channels = {
        "worker_rss_bytes": [5e7 + 4096.0 * min(index, 3) for index in readings],
        "worker_cpu_percent": [99 + draw.randrange(20) / 10 for _ in readings],
        "temp_c": [48 + draw.randrange(12) / 10 for _ in readings],
        "clock_khz": [1_500_000.0 for _ in readings],
        "memory_available_bytes": [3e9 + 4096.0 * draw.randrange(300) for _ in readings],
    }
    clock = [10**13 + 10**8 * index + draw.randrange(10**5) for index in readings]
    return make_result(
        latencies_ns=series,
        conditions_before=make_conditions(**conditions()),
        conditions_after=make_conditions(**conditions()),
        surroundings=Surroundings(steal_s=0.0, major_faults=0, clock_step_s=round(draw.random() / 1e5, 9), **shares),
        details={"fully_delegated": False, "operators": 136, "sampled_by": "/proc"},
        samples=Samples(clock, channels),
    )


def jobs_of(first: int, count: int, block: int) -> list[Job]:
    return [
        make_job(
            f"{first + at:032x}",
            device=f"board-{at % BOARDS:02}",
            model=f"model-{at // BOARDS:02}",
            model_digest=make_model(f"model-{at // BOARDS:02}").digest,
            block=block,
            position=at,
        )
        for at in range(count)
    ]


def fill(path: Path, count: int, results: Sequence[JobResult]) -> None:
    """Sweeps of up to 1,000 runs, an hour apart, until there are `count`."""
    models = [make_model(f"model-{number:02}") for number in range(MODELS)]
    made = [runs.prepare(make_run(make_job(), result=result)) for result in results]
    with Store.open(path, create=True) as store:
        for hour, first in enumerate(range(0, count, BOARDS * MODELS)):
            jobs = jobs_of(first, min(BOARDS * MODELS, count - first), hour % 3)
            when = MOMENT + timedelta(hours=hour)
            store.create_sweep(SWEEP, jobs, models, when)
            with store._database.write() as connection:
                for at, job in enumerate(jobs):
                    one = made[(7 * at + hour) % len(made)]
                    verdict = "trusted" if (at + hour) % 50 else "suspect"
                    told = {"verdict": verdict, "reasons": "[]" if at % 50 else '[{"code":"others_ran","figures":{}}]'}
                    times = {"started": to_text(when + timedelta(seconds=2 * at))}
                    times["finished"] = to_text(when + timedelta(seconds=2 * at + 2))
                    prepared = replace(one, run=replace(one.run, job=job), row=one.row | times | told)
                    runs.save(raw(connection), prepared)


def bench_bytes(folder: Path) -> None:
    print("bytes a stored latency, runs, jobs and indexes included (an empty database counts for nothing)")
    for latencies, count in ((1000, 4000), (100_000, 40)):
        for sensors in (False, True):
            results = [result_of(seed, latencies, sensors=sensors) for seed in range(min(count, 20))]
            path = folder / f"bytes-{latencies}-{sensors}.db"
            fill(path, 0, [])
            empty = size_of(path) if path.exists() else 0
            fill(path, count, results)
            each = (size_of(path) - empty) / (count * latencies)
            path.unlink()
            what = "five sensors, conditions, surroundings" if sensors else "two sensors, two readings"
            print(f"  {latencies:7} a run, {count} runs, {what}: {each:.2f}")


def bench_load(folder: Path, seconds: float, rate: int = 500, threads: int = 40) -> None:
    """Open loop: every run has its moment, and waiting for the one before counts as waiting."""
    count = int(seconds * rate)
    results = [result_of(seed, 1000, sensors=True) for seed in range(40)]
    jobs = [job for first in range(0, count, 1000) for job in jobs_of(first, min(1000, count - first), 0)]
    waited: list[float] = []
    with Store.open(folder / "load.db", create=True) as store:
        store.create_sweep(SWEEP, jobs, [make_model(f"model-{number:02}") for number in range(MODELS)], MOMENT)
        store.save_run(make_run(jobs[0], result=results[0]))
        began = time.perf_counter() + 0.5

        def board(number: int) -> None:
            for index in range(1 + number, count, threads):
                run = make_run(jobs[index], result=results[index % 40])
                due = began + index / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                store.save_run(run)
                waited.append(time.perf_counter() - due)

        boards = [threading.Thread(target=board, args=(number,)) for number in range(threads)]
        cpu = time.process_time()
        for one in boards:
            one.start()
        for one in boards:
            one.join()
        cpu_ms = (time.process_time() - cpu) / len(waited) * 1e3
        took = time.perf_counter() - began
    ordered = sorted(1e3 * one for one in waited)
    middle, late = statistics.median(ordered), ordered[int(0.99 * len(ordered))]
    print(f"saving {len(waited)} runs of 1,000 latencies at {rate} a second from {threads} threads:")
    print(f"  {len(waited) / took:.0f} a second; CPU {cpu_ms:.2f} ms a run")
    print(f"  save_run p50 {middle:.1f} ms, p99 {late:.1f} ms")


def whole_process(*argv: str) -> tuple[float, float, float]:
    """CPU and wall seconds, and the peak of memory of the children so far, MB."""
    before, wall = os.times(), time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    return cpu, time.perf_counter() - wall, peak


def bench_results(folder: Path, count: int) -> None:
    os.chdir(folder)
    subprocess.run([DYNOFARM, "init"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Path("results.db").unlink()
    began = time.perf_counter()
    fill(folder / "results.db", count, [result_of(seed, 1000, sensors=True) for seed in range(50)])
    size_mb = size_of(folder / "results.db") / 1e6
    print(f"{count} stored runs of 1,000 latencies: {size_mb:.0f} MB, made in {time.perf_counter() - began:.0f} s")
    questions = (
        (),
        ("--device", "board-07"),
        ("--model", "model-1*"),
        ("--since", "2026-11-06"),
        ("--verdict", "suspect"),
        ("--sort", "p50"),
        ("--each-run",),
        ("--limit", "50"),
    )
    figures: dict[tuple[str, ...], list[tuple[float, float, float]]] = {one: [] for one in questions}
    bare = []
    for _ in range(12):
        bare.append(whole_process(sys.executable, "-c", "pass"))
        for one in questions:
            figures[one].append(whole_process(DYNOFARM, "results", *one))
    print(f"  {'python -c pass':34} CPU s {median_of([one[0] for one in bare])}")
    for one, measured in figures.items():
        cpu, wall = (median_of([figure[at] for figure in measured[1:]]) for at in (0, 1))
        print(f"  {' '.join(('results', *one)):34} CPU s {cpu}; wall {wall.value:.3f}")
    for output_format in ("csv", "json"):
        cpu_s, wall_s, peak = whole_process(DYNOFARM, "results", "--format", output_format)
        print(f"  all as {output_format}: CPU {cpu_s:.1f} s, wall {wall_s:.1f} s; peak of all so far {peak:.0f} MB")
    os.chdir("/")


def bench_comparison(folder: Path) -> None:
    """Two sweeps of 1,000 runs: 50 cases of 20 runs each."""
    path = folder / "compared.db"
    results = [result_of(seed, 64, sensors=False) for seed in range(50)]
    made = [runs.prepare(make_run(make_job(), result=result)) for result in results]
    models = [make_model(f"model-{number:02}") for number in range(50)]
    with Store.open(path, create=True) as store:
        for sweep in range(2):
            jobs = [
                make_job(
                    f"{sweep}-{at}", model=models[at % 50].name, model_digest=models[at % 50].digest, block=at // 50
                )
                for at in range(1000)
            ]
            store.create_sweep(SWEEP, jobs, models, MOMENT)
            with store._database.write() as connection:
                for at, job in enumerate(jobs):
                    one = made[(at * 7 + sweep + at // 50) % 50]
                    runs.save(raw(connection), replace(one, run=replace(one.run, job=job)))

    def both() -> int:
        with open_reader(path) as reader:
            sides = [reader.medians(RunFilter(sweep=sweep)) for sweep in (1, 2)]
        answers = []
        for case in sides[0]:
            (first_blocks, first), (second_blocks, second) = (zip(*side[case], strict=True) for side in sides)
            answers.append(compare(first, second, blocks=(first_blocks, second_blocks)))
        return len(correct(answers))

    times = [timed(both) for _ in range(12)]
    print(f"comparing two sweeps of 1,000 runs, 50 cases, corrected for their number: s {median_of(times[1:])}")
    print(f"  the first time, with all imports of statistics: {times[0]:.3f} s")


def timed(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with folder_for_a_bench() as folder:
        bench_bytes(folder)
        bench_load(folder, chosen.seconds)
        bench_comparison(folder)
        bench_results(folder, chosen.runs)


if __name__ == "__main__":
    main()
