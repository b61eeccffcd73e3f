"""Which runs may be compared: those that were measured in the same way, on the same board (docs/measurement.md). Pure.

The model is not part of it: comparing two models is what measuring is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # comparisons of stored rows need neither models nor the protocol, which cost 50 ms
    from orchestrator.models import Model
    from orchestrator.runs import Run

SCOPE = "model"
"""What the clock is around: the inference alone. Times of other scopes never stand beside these."""


@dataclass(frozen=True)
class Fingerprint:
    """How a run was measured. None is "not known", and equal to nothing but itself.

    `version` is what ran; `options` are sorted pairs, as text; `inputs` are dtype and shape of each, as they were fed;
    `emulated` is what emulates the board, None for a real one.
    """

    device: str
    kind: str
    runtime: str
    version: str | None
    options: tuple[tuple[str, str], ...]
    threads: int
    delegate: str
    scope: str
    inputs: tuple[str, ...] | None
    protocol: str
    governor: str | None
    held_clock_khz: int | None
    emulated: str | None


@dataclass(frozen=True)
class Difference:
    """One field in which two fingerprints differ, and both values, for people."""

    field: str
    first: str
    second: str


def fingerprint_of(run: "Run", model: "Model | None" = None) -> Fingerprint:
    """The fingerprint of a run; without the model, nothing is known of its inputs."""
    job, result, facts = run.job, run.result, run.facts
    return Fingerprint(
        device=job.device,
        kind=run.device_kind,
        runtime=job.runtime.name,
        version=(result.runtime_version if result is not None else None) or job.runtime.version,
        options=tuple((key, str(job.options[key])) for key in sorted(job.options)),
        threads=job.threads,
        delegate=job.delegate,
        scope=SCOPE if job.task is None else f"{job.task.kind} {job.task.label} ({job.task.rows[:12]})",
        inputs=None if model is None else tuple(input_text(one.dtype, one.shape) for one in model.recipes),
        protocol=job.protocol.name,
        governor=result.conditions_before.governor if result is not None else None,
        held_clock_khz=run.held_clock_khz,
        emulated=facts.emulated if facts is not None else None,
    )


def differences(first: Fingerprint, second: Fingerprint) -> list[Difference]:
    """The fields in which they differ, in their order; none when the runs may be compared."""
    found = []
    for field in fields(Fingerprint):
        values = getattr(first, field.name), getattr(second, field.name)
        if values[0] != values[1]:
            found.append(Difference(field.name, *(value_text(value) for value in values)))
    return found


def input_text(dtype: str, shape: Sequence[int]) -> str:
    """An input as the fingerprint has it: `int32 1x64`."""
    return f"{dtype} {'x'.join(map(str, shape)) or 'scalar'}"


def value_text(value: Any) -> str:
    """A value of a fingerprint for people."""
    if value is None:
        return "not known"
    if isinstance(value, tuple):
        return ", ".join("=".join(one) if isinstance(one, tuple) else one for one in value) or "none"
    return str(value)
