"""Comparisons on the terminal, and in the words that all formats share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from orchestrator.comparing import Answer, Comparison
from orchestrator.comparing.measured import CASE_FIELDS, NEVER_CROSSED
from orchestrator.comparing.pairing import Unpaired, Why
from orchestrator.comparing.verdicts import Basis, CaseAnswer, Compared, unanswered, unpaired_name
from orchestrator.report.console import GAP, cell, new_table, report_console, words
from orchestrator.report.standing import floor_text
from orchestrator.report.words import count_text, latency_text

STYLES = {Answer.SLOWER: "red", Answer.FASTER: "green", Answer.SAME: "", Answer.INCONCLUSIVE: "yellow"}

ORDER = (Answer.SLOWER, Answer.FASTER, Answer.SAME, Answer.INCONCLUSIVE)
"""In which answers are counted: what matters first."""


_ALWAYS = ("device", "model", "runtime", "threads")


@dataclass(frozen=True)
class _Column:
    """`rank`: which go first where there is no room, the highest first; those of rank 0 stay."""

    heading: str
    texts: tuple[str, ...]
    rank: int = 0
    numeric: bool = True

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.heading, *self.texts)))


def comparison_table(compared: Compared, console: Console | None = None) -> None:
    """Print a line a case, why others are not compared, and what all of it comes to. Columns that find no room are
    named."""
    console = console or report_console()
    wrap = not console.is_terminal
    every = columns = _columns(compared) if compared.cases else []
    while sum(column.width + len(GAP) for column in columns) - len(GAP) > console.width:
        spare = max(columns, key=lambda column: column.rank)
        if spare.rank == 0:
            break
        columns = [column for column in columns if column is not spare]
    if columns:
        console.print(_table(compared, columns))
    for number, note in enumerate(notes_of(compared), 1):
        console.print(words(f"[{number}] {note}", "dim"), soft_wrap=wrap)
    for one in compared.unpaired:
        console.print(words(unpaired_text(one), "yellow"), soft_wrap=wrap)
    console.print(words(summary_text(compared)), soft_wrap=wrap)
    if compared.cases:
        console.print(words(thresholds_text(compared), "dim"), soft_wrap=wrap)
    if between_text(compared):
        console.print(words(between_text(compared), "dim"), soft_wrap=wrap)
    left_out = [column.heading for column in every if column not in columns]
    if left_out:
        console.print(words(f"no room here for: {', '.join(left_out)}", "dim"), soft_wrap=wrap)


def _table(compared: Compared, columns: Sequence[_Column]) -> Table:
    table = new_table(
        [column.heading for column in columns], right=[column.heading for column in columns if column.numeric]
    )
    for index, case in enumerate(compared.cases):
        answer = case.comparison.answer
        row = [cell(column.texts[index], STYLES[answer] if column.heading == "answer" else "") for column in columns]
        table.add_row(*row)
    return table


def _columns(compared: Compared) -> list[_Column]:
    cases, notes = compared.cases, notes_of(compared)
    found = [case.comparison for case in cases]
    columns = []
    for field in shown_fields(compared):
        texts = tuple(case.text(field) for case in cases)
        spare = field in ("runtime", "threads") and len(set(texts)) == 1
        columns.append(_Column(field, texts, 3 * spare, numeric=field == "threads"))
    columns += [
        _Column("first ms", tuple(latency_text(case.first_ns) for case in cases), 4),
        _Column("second ms", tuple(latency_text(case.second_ns) for case in cases), 4),
        _Column("ratio", tuple(ratio_text(one.ratio) for one in found)),
        _Column(confidence_text(compared), tuple(map(interval_text, found))),
        _Column("answer", tuple(str(one.answer) for one in found), numeric=False),
    ]
    if undecided(compared):
        columns.append(_Column("more runs", tuple(map(_more_text, found)), 1))
    columns.append(_Column("runs", tuple(map(runs_text, found)), 5))
    if notes:
        numbers = tuple(" ".join(f"[{notes.index(note) + 1}]" for note in case.notes) for case in cases)
        columns.append(_Column("notes", numbers, numeric=False))
    return columns


def _more_text(found: Comparison) -> str:
    """What an undecided case lacks a side."""
    if found.answer is not Answer.INCONCLUSIVE:
        return ""
    return "> 1000" if found.more_runs is None else str(found.more_runs)


def shown_fields(compared: Compared) -> list[str]:
    """The fields of a case that people look for, that tell cases apart, or that may differ between the sides."""
    fields = []
    for field in (*CASE_FIELDS, "version"):
        texts = {case.text(field) for case in compared.cases}
        if field in _ALWAYS or field in compared.terms.open_fields or len(texts) > 1:
            fields.append(field)
    return fields


def confidence_text(compared: Compared) -> str:
    """`95 %`: above the column of intervals."""
    return f"{100 * compared.confidence:g} %"


def ratio_text(ratio: float) -> str:
    return f"{ratio:.3f}"


def interval_text(found: Comparison) -> str:
    """`1.041 … 1.083`; a dash where too few runs show no spread."""
    return "–" if found.high == float("inf") else f"{found.low:.3f} … {found.high:.3f}"


def answer_text(found: Comparison) -> str:
    """`inconclusive, 7 more runs`: a side."""
    if found.answer is not Answer.INCONCLUSIVE:
        return str(found.answer)
    if found.more_runs is None:
        return "inconclusive, even 1000 more runs would be too few"
    return f"inconclusive, {count_text(found.more_runs, 'more run')}"


def runs_text(found: Comparison) -> str:
    """`5 + 6`, or `5 pairs`."""
    return count_text(found.first_n, "pair") if found.paired else f"{found.first_n} + {found.second_n}"


def unpaired_text(one: Unpaired) -> str:
    """Which case is not compared, why, and what would let it."""
    text = f"not compared: {unpaired_name(one)}: {one.because}"
    if one.why is Why.SUSPECT:
        return f"{text}; next: --include-suspect, or measure again"
    if one.why is Why.REFUSED:
        barred = [field for field in one.fields if field in NEVER_CROSSED]
        if barred:
            return f"{text} (boards of two kinds never stand in one ratio)"
        return f"{text}; to compare all the same: {' '.join(f'--across {field}' for field in one.fields)}"
    return text


def summary_text(compared: Compared) -> str:
    """`nightly → last: 2 slower, 5 same; 1 not compared`."""
    counts = [f"{compared.count(answer)} {answer}" for answer in ORDER if compared.count(answer)]
    told = ", ".join(counts) or "nothing to compare"
    left = f"; {len(compared.unpaired)} not compared" if compared.unpaired else ""
    return f"{compared.first} → {compared.second}: {told}{left}"


def passed_text(compared: Compared) -> str:
    """What a gate that passes has not seen; empty where it has seen everything."""
    count = unanswered(compared)
    return f"{count_text(count, 'case')} without an answer; --fail-on inconclusive minds them" if count else ""


def thresholds_text(compared: Compared) -> str:
    """What counts as the same, and where that comes from."""
    kinds: dict[tuple[Basis, str], dict[str, None]] = {}
    for case in compared.cases:
        key = case.basis, floor_text(case.comparison.threshold)
        kinds.setdefault(key, {}).update(dict.fromkeys(case.devices))
    parts = []
    for (basis, share), devices in kinds.items():
        names = ", ".join(devices)
        remedy = f"dynofarm noise --on {next(iter(devices))}"
        told = {
            Basis.GIVEN: f"{share}, as asked for",
            Basis.NOISE_FLOOR: f"{share}, the noise floor of {names}",
            Basis.USUAL: f"{share} on {names}, whose noise floor is not known ({remedy})",
        }[basis]
        if told not in parts:
            parts.append(told)
    return f"the same is within {'; '.join(parts)}"


def between_text(compared: Compared) -> str:
    """A word on differences between runs of one board that were measured at different times; empty without any. An
    interval knows how far the runs of a sweep scatter, and not how far sweeps do."""
    told = (Answer.SLOWER, Answer.FASTER)
    count = sum(
        case.comparison.answer in told
        and len(case.devices) == 1
        and {run.sweep_id for run in case.pair.first}.isdisjoint(run.sweep_id for run in case.pair.second)
        for case in compared.cases
    )
    if not count:
        return ""
    found = f"{count_text(count, 'difference')} between sweeps: what a board did in between is part of it"
    return f"{found}; both sides in one sweep tell more"


def notes_of(compared: Compared) -> list[str]:
    """Every note once, in the order of the cases."""
    return list(dict.fromkeys(note for case in compared.cases for note in case.notes))


def undecided(compared: Compared) -> list[CaseAnswer]:
    return [case for case in compared.cases if case.comparison.answer is Answer.INCONCLUSIVE]


def refused_fields(unpaired: Sequence[Unpaired]) -> list[str]:
    """The fields that keep cases apart, the most frequent first."""
    return [field for field, _ in Counter(field for one in unpaired for field in one.fields).most_common()]
