"""Comparisons in files: JSON and CSV for programs, Markdown for pull requests, JUnit for whatever runs the tests."""

import csv
import io
import math
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any
from xml.etree import ElementTree

from orchestrator.comparing.measured import CASE_FIELDS, Measured
from orchestrator.comparing.pairing import Unpaired
from orchestrator.comparing.verdicts import (
    NOTHING,
    CaseAnswer,
    Compared,
    FailOn,
    case_text,
    change_text,
    failing,
    fault_of_case,
    fault_of_unpaired,
    unpaired_name,
)
from orchestrator.report.characters import visible
from orchestrator.report.comparison import (
    ORDER,
    answer_text,
    between_text,
    confidence_text,
    interval_text,
    notes_of,
    passed_text,
    ratio_text,
    runs_text,
    shown_fields,
    summary_text,
    thresholds_text,
    unpaired_text,
)
from orchestrator.report.markdown import markdown_text
from orchestrator.report.words import latency_text

_COLUMNS = (
    "device", "model", "runtime", "version", "threads", "delegate", "options", "protocol",
    "answer", "ratio", "low", "high", "threshold", "threshold_from", "first_median_ns", "second_median_ns",
    "first_n", "second_n", "paired", "more_runs", "p_value", "why", "because", "notes",
)  # fmt: skip
_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, production 2: what is no character of any document."""


def comparison_values(compared: Compared, fail_on: Collection[FailOn] = ()) -> dict[str, Any]:
    """All of it as plain values; what is not known is None."""
    return {
        "first": compared.first,
        "second": compared.second,
        "by": sorted(map(str, compared.terms.by)),
        "across": sorted(compared.terms.across),
        "confidence": compared.confidence,
        "summary": {str(answer): compared.count(answer) for answer in ORDER} | {"not_compared": len(compared.unpaired)},
        "cases": [_case_values(case) for case in compared.cases],
        "not_compared": [_unpaired_values(one) for one in compared.unpaired],
        "failing": failing(compared, fail_on) if fail_on else [],
    }


def _case_values(case: CaseAnswer) -> dict[str, Any]:
    found = case.comparison
    return {
        "answer": str(found.answer),
        "ratio": found.ratio,
        "low": _finite(found.low) if found.high < math.inf else None,
        "high": _finite(found.high),
        "threshold": found.threshold,
        "threshold_from": str(case.basis),
        "p_value": found.p_value,
        "paired": found.paired,
        "more_runs": found.more_runs,
        "first": _side_values(case.pair.first, case.first_ns, found.first_n),
        "second": _side_values(case.pair.second, case.second_ns, found.second_n),
        "board_ratio": case.moved.ratio if case.moved else None,
        "notes": list(case.notes),
    }


def _side_values(runs: Sequence[Measured], median_ns: float, used: int) -> dict[str, Any]:
    values = {field: runs[0].value(field) for field in (*CASE_FIELDS, "version", "protocol", "kind", "emulated")}
    values["options"] = dict(values["options"])
    return values | {
        "digest": runs[0].digest,
        "median_ns": median_ns,
        "n": used,
        "sweeps": sorted({run.sweep_id for run in runs}),
        "runs": [run.job_id for run in runs],
    }


def _unpaired_values(one: Unpaired) -> dict[str, Any]:
    values = {field: one.run.value(field) for field in CASE_FIELDS}
    values["options"] = dict(values["options"])
    where = {"on_first": one.on_first, "on_second": one.on_second}
    return values | {"why": str(one.why), "because": one.because, "fields": list(one.fields)} | where


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def comparison_csv(compared: Compared) -> str:
    """A row a case, those that are not compared included; of what is compared both values, with an arrow."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n", restval="")
    writer.writeheader()
    for case in compared.cases:
        texts = {field: case.text(field) for field in _COLUMNS[:8]}
        values = _case_values(case)
        figures = {key: values[key] for key in _COLUMNS if key in values}
        sides = {f"{side}_{key}": values[side][name] for side in ("first", "second") for key, name in _SIDE}
        writer.writerow(texts | figures | sides | {"notes": "; ".join(case.notes)})
    for one in compared.unpaired:
        texts = {field: one.run.text(field) for field in _COLUMNS[:8]}
        writer.writerow(texts | {"why": str(one.why), "because": one.because})
    return out.getvalue()


_SIDE = (("median_ns", "median_ns"), ("n", "n"))


def comparison_markdown(compared: Compared, fail_on: Collection[FailOn] = ()) -> str:
    """A summary for a pull request: what it comes to, a table, and what is not compared."""
    faults = failing(compared, fail_on) if fail_on else []
    lines = [f"**{_plain(summary_text(compared))}**", ""]
    if fail_on:
        unseen = passed_text(compared)
        passed = f"The gate passes, with {_plain(unseen)}." if unseen else "The gate passes."
        lines += ["The gate fails:" if faults else passed, ""]
        lines += [f"- {_plain(fault)}" for fault in faults] + ([""] if faults else [])
    if compared.cases:
        fields, notes = shown_fields(compared), notes_of(compared)
        headings = [*fields, "first ms", "second ms", "ratio", confidence_text(compared), "answer", "runs", "notes"]
        lines += [_row(headings), _row(["---"] * len(fields) + ["---:"] * 4 + ["---"] * 3)]
        for case in compared.cases:
            found = case.comparison
            texts = [case.text(field) for field in fields]
            texts += [latency_text(case.first_ns), latency_text(case.second_ns), ratio_text(found.ratio)]
            texts += [interval_text(found), answer_text(found), runs_text(found)]
            lines.append(_row([*map(_plain, texts), " ".join(f"({notes.index(note) + 1})" for note in case.notes)]))
        lines += ["", *(f"- ({number}) {_plain(note)}" for number, note in enumerate(notes, 1))]
        words = filter(None, (thresholds_text(compared), between_text(compared)))
        lines += [f"- {_plain(text)}" for text in words]
    lines += [f"- {_plain(unpaired_text(one))}" for one in compared.unpaired]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """As Markdown shows it, and no sign that a terminal would obey."""
    return markdown_text(visible(text))


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def comparison_junit(compared: Compared, fail_on: Collection[FailOn] = ()) -> str:
    """A test a case, a suite a board: failed where the gate fails (without one: where a case regressed), skipped where
    there is no answer. The times are those of one inference on the second side."""
    gate = fail_on or (FailOn.REGRESSION,)
    suites: dict[str, list[ElementTree.Element]] = {}
    for case in compared.cases:
        test = _test(case.text("device"), case_text(case), case.second_ns)
        _mark(
            test,
            fault_of_case(case, gate),
            skipped="" if case.comparison.more_runs == 0 else answer_text(case.comparison),
        )
        out = ElementTree.SubElement(test, "system-out")
        out.text = _xml("\n".join([f"{answer_text(case.comparison)}: {change_text(case.comparison)}", *case.notes]))
        suites.setdefault(case.text("device"), []).append(test)
    for one in compared.unpaired:
        test = _test(one.run.text("device"), unpaired_name(one), None)
        _mark(test, fault_of_unpaired(one, gate), skipped=unpaired_text(one))
        suites.setdefault(one.run.text("device"), []).append(test)
    name = f"{compared.first} → {compared.second}"
    if NOTHING in failing(compared, gate):
        # Whoever reads the file alone must not take it for a success.
        test = _test(name, "is there anything to compare", None)
        _mark(test, NOTHING, skipped="")
        suites[name] = [test]
    root = ElementTree.Element("testsuites", {"name": _xml(name)})
    _count(root, [test for tests in suites.values() for test in tests])
    for device, tests in suites.items():
        suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(device)})
        _count(suite, tests)
        suite.extend(tests)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _test(device: str, name: str, time_ns: float | None) -> ElementTree.Element:
    values = {"classname": _xml(device), "name": _xml(name)}
    return ElementTree.Element("testcase", values if time_ns is None else values | {"time": f"{time_ns / 1e9:.9f}"})


def _mark(test: ElementTree.Element, fault: str, skipped: str) -> None:
    if fault:
        ElementTree.SubElement(test, "failure", {"message": _xml(fault)})
    elif skipped:
        ElementTree.SubElement(test, "skipped", {"message": _xml(skipped)})


def _count(suite: ElementTree.Element, tests: Sequence[ElementTree.Element]) -> None:
    for name, kind in (("failures", "failure"), ("skipped", "skipped")):
        suite.set(name, str(sum(test.find(kind) is not None for test in tests)))
    suite.set("tests", str(len(tests)))
    suite.set("errors", "0")


def _xml(text: str) -> str:
    """What a name may hold and XML may not is spelt out."""
    return _NOT_XML.sub("\ufffd", visible(text))


FORMATS: dict[str, Callable[[Compared, Collection[FailOn]], str]] = {
    "csv": lambda compared, _fail_on: comparison_csv(compared),
    "junit": comparison_junit,
    "markdown": comparison_markdown,
}
"""Texts by the name that --format takes; `table` and `json` go their own ways."""
