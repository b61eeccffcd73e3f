"""Runs for comparisons: as a comparison sees them, and stored ones whose medians are known."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.comparing.measured import Measured
from orchestrator.fingerprint import Fingerprint
from orchestrator.models import Model
from orchestrator.purpose import Purpose
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.trust.verdicts import Judgement, Reason, Verdict
from tests.making import MOMENT, make_job, make_model, make_result, make_run

MANNER = Fingerprint(
    device="kitchen",
    kind="real",
    runtime="litert",
    version="2.3.0",
    options=(),
    threads=1,
    delegate="xnnpack",
    scope="model",
    inputs=("int32 1x64",),
    protocol="quick",
    governor="performance",
    held_clock_khz=None,
    emulated=None,
)


def measured(median_ms: float | None = 10.0, **changes: Any) -> Measured:
    """One run. Changes are fields of `Measured`, or of its fingerprint."""
    own = {key: changes.pop(key) for key in list(changes) if key in Measured.__dataclass_fields__}
    values: dict[str, Any] = {
        "sweep_id": 1,
        "block": 0,
        "started": MOMENT,
        "status": RunStatus.OK if median_ms is not None else RunStatus.CRASHED,
        "message": "",
        "model": "bert",
        "digest": "d" * 64,
        "median_ns": None if median_ms is None else median_ms * 1e6,
        "verdict": None if median_ms is None else Verdict.TRUSTED,
        "fingerprint": replace(MANNER, **changes),
    } | own
    named = hashlib.sha256(repr(sorted(values.items(), key=lambda item: item[0])).encode()).hexdigest()[:32]
    return Measured(**({"job_id": named} | values))


def runs_of(*medians_ms: float, **changes: Any) -> list[Measured]:
    """A run a median, a block each."""
    return [measured(one, block=block, **changes) for block, one in enumerate(medians_ms)]


def scattered(
    seed: int, level_ms: float = 10.0, runs: int = 5, spread: float = 0.005, **changes: Any
) -> list[Measured]:
    """Runs around a level, on a quiet board."""
    dice = random.Random(seed)
    return runs_of(*(level_ms * dice.lognormvariate(0, spread) for _ in range(runs)), **changes)


def keep_sweep(
    farm: Path,
    medians_ms: dict[str, Sequence[float]],
    *,
    name: str = "nightly",
    suspect: Sequence[int] = (),
    status: RunStatus = RunStatus.OK,
    jobs: dict[str, Any] | None = None,
    runs: dict[str, Any] | None = None,
    models: Sequence[Model] = (),
    purpose: Purpose = Purpose.RESULTS,
) -> int:
    """Store a sweep with one case a device, of runs with these medians, a block each; the sweep's number. Runs of the
    blocks in `suspect` are judged so."""
    with Store.open(farm / "results.db", create=True) as store:
        number = len(store.sweeps()) + 1
        made: list[Run] = []
        for device, values in medians_ms.items():
            for block, median_ms in enumerate(values):
                job_id = hashlib.sha256(f"{number}/{device}/{block}".encode()).hexdigest()[:32]
                job: Job = make_job(job_id, device=device, block=block, **(jobs or {}))
                made.append(_run(job, median_ms, status, runs or {}))
        sweep = Sweep(name, ("bert",), ("all",), purpose=purpose)
        store.create_sweep(sweep, [run.job for run in made], [*models, make_model()], MOMENT)
        for run in made:
            store.save_run(run)
        doubts = Judgement(Verdict.SUSPECT, (Reason("throttled", {"how": "soft limit"}),))
        trust = Judgement(Verdict.TRUSTED)
        store.keep_judgements(
            [
                (run.job.job_id, 1, doubts if run.job.block in suspect else trust)
                for run in made
                if run.status is RunStatus.OK
            ]
        )
    return number


def _run(job: Job, median_ms: float, status: RunStatus, changes: dict[str, Any]) -> Run:
    if status is not RunStatus.OK:
        return make_run(job, status, message="it broke")
    changed = dict(changes)
    result = make_result(job.job_id, [round(median_ms * 1e6)] * 70, **changed.pop("result", {}))
    return make_run(job, result=result, **changed)
