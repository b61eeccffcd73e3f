"""A farm of simulated boards and its orchestrator: launch a sweep, and resume it until nothing is owed."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from orchestrator import launch
from orchestrator.devices import Device, Kind
from orchestrator.events import Event
from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.farm_file import CONNECTIONS
from orchestrator.launch import Launcher, Outcome
from orchestrator.model_files import read_model
from orchestrator.models import Model
from orchestrator.runs import Job
from orchestrator.store import Store
from orchestrator.sweep import QUICK, RuntimeChoice, Sweep
from orchestrator.transport import Transport
from tests.simulated.board import SimulatedBoard
from tests.simulated.clock import FarmClock, farm_time
from tests.simulated.faults import Faults
from tests.simulated.transport import SimulatedTransport
from tests.simulated.world import World

LOCK_WAIT_S = 90.0
CASES = 4


@dataclass(frozen=True)
class Size:
    """What to simulate. `group`: so many boards are one machine and take turns. `job_s` in seconds of the farm.
    `connections`: how many boards are being connected to at one time."""

    boards: int
    jobs: int
    faults: float = 0.0
    seed: int = 1
    job_s: float = 5.0
    group: int = 1
    latencies: int = 100
    model_bytes: int = 20_000
    speed: float = 1.0
    connections: int = CONNECTIONS


class Listener:
    """Counts what the orchestrator tells."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self.most_threads = 0

    def notify(self, event: Event) -> None:
        self.told[type(event).__name__] += 1
        self.most_threads = max(self.most_threads, threading.active_count())

    def expect(self, jobs: Sequence[Job]) -> None:
        self.told["planned"] += len(jobs)

    def stop_asked(self, by: str) -> None:
        self.told["stop asked"] += 1


class SimulatedFarm:
    """Boards, world, store and launcher below one folder. Made by `simulated_farm`."""

    def __init__(self, root: Path, size: Size, world: World) -> None:
        self.size = size
        self.world = world
        self.faults = Faults(size.seed, size.faults)
        self.listener = Listener()
        init_farm(root)
        (root / "farm.yaml").write_text(f"connections: {size.connections}\n")
        self.farm: Farm = replace(find_farm(root), cache=root / "cache")
        self.store = Store.open(self.farm.database, create=True)
        self.devices = [self._device(number) for number in range(size.boards)]
        self.boards = {
            device.name: SimulatedBoard(world, device.name, device.exclusion, self.faults.of(device.name), size.job_s)
            for device in self.devices
        }
        self.model = self._model(root)

    def launch(self) -> Outcome:
        """`dynofarm run`."""
        cases = CASES if self.size.jobs % CASES == 0 else 1
        options = tuple({"sleep_ms": 1 + case} for case in range(cases))
        sweep = Sweep(
            "simulated", (self.model.name,), ("all",), (RuntimeChoice("fake"),), options=options, protocol=QUICK,
            repeats=self.size.jobs // cases, reference=False,
        )  # fmt: skip
        return self._launcher().launch(sweep, [self.model], self.devices)

    def resume(self, sweep_id: int) -> Outcome:
        """`dynofarm run --resume`."""
        return self._launcher().resume(sweep_id, self.devices)

    def run_to_the_end(self, most_resumes: int = 20) -> list[Outcome]:
        """Launch, and resume until nothing is owed."""
        outcomes = [self.launch()]
        while outcomes[-1].owed and len(outcomes) <= most_resumes:
            outcomes.append(self.resume(outcomes[-1].sweep_id))
        return outcomes

    def _launcher(self) -> Launcher:
        return Launcher(self.farm, self.store, self.listener, self.world.clock.event(), LOCK_WAIT_S)

    def connect(self, device: Device, **_: object) -> Transport:
        """In the place of `transport.connect.connect`."""
        return SimulatedTransport(self.boards[device.name], self.size.latencies)

    def _device(self, number: int) -> Device:
        group = f"machine-{number // self.size.group}" if self.size.group > 1 else None
        return Device(
            f"board-{number:05}", kind=Kind.EMULATED, host=f"board-{number:05}.invalid", work_dir="/work", group=group,
            thermal_auto=False,
        )  # fmt: skip

    def _model(self, root: Path) -> Model:
        declared = {
            "format": "dynofarm-fake",
            "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
            "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
        }
        path = root / "fake.json"
        path.write_text(json.dumps(declared).ljust(self.size.model_bytes))
        model = read_model(path, "fake")
        self.store.add_model(model)
        return model


@contextmanager
def simulated_farm(root: Path, size: Size) -> Iterator[SimulatedFarm]:
    """A farm that stands until the end of the block; nothing of it is left then. `root`: an empty folder."""
    clock = FarmClock(size.speed)
    with World(clock) as world, farm_time(clock):
        farm = SimulatedFarm(root, size, world)
        with farm.store, mock.patch.object(launch, "connect", farm.connect):
            yield farm
    if world.fault is not None:
        raise world.fault


@dataclass
class Timed:
    """Wall and processor seconds of a block; both grow until it ends."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def timed() -> Iterator[Timed]:
    """How long the block took, in this machine's seconds."""
    found, wall, cpu = Timed(), time.perf_counter(), time.process_time()
    try:
        yield found
    finally:
        found.wall_s, found.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
