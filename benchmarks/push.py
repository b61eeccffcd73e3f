"""A large file to one board and to many: dynofarm against scp, rsync, fabric and pyinfra, in turn in one run.

Real OpenSSH servers on this machine, a file that no compressor makes smaller. dynofarm hashes while it writes, syncs
and renames; the others copy (rsync renames too). Every clock starts when the program is ready to connect (for scp and
rsync: when it starts) and stops when the file is there. A sweep has its sessions open anyway: the same push is told
without connecting and starting agents, too. CPU is the client's alone.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench_board  # noqa: F401 - puts the checkout on the path
from crowd import Crowd, Place, crowd
from farm_peers import SCRIPTS, environment
from interleaved import Median, median_of, ratio_of

from orchestrator.model_files.digest import digest_file

LIMIT_S = 600.0
BARS = {
    1: {"scp": (1.0, 0.75), "fabric": (0.75, None), "pyinfra": (0.65, None)},
    20: {"scp": (0.9, 0.7), "fabric": (0.8, None), "pyinfra": (0.4, None)},
}
"""Issue 4: ours over theirs, wall and client CPU."""


@dataclass(frozen=True)
class Took:
    wall_s: float
    cpu_s: float
    live: "Took | None" = None
    """Of that, what the push took on sessions that a sweep has open anyway."""
    check_s: tuple[float, ...] = ()


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="dynofarm-push-", dir=options.folder) as name:
        folder = Path(name)
        if 1 in options.boards:
            _compare(folder, 1, options.one_mb, options)
        for count in options.boards:
            if count > 1:
                _compare(folder, count, options.each_mb, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--boards", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--one-mb", type=int, default=400, help="size for one board")
    parser.add_argument("--each-mb", type=int, default=100, help="size for each of many boards")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be measured (needs the boards' files)")
    parser.add_argument("--peers", nargs="+", default=["scp", "rsync", "fabric", "pyinfra"])
    return parser.parse_args()


def _compare(folder: Path, count: int, size_mb: int, options: argparse.Namespace) -> None:
    path = folder / "model.bin"
    path.write_bytes(os.urandom(1_000_000 * size_mb))
    digest = digest_file(path).digest
    with crowd(folder / f"of-{count}", count) as boards:
        for place in boards.places:
            Path(place.work_dir).mkdir()
        subjects: dict[str, Callable[[], Took]] = {"dynofarm": lambda: _ours(boards, path, digest)}
        for peer in options.peers:
            tool = {"scp": _scp, "rsync": _rsync}.get(peer)
            if tool and shutil.which(peer) is None:
                print(f"{peer} is not installed here: left out")
                continue
            subjects[peer] = (
                (lambda tool=tool: _programs(boards.places, path, tool))
                if tool
                else lambda peer=peer: _peer(peer, boards, path)
            )
        figures = _in_turn(subjects, boards.places, options.rounds)
    _report(figures, count, size_mb)
    path.unlink()


def _in_turn(subjects: dict[str, Callable[[], Took]], places: Sequence[Place], rounds: int) -> dict[str, list[Took]]:
    figures: dict[str, list[Took]] = {name: [] for name in subjects}
    for turn in range(rounds + 1):
        for name in list(subjects) if turn % 2 == 0 else list(reversed(subjects)):
            took = subjects[name]()
            _clear(places)
            if turn:
                figures[name].append(took)
                if took.live is not None:
                    figures.setdefault("on a session", []).append(took.live)
    return figures


def _clear(places: Sequence[Place]) -> None:
    """The room is needed, and nobody shall find the file there; what was written reaches the disk on nobody's clock."""
    for place in places:
        shutil.rmtree(Path(place.work_dir) / "blobs", ignore_errors=True)
        (Path(place.work_dir) / "pushed").unlink(missing_ok=True)
    os.sync()


def _ours(boards: Crowd, path: Path, digest: str) -> Took:
    argv = [sys.executable, str(SCRIPTS / "push_dynofarm.py"), str(boards.places_file), str(path), digest]
    connected, pushed, checked, _ = _lines(argv)
    _require(pushed["answered"] == len(boards.places), "dynofarm left boards out")
    wall_s, cpu_s = connected["wall_s"] + pushed["wall_s"], connected["cpu_s"] + pushed["cpu_s"]
    return Took(wall_s, cpu_s, Took(pushed["wall_s"], pushed["cpu_s"]), tuple(checked))


def _peer(peer: str, boards: Crowd, path: Path) -> Took:
    argv = [str(environment(peer) / "python"), str(SCRIPTS / f"push_{peer}.py"), str(boards.places_file), str(path)]
    (told,) = _lines(argv)
    for place in boards.places:
        there = Path(place.work_dir) / "pushed"
        _require(there.exists() and there.stat().st_size == path.stat().st_size, f"{peer} left {place.name} out")
    return Took(told["wall_s"], told["cpu_s"])


def _lines(argv: Sequence[str]) -> list:
    variables = {name: value for name, value in os.environ.items() if name not in ("SSH_AUTH_SOCK", "PYTHONPATH")}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, check=False, env=variables)
    _require(done.returncode == 0, f"{argv[1]} failed: {done.stderr[-2000:]}")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return [json.loads(line) if line.startswith("{") else [float(word) for word in line.split()] for line in lines]


def _programs(places: Sequence[Place], path: Path, argv_of: Callable[[Place, Path], list[str]]) -> Took:
    """A program a board, all at once."""
    before, began = os.times(), time.perf_counter()
    running = [subprocess.Popen(argv_of(place, path), stdin=subprocess.DEVNULL) for place in places]
    statuses = [one.wait(LIMIT_S) for one in running]
    wall_s, after = time.perf_counter() - began, os.times()
    _require(not any(statuses), "a program failed")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(wall_s, cpu_s)


def _ssh_options(place: Place) -> list[str]:
    words = [f"UserKnownHostsFile={place.known_hosts}", "BatchMode=yes", "IdentitiesOnly=yes"]
    return [part for word in words for part in ("-o", word)]


def _scp(place: Place, path: Path) -> list[str]:
    target = f"{place.user}@{place.host}:{place.work_dir}/pushed"
    return ["scp", "-q", "-P", str(place.port), "-i", place.key_file, *_ssh_options(place), str(path), target]


def _rsync(place: Place, path: Path) -> list[str]:
    shell = " ".join(["ssh", "-p", str(place.port), "-i", place.key_file, *_ssh_options(place)])
    return ["rsync", "-e", shell, str(path), f"{place.user}@{place.host}:{place.work_dir}/pushed"]


def _require(held: bool, text: str) -> None:
    if not held:
        raise SystemExit(text)


def _report(figures: dict[str, list[Took]], count: int, size_mb: int) -> None:
    ours, bars = figures["dynofarm"], BARS.get(count, {})
    boards = "one board" if count == 1 else f"each of {count} boards"
    print(f"\n{size_mb} MB to {boards}, n = {len(ours)}; load {os.getloadavg()[0]:.1f}")
    print(f"{'':13} {'wall, s':>9} {'MB/s':>7} {'CPU, s/GB':>10}   ours over its: wall, CPU; then on a session")
    live = figures["on a session"]
    for name, took in figures.items():
        wall_s, cpu_s = median_of([one.wall_s for one in took]).value, median_of([one.cpu_s for one in took]).value
        line = f"{name:13} {wall_s:>9.2f} {size_mb * count / wall_s:>7.0f} {cpu_s / (size_mb * count) * 1000:>10.2f}"
        if name not in ("dynofarm", "on a session"):
            bar = bars.get(name, (None, None))
            for mine in (ours, live):
                wall = ratio_of([one.wall_s for one in mine], [one.wall_s for one in took])
                cpu = ratio_of([one.cpu_s for one in mine], [one.cpu_s for one in took])
                line += f"   {_ratio(wall, bar[0])}   {_ratio(cpu, bar[1])}"
        print(line)
    checks = [1000 * second for one in ours for second in one.check_s]
    print(f"second sweep: 0 bytes; the check on a live session took {median_of(checks)} ms a board (bar 1 ms)")


def _ratio(found: Median, bar: float | None) -> str:
    told = f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    return told + ("" if bar is None else f" (bar {bar}: {'held' if found.value <= bar else 'MISSED'})")


if __name__ == "__main__":
    main()
