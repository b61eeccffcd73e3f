"""Stored sweeps whose truth is known: models, boards and latencies as a test names them, in a real store."""

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.protocol import Memory, Timing
from orchestrator.models import Model
from orchestrator.records import RunFilter
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.store import Store
from orchestrator.study import Artifact, StudyCase, artifact_of, group_cases
from orchestrator.sweep import RuntimeChoice, Sweep
from tests.making import MOMENT, make_job, make_model, make_result, make_run

MS = 1_000_000
LITERT = RuntimeChoice("litert")


def teacher_model(**changes: Any) -> Model:
    values: dict[str, Any] = {"size_bytes": 438_000_000, "weights": {"float32": 437_000_000}}
    return make_model("bert", **(values | changes))


def student_model(name: str = "mini", **changes: Any) -> Model:
    values: dict[str, Any] = {"size_bytes": 2_700_000, "weights": {"int8": 2_600_000}}
    return make_model(name, **(values | changes))


@dataclass(frozen=True)
class Planned:
    """One case: so many runs, each of `n` equal latencies of about `ms` milliseconds (`spread`: between runs)."""

    model: Model
    ms: float = 10.0
    device: str = "pi"
    kind: str = "real"
    runtime: RuntimeChoice = LITERT
    version: str = "2.3.0"
    threads: int = 1
    delegate: str = "xnnpack"
    options: Mapping[str, Any] = field(default_factory=dict)
    runs: int = 5
    n: int = 100
    spread: float = 0.01
    status: RunStatus = RunStatus.OK
    message: str = ""
    owed: int = 0
    role: Role = Role.CASE


def keep_study(
    database: Path, planned: Sequence[Planned], name: str = "study", **of_sweep: Any
) -> tuple[int, list[StudyCase], dict[str, Artifact]]:
    """Store a sweep of these cases; its number, its cases as the study reads them, and its artifacts."""
    random.seed(name)
    runs: list[Run] = []
    owed: list[Job] = []
    for place, case in enumerate(planned):
        for block in range(case.runs + case.owed):
            job = _job(case, place, block)
            if block < case.runs:
                runs.append(_run(case, job, len(runs)))
            else:
                owed.append(job)
    models = list({case.model.digest: case.model for case in planned}.values())
    sweep = Sweep(name, tuple(model.name for model in models), ("all",), **of_sweep)
    with Store.open(database, create=True) as store:
        for model in models:
            store.add_model(model)
        sweep_id = store.create_sweep(sweep, [*(run.job for run in runs), *owed], models, MOMENT)
        for run in runs:
            store.save_run(run)
        found = store.runs(RunFilter(sweep=sweep_id, roles=()))
        cases = group_cases(found, store.owed_jobs(sweep_id))
    return sweep_id, cases, {model.digest: artifact_of(model) for model in models}


def _job(case: Planned, place: int, block: int) -> Job:
    return make_job(
        uuid.uuid4().hex,
        device=case.device,
        model=case.model.name,
        model_digest=case.model.digest,
        runtime=case.runtime,
        threads=case.threads,
        delegate=case.delegate,
        options=dict(case.options),
        block=block,
        position=place,
        role=case.role,
    )


def _run(case: Planned, job: Job, number: int) -> Run:
    started = MOMENT + timedelta(minutes=number)
    if case.status is not RunStatus.OK:
        return make_run(job, case.status, message=case.message, device_kind=case.kind, started=started)
    factor = 1.0 + case.spread * random.uniform(-1, 1)
    latencies = [round(case.ms * factor * MS)] * case.n
    timing = Timing(5 * MS, 2 * MS, 5, 500 * MS, True, latencies, 10**12, sum(latencies), sum(latencies))
    memory = Memory(20_000_000, 10_000_000, 15_000_000, None)
    result = make_result(job.job_id, latencies, timing=timing, memory=memory, runtime_version=case.version)
    run = make_run(job, result=result, device_kind=case.kind, started=started)
    return replace(run, finished=started + timedelta(seconds=30))
