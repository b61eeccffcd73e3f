"""Durations, sizes and moments as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.quantities import parse_bytes, parse_duration_s, parse_since, show_bytes, show_duration

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("10 min", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("500ms", 0.5),
        ("2d", 172800),
        ("1w", 604800),
        ("1.5h", 5400),
        (" 3S ", 3),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_read(text: str | float, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "s",
        "10 x",
        "-5s",
        "1h1h",
        "10m!",
        "1e3",
        "٣s",
        "1:30",
        "9" * 40 + "s",
        True,
        -1,
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str | float) -> None:
    with pytest.raises(UsageError, match="is not a duration") as caught:
        parse_duration_s(text)
    assert "90s" in caught.value.hint


@pytest.mark.parametrize("text", ["99999999d", "10429w", "201000d", "999999999999999", 1e300])
def test_a_time_that_nobody_lives_to_see_is_refused(text: str | float) -> None:
    with pytest.raises(UsageError, match="is longer than 200 years") as caught:
        parse_duration_s(text)
    assert "10m" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2 GB", 2 * 10**9),
        ("500MB", 500 * 10**6),
        ("1.5 GiB", 3 * 2**29),
        ("64 kB", 64_000),
        ("1 KiB", 1024),
        ("1 tb", 10**12),
        ("17 B", 17),
        ("1000000", 10**6),
        (12, 12),
    ],
)
def test_a_size_is_read_decimal_and_binary(text: str | int, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "big", "2 G", "1 GB 5 MB", "-1 MB", "1.5 B", 0.5, False, "GB"])
def test_what_is_no_size_is_refused_with_an_example(text: str | float) -> None:
    with pytest.raises(UsageError, match="is not a size") as caught:
        parse_bytes(text)
    assert "500 MB" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", datetime(2026, 11, 14, 11, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-11-01T06:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-11-01 06:30:10", datetime(2026, 11, 1, 5, 30, 10, tzinfo=UTC)),
        ("2026-11-01T06:30Z", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_or_a_date_in_the_zone_of_now(text: str, moment: datetime) -> None:
    found = parse_since(text, NOW)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-W10", "20261101", "7", "999999999999w", "2026-11-01T25:00"]
)
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="neither an age nor a date") as caught:
        parse_since(text, NOW)
    assert "7d" in caught.value.hint


def test_a_moment_to_come_is_refused() -> None:
    with pytest.raises(UsageError, match="2027-01-01 lies in the future"):
        parse_since("2027-01-01", NOW)


def test_a_moment_before_the_first_year_in_utc_is_refused() -> None:
    with pytest.raises(UsageError, match="0001-01-01 lies before the first year in UTC") as caught:
        parse_since("0001-01-01", NOW)
    assert "2026-03-31" in caught.value.hint
    assert parse_since("0001-01-02", NOW) == datetime(1, 1, 1, 23, tzinfo=UTC)


def test_now_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        parse_since("7d", datetime(2026, 1, 1))


@given(st.integers(0, 10**15))
def test_a_size_that_is_shown_is_read_back_exactly(size: int) -> None:
    assert parse_bytes(show_bytes(size)) == size


@given(st.integers(0, 10**6), st.sampled_from([0.5, 1, 60, 3600]))
def test_a_duration_that_is_shown_is_read_back(count: int, unit: float) -> None:
    assert parse_duration_s(show_duration(count * unit)) == pytest.approx(count * unit, rel=1e-5)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_duration_s, parse_bytes, lambda one: parse_since(one, NOW)):
        try:
            parse(text)
        except UsageError as error:
            assert error.hint
