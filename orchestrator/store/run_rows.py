"""A run as one row of `run` and a few of `series`, and back, exactly. Pure."""

import json
import logging
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from agent.protocol import Answers, Conditions, Facts, Gate, JobResult, Memory, Samples, Surroundings, Timing
from orchestrator.energy import energy_of
from orchestrator.runs import Job, Role, Run, RunStatus
from orchestrator.stats import summarise
from orchestrator.store.moments import from_text, to_text
from orchestrator.store.packing import pack_clock, pack_latencies, pack_readings
from orchestrator.store.rows import Row, from_json, to_dense_json, to_json, with_patch
from orchestrator.store.series import unpack, unpack_readings
from orchestrator.trust.judge import judge
from orchestrator.trust.verdicts import Judgement, Reason, Verdict

log = logging.getLogger(__name__)

CLOCK, SAMPLE = "clock", "sample"


def run_to_row(run: Run) -> dict[str, Any]:
    """The columns of `run` that follow from the run alone, without its place in the plan and its number."""
    row = {
        "replaced": False,
        "status": str(run.status),
        "started": to_text(run.started),
        "finished": to_text(run.finished),
        "device_kind": run.device_kind,
        "runtime_version": run.job.runtime.version,
        "message": run.message,
        "detail": run.detail,
        "wall_s": (run.finished - run.started).total_seconds(),
    }
    row |= _figures(run.result) | _first_judgement(run) if run.result else {}
    return row | (_energy(run.result) if run.result and run.job.role is Role.ENERGY else {})


def _figures(result: JobResult) -> dict[str, Any]:
    timing, memory = result.timing, result.memory
    n = len(timing.latencies_ns)
    figures: dict[str, Any] = {"n": 0}
    if n:
        figures = vars(summarise(timing.latencies_ns))
    before, after = with_patch(result.conditions_before, result.conditions_after)
    loaded, alone = memory.loaded_rss_bytes, memory.runtime_rss_bytes
    return figures | {
        "runtime_version": result.runtime_version,
        "load_ns": timing.load_ns,
        "first_ns": timing.first_ns,
        "warmup_inferences": timing.warmup_inferences,
        "warmup_ns": timing.warmup_ns,
        "steady": timing.steady,
        "loop_start_ns": timing.loop_start_ns,
        "loop_wall_ns": timing.loop_wall_ns,
        "loop_cpu_ns": timing.loop_cpu_ns,
        "cpu_ns_per_inference": timing.loop_cpu_ns / n if n else None,
        "cpu_per_wall": timing.loop_cpu_ns / timing.loop_wall_ns if timing.loop_wall_ns else None,
        "peak_rss_bytes": memory.peak_rss_bytes,
        "runtime_rss_bytes": memory.runtime_rss_bytes,
        "loaded_rss_bytes": memory.loaded_rss_bytes,
        "rss_delta_bytes": loaded - alone if loaded is not None and alone is not None else None,
        "arena_bytes": memory.arena_bytes,
        "gate_checked": result.gate.checked,
        "worst_error": result.gate.worst_error,
        "gate_tolerance": result.gate.tolerance,
        "outputs_digest": result.outputs_digest,
        "details": to_json(result.details),
        "thermal_wait_s": result.thermal_wait_s,
        "conditions_before": before,
        "conditions_after": after,
        "surroundings": None if result.surroundings is None else to_dense_json(result.surroundings),
    }


def _first_judgement(run: Run) -> dict[str, Any]:
    """By the run alone, at once: an orchestrator that dies now leaves no run without a verdict. At the end of the sweep
    it is judged again, with its neighbours (`judging.py`)."""
    try:
        return judgement_to_row(judge(run))
    except Exception:  # a measurement is worth more than what a faulty rule says of it
        log.exception("run %s cannot be judged", run.job.job_id)
        return {}


def _energy(result: JobResult) -> dict[str, Any]:
    """What a job for energy found; NULL is "not measured", and the reason follows from the stored readings."""
    energy = energy_of(result)
    return {
        "energy_j_per_inference": energy.j_per_inference,
        "energy_gross_j_per_inference": energy.gross_j_per_inference,
        "energy_uncertainty_j": energy.uncertainty_j,
        "energy_source": energy.provenance,
        "idle_w": energy.idle_w,
    }


def result_to_latency(result: JobResult) -> dict[str, Any]:
    """The row of `latency` without its run."""
    return vars(pack_latencies(result.timing.latencies_ns))


def result_to_series(result: JobResult) -> list[dict[str, Any]]:
    """Rows of `series` without their run: the clock of the samples, and one row for each channel of them."""
    rows = []
    if result.samples.t_ns or result.samples.channels:
        nothing = {"min": None, "mean": None, "max": None}
        rows.append({"kind": CLOCK, "channel": "t_ns", **vars(pack_clock(result.samples.t_ns)), **nothing})
    for channel, readings in result.samples.channels.items():
        known = [reading for reading in readings if reading is not None]
        figures: dict[str, float | None] = {"min": None, "mean": None, "max": None}
        if known:
            figures = {"min": min(known), "mean": sum(known) / len(known), "max": max(known)}
        rows.append({"kind": SAMPLE, "channel": channel, **vars(pack_readings(readings)), **figures})
    return rows


def judgement_to_row(judgement: Judgement) -> dict[str, Any]:
    """The columns of `run` that a judgement fills."""
    reasons = [{"code": one.code, "figures": dict(one.figures)} for one in judgement.reasons]
    return {
        "verdict": str(judgement.verdict),
        "reasons": json.dumps(reasons, separators=(",", ":")),
        "rules": judgement.rules,
    }


def judgement_from_row(row: Row) -> Judgement | None:
    """None for a run that was never judged."""
    if row["verdict"] is None:
        return None
    return Judgement(Verdict(row["verdict"]), reasons_from_json(row["reasons"]), row["rules"])


def reasons_from_json(text: str | None) -> tuple[Reason, ...]:
    if not text or text == "[]":
        return ()
    return tuple(Reason(one["code"], one["figures"]) for one in json.loads(text))


def run_from_rows(
    row: Row,
    latency: Row | None,
    series: Sequence[Row],
    job: Job,
    facts: Facts | None,
    answers: Answers | None = None,
) -> Run:
    """The run as it was saved; `attempts` is the store's own count of attempts at the job."""
    return Run(
        job=job,
        status=RunStatus(row["status"]),
        started=from_text(row["started"]),
        finished=from_text(row["finished"]),
        message=row["message"],
        detail=row["detail"],
        result=_result(row, latency, series, answers) if latency is not None else None,
        facts=facts,
        device_kind=row["device_kind"],
        attempts=row["attempt"],
    )


def _result(row: Row, latency: Row, series: Sequence[Row], answers: Answers | None) -> JobResult:
    samples = [one for one in series if one["kind"] == SAMPLE]
    channels = {one["channel"]: unpack_readings(one["codec"], one["base"], one["data"]) for one in samples}
    clock = next((unpack(one["codec"], one["base"], one["data"]) for one in series if one["kind"] == CLOCK), [])
    return JobResult(
        job_id=row["job_id"],
        runtime_version=row["runtime_version"],
        timing=Timing(
            latencies_ns=unpack(latency["codec"], latency["base"], latency["data"]),
            **{name: row[name] for name in ("load_ns", "first_ns", "warmup_inferences", "warmup_ns")},
            steady=bool(row["steady"]),
            **{name: row[name] for name in ("loop_start_ns", "loop_wall_ns", "loop_cpu_ns")},
        ),
        memory=Memory(**{field.name: row[field.name] for field in fields(Memory)}),
        gate=Gate(row["gate_checked"], row["worst_error"], row["gate_tolerance"]),
        outputs_digest=row["outputs_digest"],
        details=json.loads(row["details"]),
        thermal_wait_s=row["thermal_wait_s"],
        conditions_before=from_json(Conditions, row["conditions_before"]),
        conditions_after=from_json(Conditions, row["conditions_after"]),
        samples=Samples(clock, channels),
        surroundings=None if row["surroundings"] is None else from_json(Surroundings, row["surroundings"]),
        answers=answers,
    )
