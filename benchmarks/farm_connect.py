"""Connecting to many boards, and the first answer of a board never seen, beside the tools that others use for it."""

import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from crowd import Crowd, crowd
from farm_peers import Asked, ansible_ping, ask
from interleaved import median_of, ratio_of
from wiring import Cable, Shape, missing

SLOW_ONES_UP_TO = 50
BAR_CPU_MS = 4.0
BAR_OF_SLOW = 0.15
SLOW_LINK = Shape("2 Mbit/s, 20 ms round trip", 10.0, 2.0)


def connect_all(folder: Path, counts: Sequence[int], rounds: int) -> None:
    """A table for each size of crowd. All answer, wall no more than the fastest peer's, client CPU at most 4 ms."""
    for count in counts:
        peers = [*OURS, *PARALLEL]
        slow = ["ansible", "mitogen"] if count <= SLOW_ONES_UP_TO else []
        with crowd(folder / f"crowd{count}", count) as boards:
            ask("ours", boards.places_file)  # servers, caches and environments are warm
            took = _in_turn({name: lambda name=name: ask(name, boards.places_file) for name in peers}, rounds)
            # what is slow, and what starts a Python on each of this machine's boards, is asked less often
            took |= _in_turn(
                {name: lambda name=name: ask(name, boards.places_file) for name in ["ours, probed", *slow]},
                max(1, rounds // 3),
            )
        _print_crowd(count, took)
        shutil.rmtree(folder / f"crowd{count}")


def _in_turn(subjects: Mapping[str, Callable[[], Asked]], rounds: int) -> dict[str, list[Asked]]:
    took: dict[str, list[Asked]] = {name: [] for name in subjects}
    for turn in range(rounds):
        for name in list(subjects) if turn % 2 == 0 else reversed(subjects):
            took[name].append(subjects[name]())
    return took


def _print_crowd(count: int, took: Mapping[str, list[Asked]]) -> None:
    print(
        f"\nconnect to {count} boards and run `true` (asked: how they are; probed: agent started, lock taken, probed)"
    )
    print(f"{'':16} {'answered':>9} {'wall, s':>9} {'ours/it':>8} {'process, s':>11} {'CPU, ms a board':>16} {'n':>3}")
    ours = [one.wall_s for one in took["ours"]]
    for name, all_of_it in took.items():
        walls = [one.wall_s for one in all_of_it]
        paired = ratio_of(ours, walls).value if len(walls) == len(ours) else _middle(ours) / _middle(walls)
        print(
            f"{name:16} {min(one.answered for one in all_of_it):>9} {_middle(walls):>9.2f} {paired:>8.2f}"
            f" {_middle([one.process_s for one in all_of_it]):>11.2f}"
            f" {_middle([one.cpu_s for one in all_of_it]) / count * 1e3:>16.2f} {len(walls):>3}"
        )
    fastest = [min(these) for these in zip(*([one.wall_s for one in took[name]] for name in PARALLEL), strict=True)]
    for name in OURS:
        mine = [one.wall_s for one in took[name]]
        print(f"{name} over the fastest peer of each round: {ratio_of(mine, fastest)}   (bar 1.0)")
        cpu_ms = median_of([one.cpu_s / count * 1e3 for one in took[name]])
        print(f"{name}, CPU a board, ms: {cpu_ms}   (bar {BAR_CPU_MS})")
        for slow in set(took) & {"ansible", "mitogen"}:
            share = _middle(mine) / _middle([one.wall_s for one in took[slow]])
            print(f"{name} over {slow}: {share:.3f}   (bar {BAR_OF_SLOW})")


OURS = ("ours", "ours, asked")
PARALLEL = ("pyinfra", "fabric", "parallel_ssh")


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)


def fresh_board(folder: Path, rounds: int) -> None:
    """From nothing to the agent's first answer on a board without any file of ours, which is its lock taken; then over
    a slow link, where what travels counts."""
    print("\na board never seen, to the first answer of Python there (ours: agent carried over, started, lock taken)")
    with crowd(folder / "fresh", 1) as boards:
        _first_answers(boards, rounds)
    if missing():
        print(f"over a slow link: not measured here: {missing()}")
        return
    print(f"over {SLOW_LINK.name} (no bar)")
    with Cable(SLOW_LINK) as cable, crowd(folder / "slow", 1, [cable.board_address], cable.inside()) as boards:
        _first_answers(boards, rounds)


def _first_answers(boards: Crowd, rounds: int) -> None:
    names = ("ours, first answer", "mitogen", "ansible")
    took = _in_turn({name: lambda name=name: _never_seen(boards, name) for name in names}, rounds)
    ours = [one.wall_s for one in took[names[0]]]
    for name, bar in zip(names, (1.0, 0.5, 0.1), strict=True):
        walls = [one.wall_s for one in took[name]]
        print(f"{name:18} {median_of(walls)} s   ours/it {ratio_of(ours, walls)}   (bar {bar})")


def _never_seen(boards: Crowd, peer: str) -> Asked:
    for name in ("work", ".ansible"):
        shutil.rmtree(boards.folder / boards.places[0].name / name, ignore_errors=True)
    return ansible_ping(boards.places_file) if peer == "ansible" else ask(peer, boards.places_file)
