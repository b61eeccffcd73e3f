"""This machine as a board with one warm session: jobs are ordered and measured as a sweep does it, one by one."""

import os
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench_board import MODELS

from agent.protocol import JobResult, JobSpec, MeasureProtocol
from orchestrator.bundle import AgentArchive
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.devices import Link as LinkKind
from orchestrator.launch import new_job_id
from orchestrator.links import Link
from orchestrator.model_files import read_model
from orchestrator.plan import plan
from orchestrator.runtimes import find_runtime, objection, version_for
from orchestrator.runtimes.targets import target_of
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport.connect import connect

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class Bench:
    """A session with an agent on this machine; `archive` is the agent, or one that a benchmark has changed."""

    def __init__(self, folder: Path, archive: AgentArchive) -> None:
        self._device = Device("here", LinkKind.LOCAL, work_dir=str(folder / "work"))
        self._shelf = CarrierShelf(CACHE / "dynofarm" / "orchestrator")
        self.link = Link(
            self._device,
            partial(connect, known_hosts=folder / "known_hosts"),
            archive,
            "benchmark",
            lambda _event: None,
            threading.Event(),
        )
        self.session = self.link.open(0.0)

    def order(self, runtime: str, name: str, protocol: MeasureProtocol, threads: int = 1) -> JobSpec:
        """A job as a sweep would plan it, its things on the board."""
        model, choice = read_model(MODELS / name), RuntimeChoice(runtime, self.version(runtime))
        sweep = Sweep("benchmark", (model.name,), ("all",), (choice,), threads=(threads,), protocol=protocol)
        assert self.link.facts is not None
        job = plan(sweep, [model], [self._device], {"here": self.link.facts}, objection, new_job_id)[0]
        assert job.skip_reason is None, job.skip_reason
        return Supply([model], self._shelf, lambda _event: None).outfit(self.session, self.link.facts, job, [job])

    def version(self, runtime: str) -> str:
        assert self.link.facts is not None
        version = version_for(find_runtime(runtime), RuntimeChoice(runtime), target_of(self.link.facts))
        assert version is not None
        return version

    def measure(self, order: JobSpec, **changes: Any) -> JobResult:
        outcome = self.session.run(replace(order, job_id=new_job_id(), **changes), lambda _stage: None)
        assert isinstance(outcome, JobResult), outcome
        self.session.acknowledge(outcome.job_id)
        return outcome
