"""Does the rule of `compare` alarm too often, and does it find what is there? Beside a ratio of means, and asv's rule.

Simulated runs (simulated_runs.py), so that the truth is known: five runs a side, the second side slowed down by 0, 2,
3, 5 and 10 %, on a quiet board, a drifting one, a noisy one, one of two modes, and one with disturbed runs. All rules
judge the same figures. Bars for ours, on the quiet and the drifting board: at most 5 % false alarms, 10 % found in at
least 90 %, 5 % in at least 70 %. "Found" means called slower. asv judges the medians of runs, as its samples.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from other_rules import asv, ratio_of_means
from simulated_runs import CONDITIONS, Condition, Trials, simulate

from orchestrator.comparing import Answer, compare, noise_floor

SLOW_DOWNS = (0.0, 0.02, 0.03, 0.05, 0.10)
SIGNS = {Answer.SLOWER: 1, Answer.FASTER: -1}
Judge = Callable[[Sequence[float], Sequence[float], Sequence[float], Sequence[float]], int]
"""Medians of first and second, then means of first and second: 1 slower, -1 faster, 0 neither."""


def ours(paired: bool, *sides: Sequence[float], threshold: float = 0.05) -> int:
    first, second = sides[:2]
    blocks = (range(len(first)), range(len(second))) if paired else None
    return SIGNS.get(compare(first, second, threshold=threshold, blocks=blocks).answer, 0)


JUDGES: dict[str, Judge] = {
    "ours, paired by block": partial(ours, True),
    "ours, not paired": partial(ours, False),
    "ratio of means over 5 %": lambda _first, _second, first, second: ratio_of_means(first, second),
    "asv, factor 1.1": lambda first, second, *_: asv(first, second),
    "asv, factor 1.05": lambda first, second, *_: asv(first, second, 1.05),
}


def judged(runs: Trials, judge: Judge, slow_down: float) -> "np.ndarray":
    factor = 1 + slow_down
    lists = [one.tolist() for one in (runs.first_medians, runs.second_medians * factor)]
    lists += [one.tolist() for one in (runs.first_means, runs.second_means * factor)]
    return np.array([judge(*trial) for trial in zip(*lists, strict=True)])


def row(name: str, runs: Trials, judge: Judge) -> str:
    alarms = np.mean(judged(runs, judge, 0.0) != 0)
    found = [np.mean(judged(runs, judge, slow_down) == 1) for slow_down in SLOW_DOWNS[1:]]
    return f"| {name} | " + " | ".join(f"{100 * share:.1f} %" for share in (alarms, *found)) + " |"


def rules_table(trials: int, runs: int, seed: int) -> Iterator[str]:
    yield "| board and rule | false alarms | 2 % found | 3 % | 5 % | 10 % |"
    yield "|---|---|---|---|---|---|"
    for condition in CONDITIONS:
        simulated = simulate(condition, trials, runs, seed)
        for name, judge in JUDGES.items():
            yield row(f"{condition.name}: {name}", simulated, judge)
    in_turn = simulate(CONDITIONS[1], trials, runs, seed, interleaved=False)
    yield row("drifting, one side after the other: ours, not paired", in_turn, JUDGES["ours, not paired"])


def answers_table(trials: int, seed: int) -> Iterator[str]:
    """What our rule answers, and how the number of runs and a board's own threshold change it."""
    yield "| board, runs a side, threshold | slow-down | slower | faster | same | inconclusive |"
    yield "|---|---|---|---|---|---|"
    for condition in CONDITIONS[:2]:
        for runs in (3, 4, 5, 10):
            simulated = simulate(condition, trials, runs, seed + 1)
            for paired in (True, False):
                for slow_down in (0.0, 0.05):
                    name = f"{condition.name}, {runs} {'paired' if paired else 'not paired'}, 5 %"
                    yield answers_row(name, simulated, slow_down, paired, [0.05] * trials)
            # Each trial's threshold is the floor that another sweep of the same board showed.
            both = np.concatenate([simulated.first_medians, simulated.second_medians], axis=1)
            floors = [noise_floor(medians, runs) for medians in np.roll(both, 1, axis=0).tolist()]
            name = f"{condition.name}, {runs} paired, own floor ({100 * np.median(floors):.1f} %)"
            for slow_down in (0.0, 0.05):
                yield answers_row(name, simulated, slow_down, True, floors)


def answers_row(name: str, runs: Trials, slow_down: float, paired: bool, thresholds: Sequence[float]) -> str:
    shares = dict.fromkeys(Answer, 0)
    sides = zip(runs.first_medians.tolist(), (runs.second_medians * (1 + slow_down)).tolist(), thresholds, strict=True)
    for first, second, threshold in sides:
        blocks = (range(len(first)), range(len(second))) if paired else None
        shares[compare(first, second, threshold=threshold, blocks=blocks).answer] += 1
    order = (Answer.SLOWER, Answer.FASTER, Answer.SAME, Answer.INCONCLUSIVE)
    cells = " | ".join(f"{100 * shares[one] / len(thresholds):.1f} %" for one in order)
    return f"| {name} | {100 * slow_down:.0f} % | {cells} |"


def further_table(trials: int, seed: int) -> Iterator[str]:
    """Of inconclusive comparisons that named a number of further runs: how many were settled by exactly so many."""
    most = 30
    yield "| board | slow-down | inconclusive at 5 a side | of them told at most 25 more (median) | settled by them |"
    yield "|---|---|---|---|---|"
    for condition in CONDITIONS[:3]:
        runs = simulate(condition, trials, most, seed + 2)
        for slow_down in (0.0, 0.03, 0.05):
            yield further_row(condition, runs, slow_down)


def further_row(condition: Condition, runs: Trials, slow_down: float) -> str:
    told, settled, inconclusive = [], 0, 0
    sides = zip(runs.first_medians.tolist(), (runs.second_medians * (1 + slow_down)).tolist(), strict=True)
    for first, second in sides:
        early = compare(first[:5], second[:5], blocks=(range(5), range(5)))
        inconclusive += early.answer is Answer.INCONCLUSIVE
        if early.more_runs and 5 + early.more_runs <= len(first):
            n = 5 + early.more_runs
            told.append(early.more_runs)
            settled += compare(first[:n], second[:n], blocks=(range(n), range(n))).answer is not Answer.INCONCLUSIVE
    share = f"{100 * settled / len(told):.0f} %" if told else "–"
    median = f"{np.median(told):.0f}" if told else "–"
    cells = f"{inconclusive} of {len(runs.first_medians)} | {len(told)} ({median}) | {share}"
    return f"| {condition.name} | {100 * slow_down:.0f} % | {cells} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", action="store_true", help="also what is answered, and whether further runs settle it")
    chosen = parser.parse_args()
    print(f"n = {chosen.trials} trials a cell, five runs a side, seed {chosen.seed}\n")
    for line in rules_table(chosen.trials, 5, chosen.seed):
        print(line, flush=True)
    if chosen.more:
        for table in (answers_table(chosen.trials, chosen.seed), further_table(chosen.trials // 4, chosen.seed)):
            print()
            for line in table:
                print(line, flush=True)


if __name__ == "__main__":
    main()
