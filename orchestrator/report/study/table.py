"""The table of a study as a sheet."""

from collections.abc import Sequence

from orchestrator.metrics.proportions import CONFIDENCE
from orchestrator.report.study.claims import claimed
from orchestrator.report.study.columns import choose_columns
from orchestrator.report.study.sheet import Sheet
from orchestrator.study.deciding import Decision
from orchestrator.study.row import StudyRow


def study_sheet(
    title: str,
    rows: Sequence[StudyRow],
    decisions: Sequence[Decision] = (),
    columns: Sequence[str] | None = None,
    notes: Sequence[str] = (),
) -> Sheet:
    """A row a case. `notes` are said before those on how to read it."""
    chosen = choose_columns(rows, columns)
    return Sheet(
        title=title,
        columns=tuple(column.shown for column in chosen),
        rows=tuple(tuple(column.text(row) for column in chosen) for row in rows),
        values=tuple({key: value for column in chosen for key, value in column.values(row).items()} for row in rows),
        notes=(*notes, *_notes(rows)),
        claims=tuple(claimed(decision) for decision in decisions),
    )


def _notes(rows: Sequence[StudyRow]) -> list[str]:
    """How to read it: what each figure is of, and what boards that are not real are."""
    if not rows:
        return []
    notes = [
        f"Intervals are of {CONFIDENCE:.0%} confidence: of times and rates between runs, each a process of its own; "
        "of answers over examples."
    ]
    teacher = next((row.teacher for row in rows if row.teacher is not None), None)
    if teacher is not None:
        notes.append(
            f"The teacher is {teacher.name}, {teacher.file_bytes:,} bytes. A speed-up is its p50 over the case's, on "
            "the same board with the same runtime, version, threads, delegate and options."
        )
    if any(row.items_per_s is not None for row in rows):
        notes.append(
            "One item is one inference, or one text written; ≥ 1/s is decided on the bounds of items/s, not on its "
            "middle."
        )
    if any(row.exact_match is not None for row in rows):
        notes.append(
            "Questions are answered right where the answer is an exact match as SQuAD counts it; that is what the "
            "difference to the teacher is of."
        )
    kinds = dict.fromkeys(row.device_kind for row in rows if row.device_kind not in ("real", "unknown"))
    for kind in kinds:
        names = ", ".join(dict.fromkeys(row.device for row in rows if row.device_kind == kind))
        notes.append(f"{names}: {kind}; what is measured there says nothing of a real board.")
    sources: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.energy_source is not None:
            sources.setdefault(row.energy_source, {})[row.device] = None
    notes += [f"Energy on {', '.join(names)}, above the idle board: {source}." for source, names in sources.items()]
    return notes
