"""A sweep: what the user asks of the farm, before anything is known of the boards. Reading YAML: `sweep_files/`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.protocol import MeasureProtocol
from orchestrator.assignment import TaskChoice
from orchestrator.purpose import Purpose

__all__ = [
    "MLPERF_LIKE",
    "OPS",
    "PROFILES",
    "PROTOCOLS",
    "QUICK",
    "REFERENCE",
    "REFERENCE_RUNTIME",
    "STANDARD",
    "USUAL_DELEGATE",
    "Purpose",
    "RuntimeChoice",
    "Sweep",
]

QUICK = MeasureProtocol("quick", 5, 0.5, 2.0, 64, 1.0, 10.0)
STANDARD = MeasureProtocol("standard", 5, 0.5, 5.0, 662, 5.0, 60.0)
MLPERF_LIKE = MeasureProtocol("mlperf-like", 5, 0.5, 10.0, 1024, 60.0, 600.0)
PROTOCOLS = {protocol.name: protocol for protocol in (QUICK, STANDARD, MLPERF_LIKE)}
"""Counts and times of docs/measurement.md: 64 supports p90, 662 supports p99 at 99 % confidence."""


REFERENCE = MeasureProtocol("reference", 5, 0.2, 1.0, 64, 0.5, 5.0)
"""For the reference model alone: short, because every block has one."""


USUAL_DELEGATE = "usual"

OPS = "ops"
PROFILES = (OPS, "none")
"""What a sweep can ask to be profiled: what each operator takes, or nothing."""


@dataclass(frozen=True)
class RuntimeChoice:
    """A runtime by name; `version` None means the version that dynofarm recommends for the board."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


REFERENCE_RUNTIME = RuntimeChoice("litert")
"""What the reference model runs on: the library that dynofarm brings along to most boards."""


@dataclass(frozen=True)
class Sweep:
    """Axes (each cell of their product is a case), the boards (selectors), and how to measure.

    `delegates`: the name `usual` means the one that a runtime uses by itself (`runtimes.usual_delegate`).
    `exclude`: a cell that matches every key of one of these mappings is left out of the plan; keys are
    `device`, `model`, `runtime`, `version`, `threads`, `delegate`, or `options.<name>`; values are
    shell-style patterns or numbers. `reference`: the built-in reference model runs around every block; `energy`: each
    case is run once more, with the power of the board read; `profile`: `ops` runs each case once more, with the runtime
    telling what its operators take; `task`: each case once more, on the examples of a data set.
    `teacher`: the model that the others are compared with in tables of the study; `claims`: what the results are to
    show (`sweep_files/claims.py`).
    """

    name: str
    models: tuple[str, ...]
    on: tuple[str, ...]
    runtimes: tuple[RuntimeChoice, ...] = (RuntimeChoice("litert"),)
    threads: tuple[int, ...] = (1,)
    delegates: tuple[str, ...] = (USUAL_DELEGATE,)
    options: tuple[Mapping[str, Any], ...] = field(default_factory=lambda: ({},))
    protocol: MeasureProtocol = STANDARD
    repeats: int = 3
    seed: int = 1
    sample_hz: float = 10.0
    deadline_s: float | None = None
    exclude: tuple[Mapping[str, Any], ...] = ()
    notes: str = ""
    reference: bool = True
    energy: bool = False
    profile: str = "none"
    task: TaskChoice | None = None
    teacher: str | None = None
    claims: tuple[str, ...] = ()
    purpose: Purpose = Purpose.RESULTS
