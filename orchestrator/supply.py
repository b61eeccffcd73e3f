"""What a job needs on its board: the model, the runtime, and the order that names them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Semaphore
from typing import Protocol

from agent.protocol import EnergyPlan, Facts, JobSpec, ModelOnBoard, RuntimeOnBoard, ThermalGate
from orchestrator.affinity import cpus_of
from orchestrator.carriers import Carrier
from orchestrator.devices import Device
from orchestrator.errors import ModelError, RuntimeUnavailable, TransferCorrupt
from orchestrator.events import Event, Fetching, Noted, Pushing
from orchestrator.idle import gate_c
from orchestrator.models import Model
from orchestrator.runs import Job, Role
from orchestrator.session import AgentSession
from orchestrator.sweep import RuntimeChoice

PUSHES_AT_ONCE = 8
"""More parallel uploads win nothing and delay the heartbeats of the boards that measure."""

ENERGY_PLAN = EnergyPlan(idle_s=10.0, sample_hz=10.0)
"""A baseline of a hundred readings, and ten or more in the shortest loop of the named protocols (1 s). Faster would
measure the board at work on its own measurement: 50 Hz slowed one six-fold (docs/measurement.md)."""


class Shelf(Protocol):
    """Where carriers of runtimes come from (`carriers.CarrierShelf`)."""

    def fetch(self, choice: RuntimeChoice, facts: Facts) -> Carrier: ...


class Supply:
    """Brings to a board what a job needs, each thing once per board and hash.

    `idle_c` gives a board's temperature when it idles, by name; None where it is not known.
    """

    def __init__(
        self,
        models: Sequence[Model],
        shelf: Shelf,
        notify: Callable[[Event], None],
        idle_c: Callable[[str], float | None] = lambda _name: None,
    ) -> None:
        self._models: Mapping[str, Model] = {model.digest: model for model in models}
        self._shelf = shelf
        self._notify = notify
        self._idle_c = idle_c
        self._noted: set[str] = set()
        self._carriers: dict[tuple[str, RuntimeChoice], Carrier | RuntimeUnavailable] = {}
        self._pushing = Semaphore(PUSHES_AT_ONCE)

    def outfit(self, session: AgentSession, facts: Facts, job: Job, needed: Sequence[Job]) -> JobSpec:
        """Push what is missing for `job` and return its order. `needed`: all jobs whose things must not be evicted.

        Raises `RuntimeUnavailable`, `ModelError` (the file is gone or changed) and the board's errors.
        """
        model, device = self._models[job.model_digest], session.device
        cpus, start_c = self._cpus(device, facts), gate_c(device, self._idle_c(device.name))
        carriers = {one.runtime: self._carrier(device, one.runtime, facts) for one in (job, *needed)}
        carrier = carriers[job.runtime]
        if isinstance(carrier, RuntimeUnavailable):
            raise carrier
        keep = {one.model_digest for one in needed} | {model.digest}
        keep |= {one.runtime.digest for one in carriers.values() if isinstance(one, Carrier) and one.runtime.digest}
        wanted = [(model.digest, model.path, f"{model.name} ({model.format})")]
        if carrier.path is not None and carrier.runtime.digest is not None:
            wanted.append((carrier.runtime.digest, carrier.path, str(job.runtime)))
        self._bring(session, wanted, sorted(keep))
        if carrier.runtime.carrier == "bundle" and carrier.runtime.digest is not None:
            session.unpack(carrier.runtime.digest)
        gate = ThermalGate(start_c, limit_s=device.thermal_limit_s)
        return replace(_order(job, model, carrier.runtime, gate, cpus), held_clock_khz=session.held_clock_khz)

    def _cpus(self, device: Device, facts: Facts) -> list[int] | None:
        cpus, note = cpus_of(device, facts)
        if note and device.name not in self._noted:
            self._noted.add(device.name)
            self._notify(Noted(device.name, note))
        return cpus

    def _carrier(self, device: Device, choice: RuntimeChoice, facts: Facts) -> Carrier | RuntimeUnavailable:
        """All that a board needs is fetched before its first job; what cannot be had is asked for only once."""
        key = (device.name, choice)
        if key not in self._carriers:
            self._notify(Fetching(device.name, str(choice)))
            try:
                self._carriers[key] = self._shelf.fetch(choice, facts)
            except RuntimeUnavailable as error:
                self._carriers[key] = error
        return self._carriers[key]

    def _bring(self, session: AgentSession, wanted: Sequence[tuple[str, Path, str]], keep: Sequence[str]) -> None:
        missing = set(session.holdings([digest for digest, _, _ in wanted]).missing)
        for digest, path, what in wanted:
            if digest in missing:
                self._push(session, digest, path, what, keep)

    def _push(self, session: AgentSession, digest: str, path: Path, what: str, keep: Sequence[str]) -> None:
        name = session.device.name
        try:
            size_bytes = path.stat().st_size
        except OSError as error:
            raise _unreadable(path, error) from None
        model = self._models.get(digest)
        if model is not None and size_bytes != model.size_bytes:
            raise ModelError(
                f"{path} has {size_bytes} bytes; the model {model.name} had {model.size_bytes} when it was added",
                f"the file changed; add it again: dynofarm model add {path}",
            )
        session.make_room(size_bytes, keep)
        with self._pushing:
            self._notify(Pushing(name, what, 0, size_bytes))
            try:
                session.push(digest, path, size_bytes, lambda sent: self._notify(Pushing(name, what, sent, size_bytes)))
            except TransferCorrupt:
                _check_unchanged(path, digest)
                raise
            except OSError as error:
                raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ModelError:
    return ModelError(f"{path}: {error.strerror or error}", "add it again: dynofarm model add FILE")


def _check_unchanged(path: Path, digest: str) -> None:
    """A wrong hash on the board is the link's fault only when the file here still has the right one."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None
    if found != digest:
        raise ModelError(f"{path} changed since it was added", f"add it again: dynofarm model add {path}")


def _order(job: Job, model: Model, runtime: RuntimeOnBoard, thermal: ThermalGate, cpus: list[int] | None) -> JobSpec:
    return JobSpec(
        job_id=job.job_id,
        model=ModelOnBoard(model.digest, model.name, model.format, list(model.recipes)),
        runtime=runtime,
        threads=job.threads,
        delegate=job.delegate,
        options=dict(job.options),
        protocol=job.protocol,
        seed=job.seed,
        references=list(model.references),
        thermal=thermal,
        cpu_affinity=cpus,
        sample_hz=job.sample_hz,
        deadline_s=job.deadline_s,
        energy=ENERGY_PLAN if job.role is Role.ENERGY else None,
    )
