"""Thousands of boards through the real planner, scheduler, sessions, protocol and store; only the boards are simulated.

What the farm's size costs the orchestrator: wall, processor time a job, memory a board. The simulation's own processor
time is told apart. At the end it is checked that every job has one final run, that nothing measured is missing, and
that no two jobs of one machine overlapped; 1 is the exit code where something is wrong.

The simulated time is the machine's own at `--speed 1`: limits of silence count as they would on a real farm.
"""

import argparse
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from bench_board import folder_for_a_bench

from orchestrator import launch
from orchestrator.launch import Outcome
from tests.simulated.farm import SimulatedFarm, Size, Timed, simulated_farm, timed
from tests.simulated.invariants import broken

TOLD_EVERY_S = 30.0


def main() -> int:
    size = _size()
    rss_before = _rss_bytes()
    with folder_for_a_bench() as folder, simulated_farm(folder, size) as farm:
        with _timed_steps() as steps, _progress(farm), timed() as whole:
            outcomes = _run_to_the_end(farm)
        _tell(farm, outcomes, steps, whole, rss_before)
        wrong = broken(farm)
    print("\n".join(wrong) if wrong else "each job has one final run, nothing measured is missing, none overlapped")
    return 1 if wrong else 0


def _size() -> Size:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--boards", type=int, default=5000)
    add("--jobs", type=int, default=20, help="of each board")
    add("--seed", type=int, default=1)
    add("--faults", type=float, default=0.02, help="chance of a fault at each job, push and connection")
    add("--job-s", type=float, default=20.0, help="how long a job lasts, in the farm's seconds")
    add("--group", type=int, default=1, help="so many boards are one machine and take turns")
    add("--latencies", type=int, default=100, help="of each job")
    add("--model-bytes", type=int, default=20_000)
    add("--speed", type=float, default=1.0, help="the farm's seconds in one of ours")
    add("--connections", type=int, default=128, help="boards being connected to at one time; farms have 32")
    return Size(**vars(parser.parse_args()))


def _run_to_the_end(farm: SimulatedFarm) -> list[Outcome]:
    outcomes = farm.run_to_the_end()
    for at, one in enumerate(outcomes):
        counts = ", ".join(f"{count} {status}" for status, count in one.counts.items())
        print(f"{'launch' if at == 0 else f'resume {at}'}: {counts}; {one.owed} owed {one.unjudged}")
    return outcomes


@contextmanager
def _timed_steps() -> Iterator[dict[str, Timed]]:
    """The steps of a sweep, timed where the launcher calls them."""
    names = ("muster", "run_sweep", "judge_sweep")
    found = {name: Timed() for name in names}

    def standing_in(name: str, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        with timed() as step:
            answer = real(*given, **named)
        found[name].wall_s += step.wall_s
        found[name].cpu_s += step.cpu_s
        return answer

    with ExitStack() as changes:
        for name in names:
            changes.enter_context(mock.patch.object(launch, name, partial(standing_in, name, getattr(launch, name))))
        yield found


@contextmanager
def _progress(farm: SimulatedFarm) -> Iterator[None]:
    done = threading.Event()
    began = time.monotonic()

    def tell() -> None:
        while not done.wait(TOLD_EVERY_S):
            told = farm.listener.told
            print(
                f"  {time.monotonic() - began:5.0f} s: {told['Connected']} connections, {told['JobFinished']} runs,"
                f" {_rss_bytes() / 1e6:.0f} MB",
                file=sys.stderr,
            )

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tell(farm: SimulatedFarm, outcomes: list[Outcome], steps: dict[str, Timed], whole: Timed, rss_before: int) -> None:
    size, world = farm.size, farm.world
    jobs = size.boards * size.jobs
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    each_kb = (peak - rss_before) / size.boards / 1e3
    own_cpu_s = whole.cpu_s - world.cpu_s
    running = steps["run_sweep"]
    print(f"{size.boards} boards x {size.jobs} jobs, seed {size.seed}, {sum(farm.faults.done.values())} faults:")
    print("  " + ", ".join(f"{count} {kind}" for kind, count in farm.faults.done.most_common()))
    print(f"wall {whole.wall_s:.0f} s in {len(outcomes)} visits; {jobs / whole.wall_s:.0f} jobs/s")
    for name, step in steps.items():
        print(f"  {name}: wall {step.wall_s:.1f} s, cpu {step.cpu_s:.1f} s")
    print(f"while they ran: {jobs / running.wall_s:.0f} jobs/s")
    print(
        f"processor time: {own_cpu_s:.0f} s of the orchestrator, {own_cpu_s / jobs * 1e3:.2f} ms a job;"
        f" {world.cpu_s:.0f} s of the simulation"
    )
    print(f"peak RSS {peak / 1e6:.0f} MB, {each_kb:.0f} kB a board, its simulated end included")
    print(f"most threads {farm.listener.most_threads}; database {_size_bytes(farm) / 1e6:.0f} MB")
    late_ms = world.total_delay_s / max(1, world.happenings) * 1e3
    print(f"the world was late by {late_ms:.0f} ms of its time on average, {world.worst_delay_s:.1f} s at worst")


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _size_bytes(farm: SimulatedFarm) -> int:
    return sum(path.stat().st_size for path in farm.farm.root.glob("results.db*"))


if __name__ == "__main__":
    sys.exit(main())
