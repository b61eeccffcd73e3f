"""What a comparison takes of a run: its median, how it was measured, and whether it may be believed. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.fingerprint import Fingerprint, value_text
from orchestrator.runs import RunStatus
from orchestrator.trust.verdicts import Verdict

MODEL = "model"
CASE_FIELDS = ("device", MODEL, "runtime", "threads", "delegate", "options")
"""What makes a case (docs/glossary.md), in the order in which people read it."""

OTHER_FIELDS = tuple(field.name for field in fields(Fingerprint) if field.name not in CASE_FIELDS)
"""What else two runs must share: how they were measured."""

NEVER_CROSSED = ("device", "kind", "emulated")
"""Figures of two boards stand side by side only where that is what is asked for; those of two kinds never do."""


class Axis(StrEnum):
    """What two sides can differ in on purpose."""

    DEVICE = "device"
    MODEL = "model"
    RUNTIME = "runtime"
    THREADS = "threads"
    DELEGATE = "delegate"

    @property
    def fields(self) -> tuple[str, ...]:
        """A runtime is compared with its version: versions of two runtimes have nothing to do with each other."""
        return (self.value, "version") if self is Axis.RUNTIME else (self.value,)


@dataclass(frozen=True)
class Host:
    """What the board said of itself when it ran: which machine it is, and what it was started with."""

    machine_id: str
    board: str | None
    kernel: str
    system: str


@dataclass(frozen=True)
class Measured:
    """One run, measured or not.

    `started` and `sweep_id`, `block` say near which other runs it was; `reasons` are codes; `vouched` is a run that
    somebody put into a baseline although it is suspect. `median_ns` is None where there is no measurement, `host`
    where the board never said.
    """

    job_id: str
    sweep_id: int
    block: int
    started: datetime
    status: RunStatus
    message: str
    model: str
    digest: str
    fingerprint: Fingerprint
    median_ns: float | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    vouched: bool = False
    host: Host | None = None

    @property
    def is_measured(self) -> bool:
        return self.status is RunStatus.OK and self.median_ns is not None and self.median_ns > 0

    def value(self, field: str) -> Any:
        """One of `CASE_FIELDS` or `OTHER_FIELDS`."""
        return self.model if field == MODEL else getattr(self.fingerprint, field)

    def text(self, field: str) -> str:
        """The same for people."""
        return value_text(self.value(field))

    def kin(self, field: str) -> Any:
        """The same where runtimes are compared: what each of them does by itself is alike, whatever its name."""
        from orchestrator.runtimes import usual_delegate  # its catalogue takes 30 ms, which reading runs need not pay

        if field == "delegate" and self.fingerprint.delegate == usual_delegate(self.fingerprint.runtime):
            return "usual"
        return self.value(field)


def is_doubted(run: Measured, *, include_suspect: bool) -> bool:
    """Whether a measured run stays out of comparisons: an invalid one always, a suspect one unless it is wanted."""
    if run.verdict is Verdict.INVALID:
        return True
    return run.verdict is Verdict.SUSPECT and not (include_suspect or run.vouched)
