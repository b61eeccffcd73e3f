"""What a user means by a side, and what they cannot mean."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.comparing.measured import Axis
from orchestrator.comparing.selectors import compared_axes, parse_selector
from orchestrator.comparing.thresholds import parse_share
from orchestrator.errors import UsageError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=1)))


def test_numbers_and_last_are_sweeps_and_words_are_looked_up() -> None:
    found = parse_selector("41,last,nightly,sweep:44,baseline-of-may", NOW)
    assert found.sweeps == ("41", "last", "44")
    assert found.words == ("nightly", "baseline-of-may")


def test_terms_narrow_a_side() -> None:
    found = parse_selector("nightly, model:bert*, device:kitchen, threads:4, threads:1, delegate:none, tag:pi4", NOW)
    wanted = found.wanted
    assert (wanted.models, wanted.devices, wanted.threads, wanted.delegates) == (
        ("bert*",),
        ("kitchen",),
        (4, 1),
        ("none",),
    )
    assert found.tags == ("pi4",)
    assert found.by_axis[Axis.DEVICE] == ("kitchen", "tag:pi4")


def test_a_runtime_may_have_a_version() -> None:
    found = parse_selector("runtime:litert@2.3.0", NOW)
    assert (found.wanted.runtimes, found.wanted.versions) == (("litert",), ("2.3.0",))
    assert parse_selector("runtime:litert", NOW).wanted.versions == ()


def test_days_are_days_of_the_users_zone() -> None:
    found = parse_selector("2026-11-03", NOW).wanted
    assert found.since == datetime(2026, 11, 2, 23, 0, tzinfo=UTC)
    assert found.until == datetime(2026, 11, 3, 23, 0, tzinfo=UTC)
    several = parse_selector("2026-11-01..2026-11-03", NOW).wanted
    assert several.since is not None
    assert several.until == found.until
    assert several.until - several.since == timedelta(days=3)


def test_a_sweep_whose_name_only_begins_with_a_date_is_a_sweep() -> None:
    for name in ("2026-11-03-nightly", "2026-11-03_2", "2026-11-03.1"):
        assert parse_selector(name, NOW).words == (name,)


def test_since_and_until_are_moments() -> None:
    found = parse_selector("since:30d,until:7d", NOW).wanted
    assert found.since == NOW - timedelta(days=30)
    assert found.until == NOW - timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a side"),
        ("41,,42", "is not a side"),
        ("model:", "names nothing"),
        ("modle:bert", "there is no 'modle'"),
        ("threads:many", "not a number of threads"),
        ("threads:0", "not a number of threads"),
        ("threads:" + "9" * 5000, "not a number of threads"),
        ("threads:٤", "not a number of threads"),
        ("runtime:@2.3.0", "is not a runtime"),
        ("runtime:litert@", "is not a runtime"),
        ("2026-13-03", "is not a day"),
        ("2026-11-03..", "is not a day"),
        ("9999-12-31", "is not a day"),
        ("2026-11-03..2026-11-01", "ends before it begins"),
        ("since:tomorrow", "neither an age nor a date"),
        ("since:2027-01-01", "in the future"),
        ("since:1d,until:7d", "nothing lies between"),
        ("since:1d,2026-11-03", "says twice"),
        ("baseline:main,since:7d", "has its runs already"),
    ],
)
def test_what_is_no_side_is_said_with_an_example(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_selector(text, NOW)
    assert told in error.value.message
    assert error.value.hint


@given(st.text(max_size=60))
def test_any_text_is_a_side_or_a_fault_of_the_user(text: str) -> None:
    try:
        assert parse_selector(text, NOW).text == text
    except UsageError as error:
        assert error.message


@pytest.mark.parametrize(
    ("first", "second", "by"),
    [
        ("41", "42", set()),
        ("model:bert", "model:roberta", {Axis.MODEL}),
        ("41,model:bert", "42,model:bert", set()),
        ("41,model:bert", "42", set()),
        ("runtime:litert@2.2.0", "runtime:litert@2.3.0", {Axis.RUNTIME}),
        ("tag:pi4", "tag:pi5", {Axis.DEVICE}),
        ("device:kitchen,threads:1", "device:attic,threads:4", {Axis.DEVICE, Axis.THREADS}),
        ("threads:4", "threads:04", set()),
    ],
)
def test_what_both_sides_name_differently_is_what_is_compared(first: str, second: str, by: set[Axis]) -> None:
    assert compared_axes(parse_selector(first, NOW), parse_selector(second, NOW)) == by


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("2.5 %", 0.025), ("0.05", 0.05), (".1", 0.1), ("0%", 0.0), ("0", 0)]
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "", "-5%", "five", "500%", "1e-2", "nan", "%", "5%%", "٥%"])
def test_a_share_that_may_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a share"):
        parse_share(text)
