"""Sheets in every format: nothing in a cell is obeyed by what reads it, and nothing is lost."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.errors import UsageError
from orchestrator.report.study.columns import COLUMNS, choose_columns
from orchestrator.report.study.formats import WRITERS, choose_format
from orchestrator.report.study.sheet import Claimed, Sheet, SheetColumn
from orchestrator.report.study.terminal import print_sheet
from orchestrator.report.study.texts import figure_text, number_text, paired_text, share_text
from orchestrator.study import Figure
from tests.unit.test_study_claims import around, row

TEXT = st.text(max_size=20) | st.sampled_from(
    [
        "a|b", "<b>", "</td><script>x</script>", "[link](x)", "`code`", "*", "\\", "a & b % c # d $ e",
        "_ f { g } h ~ i ^",
        "--step", "[1em]", "\x1b[2J", "a\nb", "=1+1", "\u202eabc", '"', "'", "&amp;",
    ]
)  # fmt: skip


def sheet_of(text: str) -> Sheet:
    columns = (SheetColumn("a", text, numeric=False), SheetColumn("b", "b"))
    return Sheet(text, columns, ((text, "1"), ("x", text)), ({"a": text}, {"a": None, "b": [text]}), (text,),
                 (Claimed(text, "holds", text),))  # fmt: skip


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("href", "src")]
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@given(TEXT)
def test_a_page_has_no_tag_that_a_cell_brought(text: str) -> None:
    plain, page = _Page(), _Page()
    plain.feed(WRITERS["html"](sheet_of("x")))
    page.feed(WRITERS["html"](sheet_of(text)))
    assert page.tags == plain.tags
    assert page.open == []


@given(TEXT)
def test_a_markdown_table_has_as_many_cells_in_every_line(text: str) -> None:
    lines = [line for line in WRITERS["markdown"](sheet_of(text)).splitlines() if line.startswith("|")]
    counts = [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines]
    assert counts == [3, 3, 3, 3, 4, 4, 4]
    for line in lines:
        assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]`*_#]", line)


ESCAPES = re.compile(r"\\(?:textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl"
                     r"|textquotesingle|textasciigrave|ldots)\{\}|\\[&%$#_{}]|\{\[\}|\{\]\}|\{\*\}|\$\\(?:times|pm|geq|leq|cdot)\$"
                     r"|(?<=-)\{\}(?=-)")  # fmt: skip


@given(TEXT)
def test_a_cell_of_latex_has_nothing_that_tex_would_obey(text: str) -> None:
    found = WRITERS["latex"](sheet_of(text)).splitlines()
    start = found.index(r"\midrule")
    for line, wanted in zip(found[start + 1 : start + 3], (r" & 1 \\", "x & "), strict=True):
        cell = (
            line.removesuffix(r" & 1 \\") if wanted.startswith(" ") else line.removeprefix("x & ").removesuffix(r" \\")
        )
        assert line != cell
        bare = ESCAPES.sub("", cell)
        assert not re.search(r"[\\{}&%$#_~^<>|\"'`\[\]*]", bare)
    assert "---" not in re.sub("–", "", "".join(found[start + 1 : start + 2]))


@given(TEXT)
def test_csv_and_json_give_the_values_back(text: str) -> None:
    sheet = sheet_of(text)
    first, second = list(csv.DictReader(io.StringIO(WRITERS["csv"](sheet), newline="")))
    assert (first["a"], first["b"]) == (text, "")
    assert json.loads(second["b"]) == [text]
    whole = json.loads(WRITERS["json"](sheet))
    assert whole["rows"] == [{"a": text}, {"a": None, "b": [text]}]
    assert (whole["title"], whole["claims"][0]["claim"]) == (text, text)


@given(TEXT)
def test_a_terminal_obeys_nothing_in_a_cell(text: str) -> None:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    print_sheet(sheet_of(text), console)
    said = console.file.getvalue()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", said)


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_sheet_without_rows_can_be_written(name: str) -> None:
    assert WRITERS[name](Sheet("empty", (SheetColumn("a", "a"),), (), ())).endswith("\n")


def test_latex_is_a_booktabs_table_with_a_column_each() -> None:
    text = WRITERS["latex"](sheet_of("x"))
    assert r"\begin{tabular}{lr}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [2, 2, 2]


def test_a_page_loads_nothing_and_reads_in_the_dark() -> None:
    page = WRITERS["html"](sheet_of("x"))
    assert "prefers-color-scheme: dark" in page
    assert '<th scope="col"' in page and '<th scope="row"' in page and "<caption>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_narrow_terminal_names_what_it_left_out() -> None:
    columns = (SheetColumn("a", "first"), SheetColumn("b", "second", rank=2), SheetColumn("c", "third", rank=1))
    sheet = Sheet("t", columns, (("1" * 20, "2" * 20, "3" * 20),), ({},))
    console = Console(file=io.StringIO(), width=50, highlight=False)
    print_sheet(sheet, console)
    said = console.file.getvalue()
    assert "no room here for: second" in said
    assert "3" * 20 in said and "2" * 20 not in said


def test_a_board_that_is_not_real_is_labelled_whatever_columns_are_chosen() -> None:
    loop = row(device_kind="loopback")
    chosen = choose_columns([loop], ["p50_ms"])
    assert next(column.text(loop) for column in chosen) == "pi (loopback)"
    assert [column.shown.key for column in choose_columns([row()], ["p50_ms", "p50_ms"])] == ["p50_ms"]


def test_an_unknown_column_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="--columns speed: no such column") as caught:
        choose_columns([], ["speed"])
    assert "items_per_s" in caught.value.hint


def test_every_column_has_a_text_and_values_for_an_empty_row() -> None:
    names: list[str] = []
    for column in COLUMNS:
        assert isinstance(column.text(row()), str)
        names += column.values(row())
    assert len(names) == len(set(names))
    json.dumps({name: column.values(row()) for column in COLUMNS for name in [column.shown.key]}, allow_nan=False)


def test_what_nobody_measured_says_so() -> None:
    texts = {column.shown.key: column.text(row()) for column in COLUMNS}
    for key in ("accuracy", "macro_f1", "versus_teacher", "items_per_s", "one_per_s", "energy_j_per_item"):
        assert texts[key] == "not measured"
    assert texts["ratio"] == "162× (438,000,000 / 2,700,000 bytes)"


def test_an_interval_without_bounds_is_no_number_in_a_file() -> None:
    alone = row(items_per_s=Figure(76.2, 0.0, float("inf"), 1))
    values = next(column for column in COLUMNS if column.shown.key == "items_per_s").values(alone)
    assert values == {"items_per_s": 76.2, "items_per_s_low": None, "items_per_s_high": None}
    assert figure_text(alone.items_per_s) == "76.2"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00123, "0.00123"), (1.005, "1.00"), (76.25, "76.2"), (1234.5, "1,234"), (-2.5, "-2.50")],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number_text(value) == text


def test_shares_and_differences_are_told_with_their_intervals() -> None:
    from orchestrator.metrics import Estimate
    from orchestrator.metrics.mcnemar import paired

    assert share_text(Estimate(400, 0.769, 0.751, 0.785)) == "76.9 % (75.1–78.5)"
    assert paired_text(paired(380, 0, 20, 0), is_teacher=False).startswith("-5.0 points (-")
    assert "p < 0.001" in paired_text(paired(380, 0, 20, 0), is_teacher=False)
    assert paired_text(None, is_teacher=True) == "–"
    assert figure_text(around(1.0)) == "1.00 (0.950–1.05)"


@pytest.mark.parametrize(
    ("wanted", "output", "found"),
    [
        (None, None, "table"),
        ("csv", None, "csv"),
        (None, "t.tex", "latex"),
        (None, "t.HTML", "html"),
        ("json", "t.txt", "json"),
        (None, "t.svg", "svg"),
    ],
)
def test_the_format_is_what_was_said_or_what_the_suffix_says(
    wanted: str | None, output: str | None, found: str
) -> None:
    assert choose_format(wanted, Path(output) if output else None, ("svg",)) == found


@pytest.mark.parametrize(
    ("wanted", "output"), [("xls", None), (None, "t.xls"), (None, "t"), ("table", "t.md"), ("svg", None)]
)
def test_a_format_that_there_is_not_is_refused(wanted: str | None, output: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        choose_format(wanted, Path(output) if output else None)
    assert "latex" in caught.value.hint
