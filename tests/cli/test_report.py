"""`dynofarm report`: one page, or the same in other formats; what it cannot do it says in a sentence."""

import csv
import io
import shutil
import sys
from pathlib import Path

import pytest

from orchestrator.cli.completion import report_formats
from orchestrator.pages.formats import FORMATS
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm
from tests.paging import hostile_sweep, known_sweep


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("known") / "results.db"
    known_sweep(path)
    return path


@pytest.fixture
def measured(farm: Path, known: Path) -> Path:
    shutil.copy(known, farm / "results.db")
    return farm


def test_a_page_is_written_and_its_size_is_told(dynofarm: Dynofarm, measured: Path) -> None:
    answer = dynofarm("report", "last", "-o", "report.html").ok()
    assert answer.out == ""
    assert "known (sweep 1) written to report.html, " in answer.err
    text = (measured / "report.html").read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert text.count("<h2 id=") == 11
    assert "https://" not in text.split("</head>")[1].split("<footer>")[0]


def test_without_a_file_it_goes_to_standard_output(dynofarm: Dynofarm, measured: Path) -> None:
    assert dynofarm("report", "known").ok().out.startswith("<!DOCTYPE html>")


def test_a_page_is_not_poured_over_a_terminal(
    dynofarm: Dynofarm, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    answer = dynofarm("report", "1").failed(2)
    assert "dynofarm report 1 --output report.html" in answer.err


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.md", b"# known"), ("a.csv", b"device,"), ("a.tex", b"%"), ("a.parquet", b"PAR1"), ("a.html", b"<!DOCTYPE")],
)
def test_the_suffix_says_the_format(dynofarm: Dynofarm, measured: Path, name: str, begins: bytes) -> None:
    dynofarm("report", "1", "-o", name).ok()
    assert (measured / name).read_bytes().startswith(begins)


def test_the_format_may_be_said_instead(dynofarm: Dynofarm, measured: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(dynofarm("report", "-f", "csv").ok().out)))
    assert len(rows) == 11
    assert dynofarm("report", "--format", "markdown").ok().out.count("## ") > 8


def test_every_format_is_offered(dynofarm: Dynofarm, measured: Path) -> None:
    assert report_formats("") == sorted(FORMATS)
    assert report_formats("m") == ["markdown"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "nobody"), "no sweep"),
        (("report", "99"), "99"),
        (("report", "last", "-f", "pdf"), "--format pdf: no such format"),
        (("report", "last", "-o", "report.doc"), "--output report.doc: which format?"),
        (("report", "last", "-o", "nowhere/report.html"), "nowhere/report.html: cannot be written"),
    ],
)
def test_what_cannot_be_is_one_sentence(dynofarm: Dynofarm, measured: Path, words: tuple[str, ...], said: str) -> None:
    assert said in dynofarm(*words).failed(2).err
    assert not list(measured.glob("report*"))


def test_a_farm_that_measured_nothing_says_what_to_do(dynofarm: Dynofarm, farm: Path) -> None:
    Store.open(farm / "results.db", create=True).close()
    assert "no sweep" in dynofarm("report").failed(2).err


def test_hostile_names_come_through_as_text(dynofarm: Dynofarm, farm: Path) -> None:
    (farm / "results.db").unlink(missing_ok=True)
    hostile_sweep(farm / "results.db")
    text = dynofarm("report").ok().out
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\u202e" not in text
    assert "\u202e" not in dynofarm("report", "-f", "markdown").ok().out
