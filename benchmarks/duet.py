"""Real slow-downs by a known share, found by duets: two workers that take turns every 30 ms.

The machine, the model and the wrapped engine are those of `injected.py`, which compares whole runs. A trial is five
duets a share, of fresh processes each, A as it is and B slowed down; shares come in an order that is shuffled anew for
each fifth of a trial. A duet of 4 s takes as long as two timed loops of 2 s. `--runs` measures those as well, in the
same order, on the same processor, and judges them paired: what the same time is worth without turns. `--keep` writes
every latency with the slices, for a closer look.
"""

import argparse
import json
import math
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench_board import folder_for_a_bench
from bench_here import Bench
from injected import slowed_archive

from agent.protocol import Duet, Duetted, JobResult, JobSpec, MeasureProtocol, Turns
from orchestrator.comparing import Answer, compare
from orchestrator.duet import PlayedDuet, compare_duets, processors_for, read_duet
from orchestrator.launch import new_job_id

THRESHOLD = 0.05
WARM_UP = MeasureProtocol("duet", 5, 0.3, 1.0, 1, 0.0, 60.0)
ORDER = (Answer.SLOWER, Answer.FASTER, Answer.SAME, Answer.INCONCLUSIVE)


def slowed(order: JobSpec, share: float) -> JobSpec:
    return replace(order, job_id=new_job_id(), options={"slower_by": share})


def play(bench: Bench, order: JobSpec, share: float, turns: Turns, swapped: bool) -> tuple[JobResult, JobResult]:
    """One duet; A first, whichever loaded first."""
    jobs = [slowed(order, 0.0), slowed(order, share)]
    if swapped:
        jobs.reverse()
    found = bench.session.duet(Duet(jobs[0], jobs[1], turns), lambda _stage: None)
    assert isinstance(found, Duetted), found
    return (found.second, found.first) if swapped else (found.first, found.second)


def run_pair(bench: Bench, order: JobSpec, share: float, loop_s: float, swapped: bool) -> tuple[float, float]:
    """The medians of two whole runs one after the other; A first, whichever ran first."""
    protocol = replace(WARM_UP, min_inferences=64, min_s=loop_s)
    medians = [
        statistics.median(bench.measure(order, protocol=protocol, options={"slower_by": one}).timing.latencies_ns)
        for one in ((share, 0.0) if swapped else (0.0, share))
    ]
    return (medians[1], medians[0]) if swapped else (medians[0], medians[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--duets", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="how long a duet takes turns")
    parser.add_argument("--slice-ms", type=float, default=30.0)
    parser.add_argument("--shares", default="0,2,3,5,10", help="slow-downs in percent")
    parser.add_argument("--model", default="face-detection.tflite")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", action="store_true", help="also whole runs of the same time, one after another")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a file for all latencies, JSON lines")
    chosen = parser.parse_args()
    shares = [float(share) for share in chosen.shares.split(",")]
    dice = random.Random(chosen.seed)
    answers: dict[tuple[str, float], Counter[Answer]] = defaultdict(Counter)
    ratios: dict[tuple[str, float], list[float]] = defaultdict(list)
    with folder_for_a_bench() as folder:
        bench = Bench(folder, slowed_archive())
        try:
            order = bench.order("litert", chosen.model, WARM_UP, chosen.threads)
            assert bench.link.facts is not None
            cpus = processors_for(order.cpu_affinity, bench.link.facts, chosen.threads)
            order = replace(order, cpu_affinity=cpus, sample_hz=0.0)
            for trial in range(chosen.trials):
                duets: dict[float, list[PlayedDuet]] = defaultdict(list)
                runs: dict[float, list[tuple[float, float]]] = defaultdict(list)
                for block in range(chosen.duets):
                    for share in dice.sample(shares, len(shares)):
                        turns = Turns(chosen.slice_ms / 1e3, 8, chosen.seconds, 60.0, dice.randrange(2**31))
                        sides = play(bench, order, share / 100, turns, block % 2 == 1)
                        duets[share].append(read_duet(*sides))
                        if chosen.keep:
                            keep(chosen.keep, trial, share, sides)
                        if chosen.runs:
                            swapped = block % 2 == 1
                            runs[share].append(run_pair(bench, order, share / 100, chosen.seconds / 2, swapped))
                for share in shares:
                    judge(answers, ratios, share, duets[share], runs[share])
                print_tables(shares, answers, ratios, trial + 1, chosen)
        finally:
            bench.link.close(politely=True)


def judge(
    answers: dict[tuple[str, float], Counter[Answer]],
    ratios: dict[tuple[str, float], list[float]],
    share: float,
    duets: Sequence[PlayedDuet],
    runs: Sequence[tuple[float, float]],
) -> None:
    answers["duets", share][compare_duets(duets, THRESHOLD).answer] += 1
    ratios["duets", share] += [one.ratio for one in duets]
    if runs:
        first, second = zip(*runs, strict=True)
        blocks = (range(len(runs)), range(len(runs)))
        answers["runs", share][compare(first, second, threshold=THRESHOLD, blocks=blocks).answer] += 1
        ratios["runs", share] += [b / a for a, b in runs]


def keep(path: Path, trial: int, share: float, sides: Sequence[JobResult]) -> None:
    told = [{"turns": one.details["turns"], "latencies_ns": one.timing.latencies_ns} for one in sides]
    with path.open("a") as file:
        file.write(json.dumps({"trial": trial, "share": share, "sides": told}) + "\n")


def print_tables(
    shares: Sequence[float],
    answers: dict[tuple[str, float], Counter[Answer]],
    ratios: dict[tuple[str, float], list[float]],
    trials: int,
    chosen: argparse.Namespace,
) -> None:
    """After every trial, so that a run that is stopped has told something."""
    what = f"{chosen.duets} duets of {chosen.seconds:g} s, slices of {chosen.slice_ms:g} ms"
    print(f"\n{trials} trials of {what}, {chosen.model}, {chosen.threads} threads")
    print("| slow-down | by | slower | faster | same | inconclusive | ratios: median, deviation, n |")
    print("|---|---|---|---|---|---|---|")
    for share in shares:
        for how in ("duets", "runs"):
            if found := ratios[how, share]:
                cells = " | ".join(str(answers[how, share][one]) for one in ORDER)
                deviation = 100 * statistics.stdev(map(math.log, found))
                middle = f"{statistics.median(found):.4f}, {deviation:.2f} %, {len(found)}"
                print(f"| {share:g} % | {how} | {cells} | {middle} |", flush=True)


if __name__ == "__main__":
    main()
