"""Names, badges and figures as pages show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.comparing.answers import Answer
from orchestrator.pages import filters
from orchestrator.pages.badges import answer_badge, status_badge, verdict_badge
from orchestrator.pages.names import apart, shown
from orchestrator.runs import RunStatus
from orchestrator.trust.verdicts import Verdict
from tests.making import MOMENT


@given(st.text(max_size=300), st.integers(4, 80))
def test_a_name_is_one_line_no_longer_than_fits_and_hides_nothing(name: str, longest: int) -> None:
    text = shown(name, longest)
    assert len(text) <= longest
    assert not set(text) & set("\n\r\t\x00\x1b\u202e\u2066\u200b")


def test_the_end_of_a_long_name_stays_since_versions_stand_there() -> None:
    assert shown("a" * 100 + "-v2", 20).endswith("-v2")


@given(st.lists(st.text(max_size=90), max_size=20))
def test_names_that_look_alike_stay_apart(names: list[str]) -> None:
    alike = [shown(name, 40) for name in names]
    if not any(name.endswith(")") for name in alike):
        assert len(set(apart(names, 40))) == len(names)


def test_every_badge_has_a_word_besides_its_sign() -> None:
    badges = [
        *(verdict_badge(verdict) for verdict in (*Verdict, None)),
        *(status_badge(status) for status in RunStatus),
        *(answer_badge(answer) for answer in Answer),
    ]
    assert all(badge.word and badge.sign for badge in badges)
    assert len({badge.word for badge in badges[:4]}) == 4


@pytest.mark.parametrize("name", ["ms", "size", "duration", "percent"])
def test_what_was_not_measured_is_never_zero(name: str) -> None:
    assert filters.FILTERS[name](None) == "not measured"
    assert "0" in filters.FILTERS[name](0)


def test_moments_are_told_in_utc_to_people_and_to_machines() -> None:
    assert filters.moment(MOMENT) == "2026-11-03 12:00 UTC"
    assert filters.stamp(MOMENT) == "2026-11-03T12:00:00Z"
    assert filters.moment(None) == "never"
