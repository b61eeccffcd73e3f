"""Dates as they are typed are meant where the user is, by the clock of their own season."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from orchestrator import quantities
from orchestrator.asking import runs
from orchestrator.comparing.selectors import parse_selector
from orchestrator.errors import UsageError


class November(datetime):
    """A day in winter is today."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 11, 21, 12, 0) if tz is None else datetime(2026, 11, 21, 11, 0, tzinfo=UTC).astimezone(tz)


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        patched.setattr(quantities, "datetime", November)
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-07-01T06:30", datetime(2026, 7, 1, 4, 30, tzinfo=UTC)),
        ("2026-07-01T06:30Z", datetime(2026, 7, 1, 6, 30, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-10-25", datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("2026-10-26", datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 21, 9, tzinfo=UTC)),
    ],
)
def test_a_date_has_the_offset_of_its_own_season(text: str, moment: datetime) -> None:
    found = runs.run_filter(since=text, until=text)
    assert (found.since, found.until) == (moment, moment)


@pytest.mark.parametrize(
    ("text", "told"), [("0001-01-01", "lies before the first year in UTC"), ("9999-12-31", "lies in the future")]
)
def test_the_ends_of_the_calendar_are_refused_with_a_sentence(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        runs.run_filter(since=text)


def test_the_days_of_a_comparison_have_the_offset_of_their_own_season() -> None:
    found = parse_selector("device:kitchen,2026-07-01..2026-10-31", quantities.now_here()).wanted
    assert (found.since, found.until) == (
        datetime(2026, 6, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    )
