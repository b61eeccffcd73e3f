"""What a board is asked to do with what lies there."""

from agent.protocol import EnergyPlan, JobSpec, ModelOnBoard, RuntimeOnBoard, TaskOnBoard, ThermalGate
from orchestrator.assignment import Assignment
from orchestrator.models import Model
from orchestrator.runs import Job, Role

ENERGY_PLAN = EnergyPlan(idle_s=10.0, sample_hz=10.0)
"""A baseline of a hundred readings, and ten or more in the shortest loop of the named protocols (1 s). Faster would
measure the board at work on its own measurement: 50 Hz slowed one six-fold (docs/measurement.md)."""


def order_of(
    job: Job,
    model: Model,
    runtime: RuntimeOnBoard,
    thermal: ThermalGate,
    cpus: list[int] | None,
    held_clock_khz: int | None,
) -> JobSpec:
    """A job as its board's agent hears it; `held_clock_khz`: the clock that the board holds for this visit."""
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
        held_clock_khz=held_clock_khz,
        profile_ops=job.role is Role.PROFILE,
        task=None if job.task is None else _task_on_board(job.task),
    )


def _task_on_board(task: Assignment) -> TaskOnBoard:
    return TaskOnBoard(
        task.kind, task.scope, task.data_digest, task.vocabulary_digest, len(task.classes), task.new_tokens
    )
