"""Figures in words, and characters that must not reach a terminal."""

import pytest

from orchestrator.report.characters import FALLBACK, one_line, visible
from orchestrator.report.spark import BARS, spark
from orchestrator.report.words import bytes_text, count_text, duration_text, options_text, run_text, status_text
from orchestrator.runs import RunStatus
from tests.making import make_result, make_run


@pytest.mark.parametrize(("count", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs")])
def test_one_is_singular_and_everything_else_plural(count: int, text: str) -> None:
    assert count_text(count, "job") == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(999_400, "999 kB"), (999_700, "1 MB"), (-61_440, "-61.4 kB"), (1_234e9, "1234 GB"), (2_000e9, "2000 GB")],
)
def test_sizes_never_show_an_exponent(size_bytes: float, text: str) -> None:
    assert bytes_text(size_bytes) == text


@pytest.mark.parametrize(("duration_s", "text"), [(0.01, "0 s"), (0.35, "0.3 s"), (0.96, "1 s"), (89.7, "1 min")])
def test_a_short_duration_is_not_told_as_nothing(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text


def test_options_and_statuses_read_as_words() -> None:
    assert options_text({"b": 2, "a": "x"}) == "a=x b=2"
    assert options_text({}) == ""
    assert status_text(RunStatus.OUT_OF_MEMORY) == "out of memory"


def test_the_median_of_an_even_number_is_the_one_that_is_stored() -> None:
    run = make_run(result=make_result(latencies_ns=[1_000_000, 3_000_000]))
    assert "2.000 ms (median of 2)" in run_text(run)


def test_a_run_without_latencies_does_not_fail_to_be_told() -> None:
    assert "ok" in run_text(make_run(result=make_result(latencies_ns=[])))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x9b31m", r"\x9b31m"),
        ("bell\a, back\b, return\r", r"bell\x07, back\x08, return\r"),
        ("evil\u202etxt", r"evil\u202etxt"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\udcff", r"\udcff"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("µ–ß 板", "µ–ß 板"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_cell_of_a_table_is_one_line() -> None:
    assert one_line("a\nb\tc\x1b") == r"a b c\x1b"


def test_an_encoding_without_our_signs_gets_plainer_ones() -> None:
    assert "runs ± – 2 × 8 · 板 ▁█".encode("ascii", FALLBACK) == b"runs +- - 2 x 8 | ? _#"


def test_bytes_that_are_no_text_are_not_papered_over() -> None:
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", FALLBACK)


def test_a_spark_line_shows_the_course_in_at_most_so_many_bars() -> None:
    assert spark([1.0, 2.0, 3.0]) == f"{BARS[0]}{BARS[4]}{BARS[7]}"
    assert len(spark([float(value) for value in range(1000)], width=48)) <= 48
    assert spark([5.0, 5.0]) == BARS[0] * 2
    assert spark([]) == ""


def test_a_bar_of_a_long_series_is_the_mean_of_its_stretch() -> None:
    assert spark([0.0, 10.0, 5.0, 5.0], width=2) == BARS[0] * 2
