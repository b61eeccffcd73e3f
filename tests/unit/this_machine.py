"""This machine as a board, in this process: a real agent as a subprocess, the real store, the fake runtime."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from agent.protocol import MeasureProtocol
from orchestrator.breaker import Limits
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.devices import Link as LinkKind
from orchestrator.events import Event
from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.launch import Launcher
from orchestrator.links import Connect, Link
from orchestrator.model_files import read_model
from orchestrator.models import Model
from orchestrator.runs import Job
from orchestrator.store import Store
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport import Transport
from orchestrator.transport.local import LocalTransport
from tests.making import make_job

TINY = MeasureProtocol("tiny", 2, 0.0, 0.2, 8, 0.0, 5.0)
HASTY = Limits(first_s=0.01, longest_s=0.05, attempts=6, patience_s=60.0)
"""A board that is lost is tried again at once: these tests are about what happens, not about when."""
E = TypeVar("E")


def connect_here(device: Device, **_: object) -> Transport:
    return LocalTransport(device)


@dataclass
class Bench:
    """A farm below `root`, its store, and everything that was told."""

    root: Path
    store: Store
    farm: Farm
    heard: list[Event] = field(default_factory=list)
    expected: list[Job] = field(default_factory=list)
    asked_by: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def below(cls, root: Path) -> "Bench":
        init_farm(root)
        farm = replace(find_farm(root), cache=root / "cache")
        return cls(root, Store.open(root / "results.db", create=True), farm)

    def notify(self, event: Event) -> None:
        self.heard.append(event)

    def expect(self, jobs: Sequence[Job]) -> None:
        self.expected += jobs

    def stop_asked(self, by: str) -> None:
        self.asked_by.append(by)

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.heard if isinstance(event, kind)]

    def device(self, name: str = "bench", **changes: Any) -> Device:
        return Device(name, LinkKind.LOCAL, work_dir=str(self.root / "work" / name), **changes)

    def link(
        self,
        device: Device,
        connect: Connect = connect_here,
        slots: threading.Semaphore | None = None,
    ) -> Link:
        return Link(device, connect, agent_zipapp(), "a test", self.notify, self.stop, slots)

    def model(self, name: str = "fake", **declared: Any) -> Model:
        """A model of the fake runtime, registered."""
        content = {
            "format": "dynofarm-fake",
            "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
            "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
            **declared,
        }
        path = self.root / f"{name}.json"
        path.write_text(json.dumps(content))
        model = read_model(path, name)
        self.store.add_model(model)
        return model

    def job(self, model: Model, device: str = "bench", job_id: str = "a" * 32, **changes: Any) -> Job:
        values: dict[str, Any] = {
            "device": device, "model": model.name, "model_digest": model.digest, "runtime": RuntimeChoice("fake"),
            "protocol": TINY, "options": {"sleep_ms": 1},
        }  # fmt: skip
        return make_job(job_id, **(values | changes))

    def supply(self, *models: Model) -> Supply:
        return Supply(models, CarrierShelf(self.farm.cache), self.notify)

    def sweep(self, model: Model, **changes: Any) -> Sweep:
        values: dict[str, Any] = {
            "name": "fakes", "models": (model.name,), "on": ("all",), "runtimes": (RuntimeChoice("fake"),),
            "options": ({"sleep_ms": 1},), "protocol": TINY, "repeats": 1, "reference": False,
        }  # fmt: skip
        return Sweep(**(values | changes))

    def launcher(self, lock_wait_s: float = 0.0, *, power_cycle: bool = False) -> Launcher:
        return Launcher(self.farm, self.store, self, self.stop, lock_wait_s, power_cycle=power_cycle, limits=HASTY)
