"""Sweeps as people write them: a YAML file, or the options of `dynofarm run`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.protocol import MeasureProtocol
from orchestrator.assignment import TaskChoice
from orchestrator.sweep import PROTOCOLS, Sweep
from orchestrator.yaml.document import Document, Fault, config_error
from orchestrator.yaml.reading import parse_document, read_document

if TYPE_CHECKING:
    from orchestrator.sweep_files.schema import Protocol, SweepKeys, TaskKeys

__all__ = ["load_sweep", "override_sweep", "sweep_from_options"]

MOST_JOBS = 100_000
"""More jobs a board than this is a slip of the pen: at 5 s a job they would take six days."""

HINT = "correct these lines; sweeps/example.yaml, which dynofarm init writes, explains the keys"


def load_sweep(path: Path) -> Sweep:
    """The sweep of a file. `ConfigError` with all faults."""
    document, faults = read_document(path)
    sweep, faults = _sweep(document, faults, path.stem) if document is not None else (None, faults)
    if faults or sweep is None:
        raise config_error(faults, HINT)
    return sweep


def sweep_from_options(
    *,
    models: Sequence[str] = (),
    on: Sequence[str] = (),
    runtimes: str | None = None,
    threads: str | None = None,
    delegates: str | None = None,
    options: Sequence[str] = (),
    protocol: str | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    sample_hz: float | None = None,
    deadline: str | None = None,
    exclude: Sequence[str] = (),
    name: str | None = None,
    reference: bool | None = None,
    energy: bool | None = None,
    profile: str | None = None,
    task: str | None = None,
    notes: str | None = None,
    base: Sweep | None = None,
) -> Sweep:
    """The sweep that the command line asks for; what it leaves out comes from `base` (a file's sweep) or a default.

    Texts: `runtimes="litert,tflite-runtime@2.14.0"`, `threads="1,2,4"`, `delegates="xnnpack,none"`,
    `options=["key=a,b"]` (their product), `exclude=["runtime=onnxruntime,threads=4"]`, `deadline="10m"`.
    `ConfigError` names each wrong option.
    """
    faults: list[Fault] = []
    content: dict[str, Any] = {
        "name": name,
        "models": list(models) or None,
        "on": [part for text in on for part in _parts(text)] or None,
        "runtimes": None if runtimes is None else _parts(runtimes),
        "threads": None if threads is None else [_whole(part) for part in _parts(threads)],
        "delegates": None if delegates is None else _parts(delegates),
        "options": _assignments(options, "options", faults) if options else None,
        "protocol": protocol,
        "repeats": repeats,
        "seed": seed,
        "sample_hz": sample_hz,
        "deadline": deadline,
        "exclude": [_pairs(text, "exclude", faults) for text in exclude] or None,
        "reference": reference,
        "energy": energy,
        "profile": profile,
        "task": task,
        "notes": notes,
    }
    said = {key: value for key, value in content.items() if value is not None}
    if base is not None:
        said.setdefault("models", list(base.models))
    sweep, found = _sweep(Document("", "", said), [], "command-line", base)
    faults += found
    if faults or sweep is None:
        raise config_error([_as_option(fault) for fault in faults], "see: dynofarm run --help")
    return sweep


def override_sweep(sweep: Sweep, options: Mapping[str, Any]) -> Sweep:
    """A sweep with some options of the command line in the place of its own; keys as in `sweep_from_options`."""
    return sweep_from_options(base=sweep, **options)


def _sweep(
    document: Document, faults: list[Fault], name: str, base: Sweep | None = None
) -> tuple[Sweep | None, list[Fault]]:
    from orchestrator.sweep_files.schema import SweepKeys
    from orchestrator.yaml.schema import check

    keys, found = check(SweepKeys, document, faults)
    faults = [*faults, *found]
    if keys is None:
        return None, faults
    protocol = _protocol(keys.protocol)
    faults += _protocol_faults(protocol, document)
    sweep = _merged(keys, protocol, document, base, name)
    jobs = _job_count(sweep)
    if jobs > MOST_JOBS:
        text = f"found {jobs} jobs a board (product of all axes and repeats), allowed: at most {MOST_JOBS}"
        faults.append(document.fault((), text))
    return (None if faults else sweep), faults


def _merged(keys: "SweepKeys", protocol: MeasureProtocol, document: Document, base: Sweep | None, name: str) -> Sweep:
    said = set(document.content)
    whole = Sweep(
        name=keys.name or name,
        models=tuple(keys.models),
        on=tuple(keys.on),
        runtimes=tuple(keys.runtimes),
        threads=tuple(keys.threads),
        delegates=tuple(keys.delegates),
        options=tuple(keys.options),
        protocol=protocol,
        repeats=keys.repeats,
        seed=keys.seed,
        sample_hz=float(keys.sample_hz),
        deadline_s=keys.deadline,
        exclude=tuple(keys.exclude),
        reference=keys.reference,
        energy=keys.energy,
        profile=keys.profile,
        task=_task(keys.task, document),
        teacher=keys.teacher,
        claims=tuple(keys.claims),
        notes=keys.notes,
    )
    if base is None:
        return whole
    fields = {"deadline_s" if key == "deadline" else key for key in said}
    return replace(base, **{field: getattr(whole, field) for field in fields})


def _task(keys: "TaskKeys | None", document: Document) -> TaskChoice | None:
    """A vocabulary is found from the folder that the sweep file lies in."""
    if keys is None:
        return None
    vocabulary = keys.vocabulary and str((Path(document.file).parent / keys.vocabulary).absolute())
    plain = keys.model_dump(exclude={"scope", "vocabulary"})
    return TaskChoice(**plain, scopes=tuple(keys.scope), vocabulary=vocabulary)


def _protocol(keys: "Protocol") -> MeasureProtocol:
    base = PROTOCOLS[keys.base]
    own = {key: value for key, value in keys.model_dump(exclude={"base", "name"}).items() if value is not None}
    if not own and keys.name in (None, base.name):
        return base
    return replace(base, **own, name=keys.name or "custom")


def _protocol_faults(protocol: MeasureProtocol, document: Document) -> list[Fault]:
    faults = []
    known = PROTOCOLS.get(protocol.name)
    if known is not None and known != protocol:
        text = f"found '{protocol.name}' with other values than its own, allowed: a name of its own"
        faults.append(document.fault(("protocol", "name"), text))
    for low, high in (("warmup_s", "warmup_limit_s"), ("min_s", "max_s")):
        least, most = getattr(protocol, low), getattr(protocol, high)
        if least > most:
            text = f"found {least:g}, allowed: at most {high}, which is {most:g}"
            faults.append(document.fault(("protocol", low), text))
    return faults


def _job_count(sweep: Sweep) -> int:
    axes = (sweep.models, sweep.runtimes, sweep.threads, sweep.delegates, sweep.options)
    count = sweep.repeats
    for axis in axes:
        count *= len(axis)
    return count


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _whole(text: str) -> Any:
    return int(text) if re.fullmatch(r"[+-]?\d{1,9}", text, re.ASCII) else text


def _pairs(text: str, option: str, faults: list[Fault]) -> dict[str, Any]:
    """`runtime=onnxruntime,threads=4`; a value reads as in YAML, except that a version stays text."""
    pairs: dict[str, Any] = {}
    for part in _parts(text):
        name, equals, value = part.partition("=")
        if not equals or not name or not value:
            faults.append(Fault("", 0, 0, option, f"found {part!r}, allowed: KEY=VALUE,KEY=VALUE"))
        elif name.startswith("options.") or option == "options":
            pairs[name] = _yaml_value(value, option, faults)
        else:
            pairs[name] = _whole(value) if name == "threads" else value
    return pairs


def _assignments(texts: Sequence[str], option: str, faults: list[Fault]) -> dict[str, list[Any]]:
    """`["key=a,b"]` as a mapping of lists."""
    axes: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not name or not values or name in axes:
            faults.append(Fault("", 0, 0, option, f"found {text!r}, allowed: KEY=VALUE,VALUE, each key once"))
        else:
            axes[name] = [_yaml_value(value, option, faults) for value in _parts(values)]
    return axes


def _yaml_value(text: str, option: str, faults: list[Fault]) -> Any:
    document, found = parse_document(f"value: {text}", "")
    faults += [Fault("", 0, 0, option, fault.text) for fault in found]
    return document.content.get("value") if document else None


def _as_option(fault: Fault) -> Fault:
    """Faults of the command line name the option instead of a line."""
    head, dot, rest = fault.key.replace("[", ".[").partition(".")
    option = {"": "", "models": "MODEL", "options": "--option"}.get(head, "--" + head.replace("_", "-"))
    return Fault("", 0, 0, option + (dot + rest).replace(".[", "["), fault.text)
