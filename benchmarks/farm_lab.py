"""The same sweep by dynofarm and by ml-systems-lab, which starts each point over `ssh` and `scp`: what a point costs.

Boards x threads x repeats of one small ONNX model, whole processes on both sides, everything on the boards already: for
the peer the model was laid there by hand. Same boards, same Python there, same version of onnxruntime. Every point is
looked up in what the tool stored, and a sweep that lacks one ends the benchmark. Overhead is the wall time without the
warm-ups and timed loops that were stored; where boards measure at once, without those of the board that has most.
"""

import json
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import onnx
from crowd import Crowd, Place, crowd
from farm_peers import PACKAGES, environment
from interleaved import Median, interleave, median_of, ratio_of
from onnx import TensorProto, helper

from orchestrator.profiles.text import profile_text
from tests.farming import TestFarm

PEER = "ml_systems_lab"
PEER_VERSION, RUNTIME_VERSION = (package.partition("==")[2] for package in PACKAGES[PEER])
THREADS, REPEATS, INFERENCES = (1, 2), 2, 50
PEER_WARMUP = 10
"""What it does when nothing is said."""
MODEL = "matmul"
WIDTH = 256
"""One row through a square matrix: microseconds, and an input that costs neither tool time to make (in ours, whose
boards need no numpy, 65,536 numbers take 0.04 s each time that they are made)."""
BAR_OF_PEER = 1 / 3

SWEEP = f"""\
models: [{MODEL}]
runtimes: [onnxruntime@{RUNTIME_VERSION}]
on: [kind:loopback]
threads: {list(THREADS)}
repeats: {REPEATS}
reference: false
protocol: {{name: fifty, base: quick, warmup_inferences: 3, warmup_s: 0, warmup_limit_s: 0,
           min_inferences: {INFERENCES}, min_s: 0, max_s: 1m}}
"""
"""As short a warm-up as there is: in a longer one, work of the orchestrator could hide."""


@dataclass(frozen=True)
class Point:
    """One of a sweep, as the tool that measured it has stored it."""

    board: str
    threads: int
    inferences: int
    measuring_s: float
    runtime_version: str


@dataclass(frozen=True)
class Swept:
    """What a point of one sweep took besides measuring, and the CPU time on the orchestrator's side."""

    overhead_ms: float
    cpu_ms: float


class Subject(ABC):
    """A way to do the sweep: programs that are started at once and in the end have stored every point."""

    name: ClassVar[str]
    at_once: ClassVar[bool]

    def __init__(self, folder: Path, boards: Crowd, model: Path) -> None:
        folder.mkdir()
        self.folder, self.places = folder, boards.places
        self.prepare(boards, model)

    @abstractmethod
    def prepare(self, boards: Crowd, model: Path) -> None:
        """Lay out what the programs need."""

    @abstractmethod
    def programs(self) -> tuple[list[list[str]], Path, Mapping[str, str]]:
        """The words of each, the folder they start in, and their variables."""

    @abstractmethod
    def stored(self) -> list[Point]:
        """The points that the sweep has measured, read from the tool's own results."""

    def sweep(self) -> Swept:
        wall_s, cpu_s = _run(*self.programs(), self.folder / "said")
        points = self.stored()
        _check(self.name, points, self.places)
        each = [sum(point.measuring_s for point in points if point.board == place.name) for place in self.places]
        measuring_s = max(each) if self.at_once else sum(each)
        return Swept((wall_s - measuring_s) / len(points) * 1e3, cpu_s / len(points) * 1e3)


class OursInTurn(Subject):
    """Loopback boards are one machine, so as it comes they are one group and take turns."""

    name = "ours: one group, boards in turn"
    at_once = False

    def prepare(self, boards: Crowd, model: Path) -> None:
        self.farm = TestFarm(self.folder)
        self.farm.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users' Pythons keep what they compiled
        self.farm.run("init").ok()
        shutil.copy(boards.known_hosts, self.folder / "known_hosts")
        for place in boards.places:
            device = replace(place.device(_board_python()), group=self.group_of(place))
            (self.folder / "device_profiles" / f"{place.name}.yaml").write_text(profile_text(device))
        self.farm.run("model", "add", str(model)).ok()
        self.file = self.farm.write_sweep("lab", SWEEP)

    def group_of(self, _place: Place) -> str | None:
        return None

    def programs(self) -> tuple[list[list[str]], Path, Mapping[str, str]]:
        return [self.farm.argv("run", self.file)], self.folder, self.farm.variables()

    def stored(self) -> list[Point]:
        rows = self.farm.sql(
            "SELECT device, threads, n, warmup_ns + loop_wall_ns AS measuring_ns, runtime_version FROM runs_view"
            " WHERE role = 'case' AND status = 'ok' AND sweep_id = (SELECT max(sweep_id) FROM sweeps_view)"
        )
        return [
            Point(row["device"], row["threads"], row["n"], row["measuring_ns"] / 1e9, row["runtime_version"])
            for row in rows
        ]


class OursAtOnce(OursInTurn):
    name = "ours: a group a board, boards at once"
    at_once = True

    def group_of(self, place: Place) -> str | None:
        return place.name


class PeerInTurn(Subject):
    """It warms up with ten inferences and does not store how long: ten times the mean latency is taken off."""

    name = "ml-systems-lab as it comes: boards in turn"
    at_once = False

    def prepare(self, boards: Crowd, model: Path) -> None:
        for place in boards.places:
            shutil.copy(model, boards.folder / place.name / f"{MODEL}.onnx")  # the board's home
        repeats = [f"{MODEL}-{number}" for number in range(REPEATS)]  # a point that is there twice it refuses
        sweep = {
            "devices": {place.name: self.device_of(place) for place in boards.places},
            "models": {name: {"path": f"~/{MODEL}.onnx"} for name in repeats},
            "matrix": {
                "devices": [place.name for place in boards.places],
                "models": repeats,
                "threads": list(THREADS),
                "backend": "onnxruntime",
                "repetitions": INFERENCES,
                "warmup": PEER_WARMUP,
            },
        }
        self.file = self.folder / "sweep.json"
        self.file.write_text(json.dumps(sweep))

    def device_of(self, place: Place) -> dict[str, object]:
        options = ["-F", "none", "-o", f"UserKnownHostsFile={place.known_hosts}", "-o", "IdentitiesOnly=yes"]
        return {
            "kind": "ssh", "host": place.host, "port": place.port, "user": place.user,
            "identity_file": place.key_file, "python": _board_python(), "ssh_options": options,
        }  # fmt: skip

    def programs(self) -> tuple[list[list[str]], Path, Mapping[str, str]]:
        shutil.rmtree(self.folder / "runs", ignore_errors=True)  # it measures no point again that is there
        unwanted = ("SSH_AUTH_SOCK", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
        variables = {name: value for name, value in os.environ.items() if name not in unwanted}
        return self.commands(), self.folder, variables

    def commands(self) -> list[list[str]]:
        return [self.command("runs")]

    def command(self, output: str, *options: str) -> list[str]:
        return [str(environment(PEER) / "mlsys"), "run", str(self.file), "--output", output, *options]

    def stored(self) -> list[Point]:
        found = (json.loads(path.read_text()) for path in (self.folder / "runs").rglob("*.json"))
        return [_point_of(record) for record in found if record.get("status") == "ok"]


class PeerConcurrent(PeerInTurn):
    name = "ml-systems-lab --concurrent"
    at_once = True

    def commands(self) -> list[list[str]]:
        return [self.command("runs", "--concurrent")]


class PeerProcesses(PeerInTurn):
    name = "ml-systems-lab, a process a board at once"
    at_once = True

    def commands(self) -> list[list[str]]:
        return [self.command(f"runs/{place.name}", "--device", place.name) for place in self.places]


SUBJECTS = (PeerInTurn, OursInTurn, PeerConcurrent, PeerProcesses, OursAtOnce)


def same_sweep(folder: Path, count: int, rounds: int) -> None:
    """A line for each way to do it. As both come, ours at most a third of its overhead a point."""
    model = _write_model(folder / f"{MODEL}.onnx")
    with crowd(folder / "lab", count) as boards:
        subjects = {kind.name: kind(folder / kind.__name__, boards, model) for kind in SUBJECTS}
        calls = {name: subject.sweep for name, subject in subjects.items()}
        took = interleave(calls, rounds)
        imports_ms = [_import_s(boards.places[0]) * 1e3 for _ in range(rounds + 1)][1:]
    points = count * len(THREADS) * REPEATS
    print(
        f"\nthe same sweep by ml-systems-lab {PEER_VERSION} and by ours: {count} boards, {points} points of"
        f" {INFERENCES} inferences, onnxruntime {RUNTIME_VERSION}, n = {rounds}; all points measured by all"
    )
    print(f"{'':44} {'overhead a point, ms':>22} {'CPU here a point, ms':>22}")
    for name, sweeps in took.items():
        overhead_ms, cpu_ms = (median_of(one) for one in zip(*((s.overhead_ms, s.cpu_ms) for s in sweeps), strict=True))
        print(f"{name:44} {_rounded(overhead_ms):>22} {_rounded(cpu_ms):>22}")
    print(f"of it a Python on a board that starts and imports onnxruntime: {_rounded(median_of(imports_ms))} ms")
    in_turn = _ours_over(took, OursInTurn, PeerInTurn)
    verdict = "held" if in_turn.value <= BAR_OF_PEER else "MISSED"
    print(f"as both come, ours over its: {in_turn}   (bar {BAR_OF_PEER:.3f}: {verdict})")
    print(f"boards at once, ours over its --concurrent: {_ours_over(took, OursAtOnce, PeerConcurrent)}")
    print(f"boards at once, ours over its processes: {_ours_over(took, OursAtOnce, PeerProcesses)}")
    print(f"load of this machine at the end: {os.getloadavg()[0]:.1f}")


def _ours_over(took: Mapping[str, Sequence[Swept]], ours: type[Subject], its: type[Subject]) -> Median:
    return ratio_of([one.overhead_ms for one in took[ours.name]], [one.overhead_ms for one in took[its.name]])


def _rounded(found: Median) -> str:
    return f"{found.value:.0f} [{found.low:.0f}, {found.high:.0f}]"


def _run(
    programs: Sequence[Sequence[str]], folder: Path, variables: Mapping[str, str], said: Path
) -> tuple[float, float]:
    """Wall and CPU seconds of programs that run beside each other, and of all that they started and waited for."""
    running: list[subprocess.Popen[bytes]] = []
    cpu_s = 0.0
    with said.open("wb") as log:
        began = time.perf_counter()
        try:
            running.extend(
                subprocess.Popen(
                    argv, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
                for argv in programs
            )
            for one in running:
                _, status, usage = os.wait4(one.pid, 0)
                one.returncode = os.waitstatus_to_exitcode(status)
                cpu_s += usage.ru_utime + usage.ru_stime
        finally:
            for one in running:
                if one.returncode is None:
                    one.kill()
        wall_s = time.perf_counter() - began
    if any(one.returncode for one in running):
        raise SystemExit(f"{programs[0][0]} failed: {said.read_text()[-2000:]}")
    return wall_s, cpu_s


def _check(name: str, points: Sequence[Point], places: Sequence[Place]) -> None:
    wanted = Counter({(place.name, threads): REPEATS for place in places for threads in THREADS})
    if Counter((point.board, point.threads) for point in points) != wanted:
        raise SystemExit(f"{name} measured {len(points)} points of {wanted.total()}")
    odd = [point for point in points if (point.inferences, point.runtime_version) != (INFERENCES, RUNTIME_VERSION)]
    if odd:
        raise SystemExit(f"{name} measured something else: {odd[0]}")


def _point_of(record: dict[str, Any]) -> Point:
    metrics = record["metrics"]
    inferences = metrics["extra"]["reps"]
    loop_s, warmup_s = inferences / metrics["throughput_ips"], PEER_WARMUP * metrics["latency_ms_mean"] / 1e3
    board, threads = record["device"]["device_id"], record["knobs"]["threads"]
    return Point(board, threads, inferences, loop_s + warmup_s, record["backend"]["version"])


def _board_python() -> str:
    """The peer finds onnxruntime there; ours brings the same version in a bundle."""
    return str(environment(PEER) / "python")


def _import_s(place: Place) -> float:
    """What every point pays on both sides. The boards are this machine, so no connection is in it."""
    began = time.perf_counter()
    subprocess.run([_board_python(), "-c", "import onnxruntime"], check=True, cwd=place.work_dir)
    return time.perf_counter() - began


def _write_model(path: Path) -> Path:
    row, square = [1, WIDTH], [WIDTH, WIDTH]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, row) for name in "xy")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], MODEL, [x], [y],
        [helper.make_tensor("w", TensorProto.FLOAT, square, [number % 7 / WIDTH for number in range(WIDTH**2)])],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path
