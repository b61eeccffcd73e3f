"""What a board says is looked at before it is believed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.protocol import FAILURE_REASONS, Failure, JobFailure, Memory, Result, Samples, Timing
from orchestrator.outcomes import outcome_of, span_of
from tests.making import make_conditions, make_result

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def timing(**changes: Any) -> Timing:
    values: dict[str, Any] = {**vars(make_result().timing), **changes}
    return Timing(**values)


def test_what_can_be_is_taken_as_it_is() -> None:
    result = make_result()
    assert outcome_of(Result(result)) is result
    for reason in FAILURE_REASONS:
        failure = JobFailure("j", reason, "why")
        assert outcome_of(Failure(failure)) is failure


@pytest.mark.parametrize(
    "changes",
    [
        {"timing": timing(latencies_ns=[])},
        {"timing": timing(latencies_ns=[1, -1])},
        {"timing": timing(latencies_ns=[2**63])},
        {"timing": timing(load_ns=-5)},
        {"timing": timing(loop_wall_ns=10**400)},
        {"timing": timing(warmup_inferences=2**64)},
        {"memory": Memory(2**70, None, None, None)},
        {"samples": Samples([1, 2**65], {})},
        {"samples": Samples([-1], {})},
        {"samples": Samples([1, 2], {"temp_c": [40.0]})},
    ],
)
def test_a_figure_that_cannot_be_makes_a_failure_of_the_job(changes: dict[str, Any]) -> None:
    outcome = outcome_of(Result(make_result("j", **changes)))
    assert isinstance(outcome, JobFailure)
    assert (outcome.job_id, outcome.reason) == ("j", "crashed")
    assert "cannot be" in outcome.message
    assert len(outcome.message) < 300


@pytest.mark.parametrize("reason", ["ok", "skipped", "", "x" * 10**6])
def test_a_failure_for_no_known_reason_is_a_crash(reason: str) -> None:
    outcome = outcome_of(Failure(JobFailure("j", reason, "why")))
    assert isinstance(outcome, JobFailure)
    assert outcome.reason == "crashed"
    assert len(outcome.message) < 300


@pytest.mark.parametrize("utc", ["1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", "yesterday"])
def test_a_result_that_waited_is_dated_by_how_long_the_board_is_up_whatever_its_clock_says(utc: str) -> None:
    before, after = make_conditions(utc=utc, uptime_s=100.0), make_conditions(utc=utc, uptime_s=160.0)
    seen = make_conditions(utc=utc, uptime_s=760.0)
    result = make_result(conditions_before=before, conditions_after=after)
    started, finished = span_of(result, seen, NOW)
    assert finished == NOW - timedelta(minutes=10)
    assert finished - started == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("utc", "finished"),
    [
        ("2026-11-01T00:00:00+00:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T02:00:00+02:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T00:00:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2999-01-01T00:00:00+00:00", NOW),
        ("0001-01-01T00:00:00+14:00", NOW),
        ("\N{SNOWMAN}", NOW),
    ],
)
def test_after_a_restart_the_boards_clock_counts_as_far_as_it_can_be_true(utc: str, finished: datetime) -> None:
    result = make_result(conditions_after=make_conditions(utc=utc, boot_id="former"))
    assert span_of(result, make_conditions(boot_id="new"), NOW)[1] == finished


@pytest.mark.parametrize(
    ("utc", "finished"),
    [
        ("1970-01-01T00:01:40+00:00", NOW),
        ("2026-10-31T23:59:59+00:00", NOW),
        ("2026-11-01T00:00:00+00:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-02T00:00:00+00:00", datetime(2026, 11, 2, tzinfo=UTC)),
    ],
)
def test_after_a_restart_no_clock_is_believed_that_says_that_a_job_ended_before_it_was_planned(
    utc: str, finished: datetime
) -> None:
    """A board without a battery begins anew in 1970, or at the moment that it wrote down when it was shut down last."""
    planned = datetime(2026, 11, 1, tzinfo=UTC)
    before, after = (make_conditions(utc=utc, boot_id="former", uptime_s=uptime_s) for uptime_s in (40.0, 100.0))
    result = make_result(conditions_before=before, conditions_after=after)
    span = span_of(result, make_conditions(boot_id="new"), NOW, planned)
    assert span == (finished - timedelta(minutes=1), finished)


def test_how_long_a_board_is_up_is_not_believed_either_where_the_job_was_planned_later() -> None:
    """The clock of this machine was set meanwhile."""
    up = make_conditions(uptime_s=100.0)
    result = make_result(conditions_before=up, conditions_after=up)
    assert span_of(result, make_conditions(uptime_s=700.0), NOW, NOW - timedelta(minutes=1)) == (NOW, NOW)


@pytest.mark.parametrize("uptime_s", [None, float("nan"), float("inf"), -1e300])
def test_an_uptime_that_cannot_be_counts_for_nothing(uptime_s: float | None) -> None:
    odd = make_conditions(uptime_s=uptime_s, utc="?")
    assert span_of(make_result(conditions_before=odd, conditions_after=odd), odd, NOW) == (NOW, NOW)
    assert span_of(JobFailure("j", "crashed", "it fell"), odd, NOW) == (NOW, NOW)
