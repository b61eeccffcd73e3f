"""The columns of a study's table: heading, text for people, values for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.report.study.sheet import SheetColumn
from orchestrator.report.study.texts import (
    NONE,
    NOT_MEASURED,
    bounds_values,
    counts_text,
    difference_text,
    energy_text,
    figure_text,
    gain_text,
    ms_text,
    ms_with_bounds,
    number_text,
    paired_text,
    ratio_text,
    remarks_text,
    score_text,
    share_text,
    size_text,
    verdict_text,
)
from orchestrator.report.words import bytes_text, options_text
from orchestrator.study.row import StudyRow

MS = 1e-6
DEVICE = "device"
OF_CLASSES = ("accuracy", "macro_f1")
"""Where questions are answered, nobody misses them."""

Values = Callable[[StudyRow], Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """`always`: it stands in the table whatever the rows say; else where one of them has something to say."""

    shown: SheetColumn
    text: Callable[[StudyRow], str]
    values: Values
    always: bool = True


def _column(
    key: str,
    heading: str,
    text: Callable[[StudyRow], str],
    values: Values | None = None,
    *,
    rank: int = 0,
    numeric: bool = True,
    always: bool = True,
) -> Column:
    return Column(
        SheetColumn(key, heading, numeric, rank), text, values or (lambda row: {key: getattr(row, key)}), always
    )


def _text_column(key: str, text: Callable[[StudyRow], str], values: Values | None = None, **more: Any) -> Column:
    return _column(key, key, text, values, numeric=False, **more)


def _ms(name: str) -> Values:
    return lambda row: bounds_values(f"{name}_ms", getattr(row, f"{name}_ns"), MS)


def _bounded(name: str) -> Values:
    return lambda row: bounds_values(name, getattr(row, name))


def _device(row: StudyRow) -> str:
    return row.device if row.device_kind == "real" else f"{row.device} ({row.device_kind})"


def _runtime(row: StudyRow) -> str:
    return f"{row.runtime} {row.runtime_version}" if row.runtime_version else row.runtime


def _ratio_values(row: StudyRow) -> dict[str, Any]:
    teacher = row.teacher
    return {
        "teacher": teacher.name if teacher else None,
        "teacher_bytes": teacher.file_bytes if teacher else None,
        "bytes_ratio": row.bytes_ratio,
    }


def _versus_values(row: StudyRow) -> dict[str, Any]:
    found = row.versus_teacher
    names = ("n", "gained", "lost", "difference", "low", "high", "p_value")
    return {f"versus_teacher_{name}": getattr(found, name) if found else None for name in names}


def _f1_versus_values(row: StudyRow) -> dict[str, Any]:
    found = row.f1_versus_teacher
    return {f"f1_versus_teacher_{name}": getattr(found, name) if found else None for name in ("value", "low", "high")}


def _perplexity(row: StudyRow) -> str:
    return number_text(row.perplexity.value) if row.perplexity else NOT_MEASURED


def _failure_values(row: StudyRow) -> dict[str, Any]:
    found = row.failure
    return {
        "failure": found.text if found else None,
        "failure_kind": str(found.kind) if found else None,
        "trouble": row.trouble or None,
        "agrees": row.agrees,
    }


COLUMNS = (
    _text_column(DEVICE, _device, lambda row: {"device": row.device, "device_kind": row.device_kind}),
    _text_column("model", lambda row: row.model, lambda row: {"model": row.model, "model_digest": row.model_digest}),
    _text_column(
        "runtime", _runtime, lambda row: {"runtime": row.runtime, "runtime_version": row.runtime_version}, rank=1
    ),
    _column("threads", "threads", lambda row: str(row.threads), rank=2),
    _text_column("delegate", lambda row: row.delegate, rank=2),
    _text_column("options", lambda row: options_text(row.options), lambda row: {"options": dict(row.options)},
                 always=False),
    _text_column("scope", lambda row: row.scope.replace("_", " "), lambda row: {"scope": row.scope, "task": row.task},
                 always=False),
    _column("parameters", "parameters", lambda row: f"{row.parameters:,}" if row.parameters else NONE, rank=13),
    _column("file_bytes", "file", size_text, rank=3),
    _column("ratio", "teacher/file", ratio_text, _ratio_values, rank=14),
    _column("accuracy", "accuracy", lambda row: share_text(row.accuracy), _bounded("accuracy"), rank=4),
    _column("macro_f1", "macro-F1", lambda row: score_text(row.macro_f1), _bounded("macro_f1"), rank=12),
    _column("exact_match", "exact match", lambda row: share_text(row.exact_match), _bounded("exact_match"),
            rank=4, always=False),
    _column("f1", "F1", lambda row: share_text(row.f1), _bounded("f1"), rank=4, always=False),
    _column("perplexity", "perplexity", _perplexity,
            lambda row: {"perplexity": row.perplexity.value if row.perplexity else None}, rank=4, always=False),
    _column("versus_teacher", "against the teacher",
            lambda row: paired_text(row.versus_teacher, is_teacher=row.is_teacher), _versus_values, rank=11),
    _column("f1_versus_teacher", "F1 against the teacher",
            lambda row: difference_text(row.f1_versus_teacher), _f1_versus_values, rank=11, always=False),
    _column("speedup", "speed-up", lambda row: gain_text(row.speedup), _bounded("speedup"), rank=6),
    _column("over_plain", "over plain", lambda row: gain_text(row.over_plain), _bounded("over_plain"),
            rank=6, always=False),
    _column("load_ms", "load ms", lambda row: ms_text(row.load_ns), _ms("load"), rank=15),
    _column("first_ms", "first ms", lambda row: ms_text(row.first_ns), _ms("first"), rank=16),
    _column("p50_ms", "p50 ms", lambda row: ms_with_bounds(row.p50_ns), _ms("p50")),
    _column("p90_ms", "p90 ms", lambda row: ms_text(row.p90_ns), _ms("p90"), rank=5),
    _column("p99_ms", "p99 ms", lambda row: ms_text(row.p99_ns), _ms("p99"), rank=9),
    _column("first_token_ms", "first token ms", lambda row: ms_text(row.first_token_ns), _ms("first_token"),
            rank=5, always=False),
    _column("token_ms", "ms/token", lambda row: ms_text(row.token_ns), _ms("token"), rank=4, always=False),
    _column("items_per_s", "items/s", lambda row: figure_text(row.items_per_s, NOT_MEASURED), _bounded("items_per_s"),
            rank=2),
    _column("one_per_s", "≥ 1/s", lambda row: row.one_per_s, rank=3, numeric=False),
    _column("peak_rss_bytes", "peak RSS", lambda row: bytes_text(row.peak_rss_bytes), rank=7),
    _column("cpu_s_per_item", "CPU s/item", lambda row: figure_text(row.cpu_s_per_item), _bounded("cpu_s_per_item"),
            rank=10),
    _column("energy_j_per_item", "mJ/item", energy_text,
            lambda row: {**bounds_values("energy_j_per_item", row.energy_j_per_item),
                         "energy_source": row.energy_source}, rank=10),
    _column("n", "n", counts_text, lambda row: {"runs": row.runs, "n": row.n}, rank=8),
    _text_column("verdict", verdict_text,
                 lambda row: {"verdict": str(row.verdict) if row.verdict else None, "reasons": list(row.reasons)},
                 rank=1),
    _text_column("remarks", remarks_text, _failure_values, always=False),
)  # fmt: skip
"""In the order of the table. A board that is not real is labelled in its name."""


def choose_columns(rows: Sequence[StudyRow], wanted: Sequence[str] | None = None) -> list[Column]:
    """The columns of these names, in that order; without names those that say something. `UsageError` lists them."""
    known = {column.shown.key: column for column in COLUMNS}
    if wanted is None:
        asked = any(row.exact_match is not None for row in rows)
        return [
            column
            for column in COLUMNS
            if (column.always and not (asked and column.shown.key in OF_CLASSES))
            or any(_says(column, row) for row in rows)
        ]
    for name in wanted:
        if name not in known:
            raise UsageError(f"--columns {name}: no such column", f"there are: {', '.join(known)}")
    names = list(wanted)
    if DEVICE not in names and any(row.device_kind != "real" for row in rows):
        names.insert(0, DEVICE)  # no choice of columns hides that a board is not real
    return [known[name] for name in dict.fromkeys(names)]


def _says(column: Column, row: StudyRow) -> bool:
    if column.shown.key == "scope":
        return bool(row.task)
    return column.text(row) not in ("", NONE, NOT_MEASURED)
