"""From a sweep, models, devices and what is known of the boards to the list of jobs. Pure: no clock, no I/O."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from agent.protocol import Facts
from orchestrator.assignment import Assignment
from orchestrator.devices import Device
from orchestrator.energy import energy_objection
from orchestrator.models import Model
from orchestrator.runs import Job, Role
from orchestrator.runtimes import profile_objection, usual_delegate
from orchestrator.sweep import OPS, REFERENCE, REFERENCE_RUNTIME, USUAL_DELEGATE, RuntimeChoice, Sweep

LOAD_ALLOWANCE_S = 120.0
"""Time for a slow board to start Python, load a runtime and a model, before and after the loops."""

STEP_ALLOWANCE_S = 10.0
"""For one example: BERT-large takes 4 s on one core of a Raspberry Pi 4."""
LONGEST_TASK_S = 86400.0
TASK_SAMPLE_HZ = 1.0
"""A data set may take hours, and all samples lie in the agent's memory until the end."""

Objection = Callable[[RuntimeChoice, str, int, Model, Facts], str | None]
"""Why a runtime (choice, delegate, threads) cannot run a model on a board; None when nothing is known against it."""


@dataclass(frozen=True)
class Cell:
    """One case of the product of the axes, before it is repeated."""

    device: Device
    model: Model
    runtime: RuntimeChoice
    threads: int
    delegate: str
    options: Mapping[str, Any]


def plan(
    sweep: Sweep,
    models: Sequence[Model],
    devices: Sequence[Device],
    facts: Mapping[str, Facts],
    objection: Objection,
    new_id: Callable[[], str],
    reference: Model | None = None,
    assigned: Mapping[str, Sequence[Assignment] | str] | None = None,
) -> list[Job]:
    """List every job of the sweep, block by block, each block in an order shuffled with the sweep's seed.

    A block holds every case once, so that slow drift of a board falls on all cases alike (docs/measurement.md).
    Each block begins with the `reference` model, and one more of it comes last: every case lies between two of them.
    A case that a board cannot run is planned once with its `skip_reason`: said, never silently absent.
    A board without facts (not reached yet) is planned as if it could run everything. `assigned` is the work on data
    sets by digest of the model, or why a model has none.
    """
    cells = [cell for cell in _cells(sweep, models, devices) if not _excluded(cell, sweep.exclude)]
    reasons = [_skip_reason(cell, facts.get(cell.device.name), objection) for cell in cells]
    busy = list(dict.fromkeys(cell.device for cell, reason in zip(cells, reasons, strict=True) if reason is None))
    jobs = []
    for block in range(sweep.repeats + 1):
        jobs += _references(sweep, reference, busy, facts, objection, block, new_id)
        order = list(range(len(cells))) if block < sweep.repeats else []
        random.Random(f"{sweep.seed}/{block}").shuffle(order)  # noqa: S311 - an order, not a secret
        for position, index in enumerate(order, 1):
            if reasons[index] is None or block == 0:
                jobs.append(_job(sweep, cells[index], block, position, reasons[index], new_id()))
    able = [cell for cell, reason in zip(cells, reasons, strict=True) if reason is None]
    energy = able if sweep.energy else []
    jobs += [
        _energy_job(sweep, cell, facts.get(cell.device.name), place, new_id()) for place, cell in enumerate(energy, 1)
    ]
    profiled = able if sweep.profile == OPS else []
    jobs += [_profile_job(sweep, cell, place, new_id()) for place, cell in enumerate(profiled, len(energy) + 1)]
    first = len(energy) + len(profiled) + 1
    work = _rounds(sweep, [(cell, one) for cell in able for one in _work_of(cell, assigned or {})])
    return jobs + [_task_job(sweep, cell, one, place, new_id()) for place, (cell, one) in enumerate(work, first)]


def reference_job(
    sweep: Sweep, model: Model, device: Device, facts: Facts | None, objection: Objection, block: int, job_id: str
) -> Job:
    """The reference model's job at the beginning of a block."""
    cell = Cell(device, model, REFERENCE_RUNTIME, 1, usual_delegate(REFERENCE_RUNTIME.name), {})
    reason = _skip_reason(cell, facts, objection)
    return replace(_job(replace(sweep, protocol=REFERENCE), cell, block, 0, reason, job_id), role=Role.REFERENCE)


def _references(
    sweep: Sweep,
    model: Model | None,
    devices: Sequence[Device],
    facts: Mapping[str, Facts],
    objection: Objection,
    block: int,
    new_id: Callable[[], str],
) -> list[Job]:
    if model is None or not sweep.reference:
        return []
    jobs = [reference_job(sweep, model, one, facts.get(one.name), objection, block, new_id()) for one in devices]
    return [job for job in jobs if job.skip_reason is None or block == 0]


def _energy_job(sweep: Sweep, cell: Cell, facts: Facts | None, position: int, job_id: str) -> Job:
    """Behind the last reference: sampling power may disturb a board, and these times are nobody's result."""
    reason = None if facts is None else energy_objection(facts.sensors)
    return replace(_job(sweep, cell, sweep.repeats, position, reason, job_id), role=Role.ENERGY)


def _profile_job(sweep: Sweep, cell: Cell, position: int, job_id: str) -> Job:
    """Last of all: a profiler slows a model down, and these times are nobody's result."""
    reason = profile_objection(cell.runtime.name)
    return replace(_job(sweep, cell, sweep.repeats, position, reason, job_id), role=Role.PROFILE)


def _work_of(cell: Cell, assigned: Mapping[str, Sequence[Assignment] | str]) -> Sequence[Assignment | str]:
    found = assigned.get(cell.model.digest, ())
    return [found] if isinstance(found, str) else found


def _rounds(sweep: Sweep, work: list[tuple[Cell, Assignment | str]]) -> list[tuple[Cell, Assignment | str]]:
    """Everything once, for its answers; what is timed as often as cases are, in an order shuffled each time."""
    found = []
    for number in range(sweep.repeats):
        due = [(cell, one) for cell, one in work if number == 0 or (isinstance(one, Assignment) and one.is_timed)]
        random.Random(f"{sweep.seed}/tasks/{number}").shuffle(due)  # noqa: S311 - an order, not a secret
        found += due
    return found


def _task_job(sweep: Sweep, cell: Cell, work: Assignment | str, position: int, job_id: str) -> Job:
    """Behind all that is timed on fixed inputs: a data set may take long."""
    reason = work if isinstance(work, str) else None
    job = replace(_job(sweep, cell, sweep.repeats, position, reason, job_id), role=Role.TASK)
    if isinstance(work, str):
        return job
    deadline_s = min(job.deadline_s + work.steps * STEP_ALLOWANCE_S, LONGEST_TASK_S)
    return replace(job, task=work, deadline_s=deadline_s, sample_hz=min(sweep.sample_hz, TASK_SAMPLE_HZ))


def select(devices: Sequence[Device], selectors: Sequence[str], facts: Mapping[str, Facts]) -> list[Device]:
    """Devices that match any selector: a name, a pattern, `tag:…`, `arch:…`, `kind:…` or `all`."""
    return [
        device
        for device in devices
        if any(_selects(selector, device, facts.get(device.name)) for selector in selectors)
    ]


def unmatched(devices: Sequence[Device], selectors: Sequence[str], facts: Mapping[str, Facts]) -> list[str]:
    """The selectors that pick no device at all, to be named in an error."""
    return [s for s in selectors if not any(_selects(s, d, facts.get(d.name)) for d in devices)]


def _selects(selector: str, device: Device, facts: Facts | None) -> bool:
    scheme, colon, value = selector.partition(":")
    if colon and scheme == "tag":
        return any(fnmatchcase(tag, value) for tag in device.tags)
    if colon and scheme == "arch":
        return facts is not None and fnmatchcase(facts.architecture, value)
    if colon and scheme == "kind":
        return device.kind == value
    return selector == "all" or fnmatchcase(device.name, selector)


def _cells(sweep: Sweep, models: Sequence[Model], devices: Sequence[Device]) -> list[Cell]:
    cells = []
    for device, model, runtime in product(devices, models, sweep.runtimes):
        usual = usual_delegate(runtime.name, model)
        # `usual` beside the name of the same delegate is one case, not two.
        delegates = dict.fromkeys(usual if delegate == USUAL_DELEGATE else delegate for delegate in sweep.delegates)
        for threads, delegate, options in product(sweep.threads, delegates, sweep.options):
            cells.append(Cell(device, model, runtime, threads, delegate, options))
    return cells


def _excluded(cell: Cell, rules: Sequence[Mapping[str, Any]]) -> bool:
    return any(rule and all(_matches(cell, key, wanted) for key, wanted in rule.items()) for rule in rules)


def _matches(cell: Cell, key: str, wanted: Any) -> bool:
    if isinstance(wanted, (list, tuple)):
        return any(_matches(cell, key, one) for one in wanted)
    found = _value(cell, key)
    if isinstance(found, bool) and isinstance(wanted, str):
        return fnmatchcase(str(found).lower(), wanted)  # as YAML spells it
    if isinstance(wanted, str):
        return found is not None and fnmatchcase(str(found), wanted)
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)  # Python holds True for 1


def _value(cell: Cell, key: str) -> Any:
    if key.startswith("options."):
        return cell.options.get(key.removeprefix("options."))
    return {
        "device": cell.device.name,
        "model": cell.model.name,
        "runtime": cell.runtime.name,
        "version": cell.runtime.version,
        "threads": cell.threads,
        "delegate": cell.delegate,
    }[key]


def _skip_reason(cell: Cell, facts: Facts | None, objection: Objection) -> str | None:
    wanted = cell.device.runtimes
    if wanted and cell.runtime.name not in wanted:
        return f"the profile of {cell.device.name} lists only these runtimes: {', '.join(wanted)}"
    if facts is None:
        return None
    return objection(cell.runtime, cell.delegate, cell.threads, cell.model, facts)


def _job(sweep: Sweep, cell: Cell, block: int, position: int, reason: str | None, job_id: str) -> Job:
    protocol = sweep.protocol
    needed_s = protocol.warmup_limit_s + protocol.max_s + LOAD_ALLOWANCE_S
    return Job(
        job_id=job_id,
        device=cell.device.name,
        model=cell.model.name,
        model_digest=cell.model.digest,
        runtime=cell.runtime,
        threads=cell.threads,
        delegate=cell.delegate,
        options=dict(cell.options),
        protocol=protocol,
        block=block,
        position=position,
        seed=sweep.seed,
        sample_hz=sweep.sample_hz,
        deadline_s=sweep.deadline_s or needed_s,
        skip_reason=reason,
    )
