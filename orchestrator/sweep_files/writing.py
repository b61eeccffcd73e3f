"""A sweep as the file that asks for it again. Pure; `load_sweep` reads it back as the same sweep."""

from collections.abc import Iterator, Mapping
from typing import Any

from agent.protocol import MeasureProtocol
from orchestrator.assignment import TaskChoice
from orchestrator.quantities import show_duration
from orchestrator.sweep import PROTOCOLS, Sweep
from orchestrator.yaml.edit import render

_USUAL = Sweep("", (), ("all",))


def sweep_to_yaml(sweep: Sweep) -> str:
    """YAML, a key a line; what has its usual value is left out. Lines end with a newline."""
    return "".join(f"{key}: {render(value)}\n" for key, value in _keys(sweep))


def _keys(sweep: Sweep) -> Iterator[tuple[str, Any]]:
    yield "name", sweep.name
    yield "models", list(sweep.models)
    yield "on", list(sweep.on)
    for name in ("threads", "delegates", "options", "exclude", "claims"):
        value = getattr(sweep, name)
        if value != getattr(_USUAL, name):
            yield name, [dict(one) if isinstance(one, Mapping) else one for one in value]
    if sweep.runtimes != _USUAL.runtimes:
        yield "runtimes", [f"{one.name}@{one.version}" if one.version else one.name for one in sweep.runtimes]
    yield "protocol", _protocol(sweep.protocol)
    yield "repeats", sweep.repeats
    yield "seed", sweep.seed
    for name in ("sample_hz", "reference", "energy", "profile", "teacher", "notes"):
        value = getattr(sweep, name)
        if value != getattr(_USUAL, name):
            yield name, value
    if sweep.deadline_s is not None:
        yield "deadline", show_duration(sweep.deadline_s)
    if sweep.task is not None:
        yield "task", _task(sweep.task)


def _protocol(protocol: MeasureProtocol) -> Any:
    if PROTOCOLS.get(protocol.name) == protocol:
        return protocol.name
    return {
        "name": protocol.name,
        "warmup_inferences": protocol.warmup_inferences,
        "warmup_s": show_duration(protocol.warmup_s),
        "warmup_limit_s": show_duration(protocol.warmup_limit_s),
        "min_inferences": protocol.min_inferences,
        "min_s": show_duration(protocol.min_s),
        "max_s": show_duration(protocol.max_s),
    }


def _task(task: TaskChoice) -> dict[str, Any]:
    usual = TaskChoice(task.data)
    found: dict[str, Any] = {"data": task.data}
    for name in ("kind", "split", "examples", "vocabulary", "new_tokens"):
        if getattr(task, name) != getattr(usual, name):
            found[name] = getattr(task, name)
    if task.scopes != usual.scopes:
        found["scope"] = list(task.scopes)
    return found
