"""The pages of `dynofarm serve` over a store of 100,000 runs. Bar: the first view of every page under 1 s on loopback,
in a server that was just started; in Chromium (where there is one) with all charts drawn.

Wall time as a client on this machine sees it, and the server's own CPU time, which is the robust figure.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
from bench_board import folder_for_a_bench
from interleaved import median_of
from store import size_of
from store_of_a_farm import BOARDS, fill, result_of

from orchestrator.devices import Device, Link
from orchestrator.profiles import write_profile
from orchestrator.reference_model import reference_model
from orchestrator.runs import Role
from orchestrator.store import Store, runs
from orchestrator.store.engine import raw
from orchestrator.store.moments import to_text
from orchestrator.sweep import REFERENCE
from orchestrator.visits.canary import health_sweep
from tests.browser.looking import find_chromium, opened, start
from tests.making import MOMENT, make_job, make_run

DYNOFARM = str(Path(sys.executable).with_name("dynofarm"))
LOOKS, RUNS_A_LOOK = 30, 5


def add_looks(path: Path) -> None:
    """The reference model on every board, day after day: what the farm's health is told from."""
    model = reference_model()
    result = runs.prepare(make_run(make_job(), result=result_of(1, 64, sensors=False)))
    boards = [f"board-{number:02}" for number in range(BOARDS)]
    with Store.open(path) as store:
        for look in range(LOOKS):
            jobs = [
                make_job(
                    f"f{look:015x}{at:04x}{turn:012x}", device=name, model=model.name, model_digest=model.digest,
                    protocol=REFERENCE, role=Role.REFERENCE, block=turn,
                )
                for at, name in enumerate(boards)
                for turn in range(RUNS_A_LOOK)
            ]  # fmt: skip
            when = MOMENT + timedelta(days=look)
            store.create_sweep(health_sweep(boards, RUNS_A_LOOK), jobs, [model], when)
            with store._database.write() as connection:
                for at, job in enumerate(jobs):
                    started = to_text(when + timedelta(seconds=at))
                    median_ns = 2e6 * (1 + 0.01 * ((7 * look + at) % 5))
                    row = result.row | {"started": started, "finished": started, "median_ns": median_ns}
                    runs.save(raw(connection), replace(result, run=replace(result.run, job=job), row=row))


@contextmanager
def server(farm: Path) -> Iterator[tuple[str, psutil.Process]]:
    process = subprocess.Popen([DYNOFARM, "-C", str(farm), "serve", "--port", "0"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        url = told[told.index("http://") :].split(" ")[0].rstrip("/")
        yield url, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stderr.close()


def fetched(url: str, process: psutil.Process) -> tuple[float, float, int]:
    """Wall and the server's CPU seconds, and bytes."""
    before, began = process.cpu_times(), time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        size = len(answer.read())
    wall, after = time.perf_counter() - began, process.cpu_times()
    return wall, after.user + after.system - before.user - before.system, size


def pages_of(path: Path) -> dict[str, str]:
    with Store.open(path) as store:
        newest = max(record.sweep_id for record in store.sweeps() if record.name == "nightly")
        job = store.jobs(newest)[0]
    of = "device:board-07,model:model-01"
    return {
        "farm": "/",
        "a board": "/boards/board-07",
        "sweeps": "/sweeps",
        "a sweep of 1,000 runs": f"/sweeps/{newest}",
        "results, cases": "/results",
        "results, runs": "/results?each-run=1",
        "runs by p50": "/results?each-run=1&sort=p50",
        "runs by p90, descending": "/results?each-run=1&sort=-p90",
        "cases by p90": "/results?sort=p90",
        "runs of a board": "/results?each-run=1&device=board-07",
        "suspect runs": "/results?each-run=1&verdict=suspect",
        "two sweeps compared": f"/compare?a={newest - 1}&b={newest}",
        "history, to choose": "/history",
        "history of a case": f"/history?of={of}",
        "history of a board": "/history?of=device:board-07",
        "a run": f"/runs/{job.job_id}",
        "models": "/models",
        "metrics": "/metrics",
    }


def bench_pages(farm: Path, rounds: int) -> None:
    pages = pages_of(farm / "results.db")
    first: dict[str, list[tuple[float, float, int]]] = {name: [] for name in pages}
    again: dict[str, list[tuple[float, float, int]]] = {name: [] for name in pages}
    for turn in range(rounds):
        for name, path in pages.items() if turn % 2 == 0 else reversed(pages.items()):
            with server(farm) as (url, process):
                first[name].append(fetched(url + path, process))
                again[name] += [fetched(url + path, process) for _ in range(2)]
    print(f"{'page':26} {'first view, s':>34} {'server CPU, s':>8} {'again, s':>9} {'CPU, s':>7} {'kB':>6}")
    for name in pages:
        wall = median_of([one[0] for one in first[name]])
        figures = [median_of([one[at] for one in some]).value for some in (first[name], again[name]) for at in (0, 1)]
        size_kb = first[name][0][2] / 1e3
        print(f"{name:26} {wall!s:>34} {figures[1]:>8.3f} {figures[2]:>9.3f} {figures[3]:>7.3f} {size_kb:>6.0f}")


def bench_browser(farm: Path, rounds: int) -> None:
    chromium = find_chromium()
    if chromium is None:
        print("no chromium here: pages were not drawn")
        return
    pages = pages_of(farm / "results.db")
    print("in Chromium; server and browser context were just started. From the navigation to the first paint of its")
    print("contents; from the making of the context until all charts are drawn, those below the screen included, s:")
    with start(chromium) as browser:
        for name in ("farm", "a board", "a sweep of 1,000 runs", "results, cases", "two sweeps compared", "a run"):
            paints, times = [], []
            for _ in range(rounds):
                with server(farm) as (url, _process):
                    began = time.perf_counter()
                    with opened(browser, url + pages[name]) as view:
                        if view.page.query_selector("figure.chart"):
                            view.wait_for_charts()
                        times.append(time.perf_counter() - began)
                        paints.append(view.first_paint_s())
            print(f"  {name:26} {median_of(paints)!s:>30} {median_of(times)!s:>30}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--farm", type=Path, help="a farm made before: its results.db is used as it is")
    chosen = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with folder_for_a_bench() as folder:
        farm = chosen.farm or folder
        if not (farm / "results.db").exists():
            farm.mkdir(exist_ok=True)
            (farm / "device_profiles").mkdir()
            for number in range(BOARDS):
                write_profile(farm / "device_profiles", Device(f"board-{number:02}", link=Link.LOCAL))
            fill(farm / "results.db", chosen.runs, [result_of(seed, 1000, sensors=True) for seed in range(50)])
            add_looks(farm / "results.db")
        print(
            f"{chosen.runs} runs and {LOOKS * BOARDS * RUNS_A_LOOK} looks: {size_of(farm / 'results.db') / 1e6:.0f} MB"
        )
        bench_pages(farm, chosen.rounds)
        bench_browser(farm, chosen.rounds)


if __name__ == "__main__":
    main()
