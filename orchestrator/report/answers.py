"""What the answers of a sweep are worth, and whether boards agree, on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from orchestrator.metrics import Estimate, Paired, Perplexity
from orchestrator.report.console import cell, new_table, report_console, words
from orchestrator.report.words import latency_text
from orchestrator.tasks.pace import paces_of
from orchestrator.tasks.scoring import Scored
from orchestrator.tasks.worth import TOLERANCE, Questions, Same, Worth

_SHARES = (("accuracy", "accuracy"), ("macro-F1", "macro_f1"), ("exact match", "exact_match"), ("F1", "f1"))
_HEADINGS = ("device", "kind", "model", "runtime", "delegate", "threads", "data", "scope", "n")


def answers_rows(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """A row a case, for `--json`; times are medians over runs."""
    return [_row(one) for one in scored]


def answers_table(scored: Sequence[Scored]) -> None:
    """Print a row a case, and beneath it what boards disagree on."""
    rows = answers_rows(scored)
    cells = [_cells(row) for row in rows]
    shown = list(dict.fromkeys(name for one in cells for name in one))
    table = new_table((*_HEADINGS, *shown), right=("threads", "n", *shown))
    for row, figures in zip(rows, cells, strict=True):
        told = (row["device"], row["device_kind"], row["model"], row["runtime"], row["delegate"], str(row["threads"]))
        what = (row["data"], row["scope"].replace("_", " "), f"{row['n']:,}")
        told_figures = [figures.get(name, "–") for name in shown]
        if row["trouble"] and shown:
            told_figures[0] = row["trouble"].partition(":")[0]
        table.add_row(*map(cell, (*told, *what, *told_figures)))
    console = report_console()
    console.print(table)
    for line in dict.fromkeys(trouble_lines(rows)):
        console.print(words(line), soft_wrap=not console.is_terminal)


def trouble_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence for every case without answers, with questions that it cannot answer, or with other answers than its
    artifact gave elsewhere."""
    lines = []
    for row in rows:
        who = f"{row['device']}, {row['model']}, {row['runtime']}, delegate {row['delegate']}"
        cut_off = row["questions"]["cut_off"] if row["questions"] else 0
        if cut_off:
            lines.append(f"{row['model']}: the answers to {cut_off} of {row['n']} questions stand behind what it reads")
        if row["trouble"]:
            lines.append(f"{who}: {row['trouble']}")
        elif row["damaged"]:
            lines.append(f"{who}: left out of {row['scope']}: {row['damaged']}")
        elif row["same"] is not None and not row["same"]["agrees"]:
            lines.append(
                f"{who}: {_difference_text(row['same'], row['witness'])}; {TOLERANCE:g} is allowed: look at it"
            )
        elif row["elsewhere"] is not None and not row["elsewhere"]["agrees"]:
            lines.append(f"{who}: {_difference_text(row['elsewhere'], row['other_witness'])}: other kernels")
    return lines


def _difference_text(same: dict[str, Any], witness: str) -> str:
    return (
        f"{same['share']:.1%} of its answers are those of {witness}, and numbers differ by up to {same['largest']:.2g} "
        "of their spread"
    )


def estimate_text(found: dict[str, Any]) -> str:
    """`78.7 % (73.7–82.9)`."""
    return f"{100 * found['value']:.1f} % ({100 * found['low']:.1f}–{100 * found['high']:.1f})"


def paired_text(found: dict[str, Any]) -> str:
    """`-0.8 points (-1.9 to 0.3), p = 0.18`."""
    p = f"p = {found['p_value']:.2g}" if found["p_value"] >= 1e-4 else "p < 0.0001"
    points = f"{100 * found['difference']:+.1f} points ({100 * found['low']:.1f} to {100 * found['high']:.1f})"
    return f"{points}, {p}"


def difference_text(found: dict[str, Any]) -> str:
    """`-0.8 points (-1.9 to 0.3)`."""
    return f"{100 * found['value']:+.1f} points ({100 * found['low']:.1f} to {100 * found['high']:.1f})"


def _row(one: Scored) -> dict[str, Any]:
    worth, paces = one.worth or Worth(), paces_of(run.run for run in one.usable)
    return {
        "device": one.job.device,
        "device_kind": one.device_kind,
        "model": one.job.model,
        "model_digest": one.job.model_digest,
        "runtime": str(one.job.runtime),
        "threads": one.job.threads,
        "delegate": one.job.delegate,
        "options": dict(one.job.options),
        "case_key": one.case_key,
        "kind": one.task.kind,
        "data": f"{one.task.data}/{one.task.split}",
        "scope": one.task.scope,
        "n": one.task.examples,
        "runs": [run.summary.job_id for run in one.runs],
        "accuracy": _plain(worth.accuracy),
        "macro_f1": _plain(worth.macro_f1),
        "exact_match": _plain(worth.exact_match),
        "f1": _plain(worth.f1),
        "questions": _plain(worth.questions),
        "perplexity": _plain(worth.perplexity),
        "versus_teacher": _plain(one.versus_teacher),
        "f1_versus_teacher": _plain(one.f1_versus_teacher),
        "items_per_s": median(pace.items_per_s for pace in paces) if paces else None,
        "first_token_ns": _median([pace.first_ns for pace in paces]),
        "token_ns": _median([pace.token_ns for pace in paces]),
        "same": _plain(one.same),
        "witness": one.witness,
        "elsewhere": _plain(one.elsewhere),
        "other_witness": one.other_witness,
        "trouble": one.trouble,
        "damaged": one.damaged,
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _plain(found: Estimate | Paired | Perplexity | Questions | Same | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _cells(row: dict[str, Any]) -> dict[str, str]:
    """The figures that a row has, by heading, in the order of the columns."""
    found: dict[str, str] = {}
    for heading, key in _SHARES:
        if row[key] is not None:
            found[heading] = estimate_text(row[key])
    if row["perplexity"] is not None:
        found["perplexity"] = f"{row['perplexity']['value']:.3g}"
    if row["versus_teacher"] is not None:
        found["against teacher"] = paired_text(row["versus_teacher"])
    if row["f1_versus_teacher"] is not None:
        found["F1 against teacher"] = difference_text(row["f1_versus_teacher"])
    for heading, key in (("first ms", "first_token_ns"), ("token ms", "token_ns")):
        if row[key] is not None:
            found[heading] = latency_text(row[key])
    if row["items_per_s"] is not None:
        found["items/s"] = f"{row['items_per_s']:,.3g}"
    if row["same"] is not None:
        found["the same"] = "yes" if row["same"]["agrees"] else f"{row['same']['share']:.1%}"
    return found
