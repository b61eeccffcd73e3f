"""The cases of a sweep: which setting of a model is its best on a board, and all of them as a table. Pure."""

from collections.abc import Callable, Iterable

from orchestrator.pages.badges import Badge, verdict_badge
from orchestrator.pages.reading import SweepFacts
from orchestrator.pages.tables import NOT_MEASURED, Cell, Column, Table, make_table
from orchestrator.report.study.texts import counts_text, energy_text, share_text
from orchestrator.report.words import bytes_text, count_text, latency_text, options_text
from orchestrator.study import StudyRow
from orchestrator.study.failures import Failure, Kind
from orchestrator.study.figures import Figure
from orchestrator.trust.verdicts import Verdict

EMULATED = "emulated"
_TELLING = (Kind.INFEASIBLE, Kind.FAILED, Kind.INVALID, Kind.MISSING, Kind.UNSUPPORTED)
"""Of several reasons why there is no figure, which one says most."""


def setting_text(row: StudyRow) -> str:
    """`litert 2.3.0 · 2 threads · xnnpack`; what is none is left out."""
    runtime = f"{row.runtime} {row.runtime_version}" if row.runtime_version else row.runtime
    parts = [runtime, count_text(row.threads, "thread")]
    if row.delegate != "none":
        parts.append(row.delegate)
    if row.options:
        parts.append(options_text(row.options))
    if row.scope != "model":
        parts.append(row.scope.replace("_", " "))
    return " · ".join(parts)


def varied_text(row: StudyRow, facts: SweepFacts) -> str:
    """The same, but only what is not the same in all cases of the sweep."""
    several = facts.varied
    version = f" {row.runtime_version}" if row.runtime_version and row.runtime in several else ""
    parts = [f"{row.runtime}{version}"] if "runtime" in several or version else []
    if "threads" in several:
        parts.append(count_text(row.threads, "thread"))
    if "delegate" in several:
        parts.append(row.delegate if row.delegate != "none" else "no delegate")
    if "options" in several and row.options:
        parts.append(options_text(row.options))
    return " · ".join(parts)


def best_of(rows: Iterable[StudyRow]) -> StudyRow | None:
    """The row with the shortest p50 among those that are trusted; where none is, among those that are suspect."""
    timed = [row for row in rows if row.p50_ns is not None]
    trusted = [row for row in timed if row.verdict is Verdict.TRUSTED]
    return min(trusted or timed, key=lambda row: row.p50_ns.value if row.p50_ns else 0.0, default=None)


def most_telling(rows: Iterable[StudyRow]) -> Failure | None:
    """Of rows without figures, the reason that says most."""
    found = [row.failure for row in rows if row.failure is not None]
    return min(found, key=lambda one: _TELLING.index(one.kind), default=None)


def cases_table(facts: SweepFacts) -> Table:
    """Every case with its figures, or why it has none."""
    optional = _optional(facts)
    columns: tuple[str | Column, ...] = (
        "model",
        "device",
        "setting",
        "verdict",
        *(Column(one, True) for one in ("p50, ms", "p90, ms", "p99, ms", "peak RSS", "file")),
        *(Column(one, True) for one in optional),
        Column("runs × n", True),
        Column("remarks", wide=True),
    )
    told = [row for row in facts.rows if row.failure is None or row.failure.kind is not Kind.UNSUPPORTED]
    rows = [
        (
            row.model,
            facts.label_of(row.device),
            setting_text(row),
            _verdict(row),
            *(_ms(figure) for figure in (row.p50_ns, row.p90_ns, row.p99_ns)),
            _missing() if row.peak_rss_bytes is None else bytes_text(row.peak_rss_bytes),
            bytes_text(row.file_bytes),
            *(text(row) for text in optional.values()),
            counts_text(row),
            row.failure.text if row.failure else row.trouble,
        )
        for row in told
    ]
    left_out = len(facts.rows) - len(told)
    notes = (
        *(
            [f"{count_text(left_out, 'case')} that board or runtime do not take: see what has no figures."]
            if left_out
            else []
        ),
        "Figures are of the runs that are not invalid; in brackets the 95 % interval between runs.",
        "A percentile stands only where every run supports it.",
    )
    return make_table("All cases", columns, rows, notes)


def _optional(facts: SweepFacts) -> dict[str, Callable[[StudyRow], str]]:
    """Columns that stand there where a row has something to say in them."""
    found: dict[str, Callable[[StudyRow], str]] = {}
    if any(row.accuracy is not None for row in facts.rows):
        found["accuracy"] = lambda row: share_text(row.accuracy)
    if any(row.energy_j_per_item is not None for row in facts.rows):
        found["mJ/item"] = energy_text
    return found


def _verdict(row: StudyRow) -> Badge | Cell:
    return Cell("–") if row.verdict is None else verdict_badge(row.verdict)


def _missing() -> Cell:
    return Cell(NOT_MEASURED, missing=True)


def _ms(figure: Figure | None) -> Cell:
    if figure is None:
        return Cell("–")
    bounds = f"{latency_text(figure.low)}–{latency_text(figure.high)}" if figure.is_bounded else ""
    return Cell(latency_text(figure.value), note=bounds)
