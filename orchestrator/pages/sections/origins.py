"""Where the figures come from: versions, hashes, seeds, and what repeats them. Pure."""

from dataclasses import dataclass, replace
from pathlib import PurePath

from orchestrator import __version__
from orchestrator.pages.filters import moment
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.tables import Column, Table, make_table
from orchestrator.purpose import Purpose
from orchestrator.report.words import bytes_text, duration_text
from orchestrator.runs import RunStatus
from orchestrator.sweep import Sweep
from orchestrator.sweep_files.writing import sweep_to_yaml

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Repeat:
    """How to measure the same again: `file` is a sweep file to be saved, empty where there is none; `command` runs it,
    and `note` says what else is needed."""

    command: str
    file: str = ""
    file_name: str = ""
    note: str = ""


def sweep_pairs(facts: SweepFacts) -> Pairs:
    """What identifies the sweep."""
    record, sweep = facts.record, facts.record.sweep
    finished = max((run.finished for run in facts.runs), default=None)
    return [
        ("sweep", f"{record.sweep_id} ({record.name})"),
        ("planned", moment(record.created)),
        ("last run", moment(finished)),
        ("planned by", f"dynofarm {record.version}"),
        ("this page by", f"dynofarm {__version__}"),
        ("seed", f"{sweep.seed} (the order of the jobs and the inputs of the models)"),
        ("repeats", f"{sweep.repeats}, each in a process of its own"),
        ("protocol", _protocol_text(sweep)),
        ("sensors read", f"{sweep.sample_hz:g} times a second" if sweep.sample_hz else "not at all"),
        ("reference model", "around every block" if sweep.reference else "not run"),
    ]


def models_table(facts: SweepFacts) -> Table:
    """Every artifact with its hash."""
    rows = []
    for digest, name in sorted({case.model_digest: case.model for case in facts.cases}.items(), key=lambda one: one[1]):
        model = facts.models.get(digest)
        parent = facts.models.get(model.parent) if model and model.parent else None
        rows.append(
            (
                name,
                model.format if model else "unknown",
                bytes_text(model.size_bytes) if model else "unknown",
                digest,
                (parent.name if parent else "not in this sweep") if model and model.parent else "–",
                (model.licence if model else None) or "not told",
                (model.source if model else None) or "not told",
            )
        )
    columns = (
        "model",
        "format",
        Column("file", True),
        Column("SHA-256", wide=True),
        "made from",
        "licence",
        Column("source", wide=True),
    )
    return make_table("Models", columns, rows)


def runtimes_table(facts: SweepFacts) -> Table:
    """What ran where, in which version."""
    found: dict[tuple[str, str], set[str]] = {}
    for run in facts.runs:
        if run.status is RunStatus.OK:
            found.setdefault((run.runtime, run.runtime_version or "unknown"), set()).add(run.device)
    rows = [
        (runtime, version, ", ".join(facts.label_of(name) for name in sorted(devices)))
        for (runtime, version), devices in sorted(found.items())
    ]
    return make_table("Runtimes that ran", ("runtime", "version", "on"), rows)


def repeat(facts: SweepFacts) -> Repeat:
    """The farm's profiles and models are taken as they are; their hashes stand in the table of models."""
    record, sweep = facts.record, facts.record.sweep
    if sweep.purpose is Purpose.NOISE:
        return Repeat(f"dynofarm noise {_on(sweep)}", note="It was made by that command.")
    if sweep.purpose is Purpose.HEALTH:
        return Repeat(f"dynofarm health {_on(sweep)}", note="It was made by that command.")
    if not sweep.models:
        return Repeat(f"dynofarm run --resume {record.sweep_id}", note="Its plan was made by hand.")
    name = f"sweep-{record.sweep_id}.yaml"
    note = "Save the lines as that file, in a farm with the same boards and models."
    shared, left = _without_paths(sweep)
    if left:
        note += f" Add the path of {left} to task as vocabulary."
    return Repeat(f"dynofarm run {name}", sweep_to_yaml(shared), name, note)


def _without_paths(sweep: Sweep) -> tuple[Sweep, str]:
    """A page is handed on: where a file lies on somebody's disk is nobody's business."""
    if sweep.task is None or not sweep.task.vocabulary:
        return sweep, ""
    return replace(sweep, task=replace(sweep.task, vocabulary="")), PurePath(sweep.task.vocabulary).name


def _on(sweep: Sweep) -> str:
    return f"--on {','.join(sweep.on)}"


def _protocol_text(sweep: Sweep) -> str:
    one = sweep.protocol
    return (
        f"{one.name}: warm-up of at least {one.warmup_inferences} inferences and {duration_text(one.warmup_s)}, "
        f"at most {duration_text(one.warmup_limit_s)}; then at least {one.min_inferences} inferences and "
        f"{duration_text(one.min_s)}, at most {duration_text(one.max_s)}"
    )
