"""Real runs that are slowed down by a known share: is it found, and is nothing found where there is nothing?

LiteRT on this machine through the agent, whose engine is wrapped so that each inference spins on for 0, 2, 3, 5 or 10 %
of the time it took. A block holds one fresh process of each share, and a second one of 0 % for the A/A comparison, in
an order that is shuffled with a seed; a trial is five blocks. The same runs are judged by our rule (paired by block,
and not), by a plain ratio of means over 5 %, and by asv's rule; and by the same rules on a low percentile of each run
instead of its median. `--keep` writes every latency, for a closer look.
"""

import argparse
import hashlib
import io
import json
import math
import random
import statistics
import zipfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench_board import folder_for_a_bench
from bench_here import Bench
from judging import JUDGES

from agent.protocol import JobResult, JobSpec, MeasureProtocol
from orchestrator.bundle import AgentArchive, agent_zipapp
from orchestrator.zip_entries import plain_entry

SIDES = ("base", "0", "2", "3", "5", "10")
SHORT = MeasureProtocol("short", 5, 0.3, 1.0, 64, 0.4, 3.0)
FIGURES: dict[str, Callable[[list[int]], float]] = {
    "medians": statistics.median,
    "25th percentiles": lambda run: statistics.quantiles(run, n=4)[0],
    "10th percentiles": lambda run: statistics.quantiles(run, n=10)[0],
}
ENGINE = "agent/runtimes/litert_native.py"
SLOWED = """

import time as _time


class _Slowed(NativeLiteRt):
    def load(self, path, threads, delegate, options):
        share = options.pop("slower_by")
        loaded = super().load(path, threads, delegate, options)
        invoke, clock = loaded.invoke, _time.perf_counter_ns

        def slowed():
            began = clock()
            invoke()
            ended = clock()
            until = ended + (ended - began) * share
            while clock() < until:
                pass

        loaded.invoke = slowed
        return loaded


NativeLiteRt = _Slowed
"""


def slowed_archive() -> AgentArchive:
    """The agent, its LiteRT engine wrapped."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(agent_zipapp().data)) as plain, zipfile.ZipFile(buffer, "w") as slowed:
        for name in plain.namelist():
            data = plain.read(name)
            slowed.writestr(plain_entry(name), data + SLOWED.encode() if name == ENGINE else data)
    return AgentArchive(hashlib.sha256(buffer.getvalue()).hexdigest(), buffer.getvalue())


def trial(bench: Bench, order: JobSpec, blocks: int, dice: random.Random) -> dict[str, list[JobResult]]:
    """Runs of every side, one a block."""
    runs = defaultdict(list)
    for _ in range(blocks):
        for side in dice.sample(SIDES, len(SIDES)):
            share = 0.0 if side == "base" else int(side) / 100
            runs[side].append(bench.measure(order, options={"slower_by": share}))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--model", default="face-detection.tflite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--loop-s", type=float, default=0.4, help="the least time of a timed loop")
    parser.add_argument("--keep", type=Path, help="a file for all latencies, JSON lines")
    chosen = parser.parse_args()
    dice = random.Random(chosen.seed)
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    ratios = defaultdict(list)
    short = replace(SHORT, min_s=chosen.loop_s)
    with folder_for_a_bench() as folder:
        bench = Bench(folder, slowed_archive())
        try:
            order = bench.order("litert", chosen.model, short)
            for number in range(chosen.trials):
                runs = {
                    side: [one.timing.latencies_ns for one in found]
                    for side, found in trial(bench, order, chosen.blocks, dice).items()
                }
                if chosen.keep:
                    with chosen.keep.open("a") as file:
                        file.write(json.dumps({"trial": number, "runs": runs}) + "\n")
                means = {side: [statistics.fmean(one) for one in runs[side]] for side in SIDES}
                for what, figure in FIGURES.items():
                    figures = {side: [figure(one) for one in runs[side]] for side in SIDES}
                    for side in SIDES[1:]:
                        ratios[what, side] += [b / a for a, b in zip(figures["base"], figures[side], strict=True)]
                        for name, judge in JUDGES.items():
                            answer = judge(figures["base"], figures[side], means["base"], means[side])
                            counts[what, name, side] += answer != 0 if side == "0" else answer == 1
        finally:
            bench.link.close(politely=True)
    print(f"{chosen.trials} trials of {chosen.blocks} blocks, {chosen.model}, loops of {chosen.loop_s} s or more")
    for what in FIGURES:
        print(f"\n{what}; ratios of pairs, median and deviation: ", end="")
        print("  ".join(f"{side} %: {_middle(ratios[what, side])}" for side in SIDES[1:]))
        print("| rule | false alarms | 2 % found | 3 % | 5 % | 10 % |\n|---|---|---|---|---|---|")
        for name in JUDGES:
            cells = " | ".join(f"{counts[what, name, side]}/{chosen.trials}" for side in SIDES[1:])
            print(f"| {name} | {cells} |")


def _middle(ratios: list[float]) -> str:
    logs = [math.log(one) for one in ratios]
    return f"{statistics.median(ratios):.3f} ± {100 * statistics.stdev(logs):.1f} %"


if __name__ == "__main__":
    main()
