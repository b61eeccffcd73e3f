import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.stats import P90, P95, P99, P999, early_stopping_discard, least_n, nearest_rank, summarise

PUBLISHED = [
    (10523, 979),
    (26070, 2493),
    (19318, 1833),
    (18251, 1729),
    (19042, 1806),
    (8859, 819),
    (38907, 3752),
    (39835, 3843),
]


@pytest.mark.parametrize(("n", "discarded"), PUBLISHED)
def test_early_stopping_agrees_with_the_published_logs(n: int, discarded: int) -> None:
    assert early_stopping_discard(n, P90) == discarded


@pytest.mark.parametrize(("permille", "n"), [(P90, 64), (P95, 130), (P99, 662), (P999, 6636)])
def test_the_least_n_of_each_percentile_is_the_documented_one(permille: int, n: int) -> None:
    assert least_n(permille) == n
    assert early_stopping_discard(n, permille) == 0
    assert early_stopping_discard(n - 1, permille) is None


@given(n=st.integers(1, 300), permille=st.sampled_from([500, P90, P95, P99]))
def test_early_stopping_agrees_with_exact_fractions(n: int, permille: int) -> None:
    late = 1 - Fraction(permille, 1000)
    below, largest = Fraction(0), -1
    for h in range(n + 1):
        below += math.comb(n, h) * late**h * (1 - late) ** (n - h)
        if below > Fraction(1, 100):
            break
        largest = h
    assert early_stopping_discard(n, permille) == (largest - 1 if largest >= 1 else None)


def test_a_million_latencies_do_not_underflow() -> None:
    discarded = early_stopping_discard(1_000_000, P99)
    # Ten thousand late ones are expected, and 2.33 deviations of 99.5 less is where 1 % lies.
    assert discarded is not None
    assert abs(discarded - (10_000 - 2.326 * 99.5)) < 5


def test_a_percentile_is_the_nearest_rank_and_hides_where_n_is_too_small() -> None:
    summary = summarise(list(range(1, 101)))
    assert summary.p90_ns == 90
    assert (summary.p95_ns, summary.p99_ns, summary.p999_ns) == (None, None, None)
    assert (summary.p95_bound_ns, summary.p99_bound_ns) == (None, None)
    assert summarise(list(range(1, 64))).p90_ns is None
    assert summarise(list(range(1, 65))).p90_ns == 58


def test_the_bound_of_the_least_n_is_the_slowest_latency() -> None:
    assert summarise(list(range(1, 65))).p90_bound_ns == 64
    assert summarise(list(range(1, 663))).p99_bound_ns == 662


@given(st.integers(1, 10_000), st.sampled_from([P90, P95, P99, P999]))
def test_the_nearest_rank_is_the_ceiling_in_whole_numbers(n: int, permille: int) -> None:
    assert nearest_rank(n, permille) == max(1, math.ceil(Fraction(permille * n, 1000)))


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=2000))
def test_a_summary_agrees_with_the_standard_library(latencies: list[int]) -> None:
    summary = summarise(latencies)
    middle = statistics.median(latencies)
    assert summary.n == len(latencies)
    assert (summary.min_ns, summary.max_ns) == (min(latencies), max(latencies))
    assert summary.median_ns == pytest.approx(middle)
    assert summary.mean_ns == pytest.approx(statistics.fmean(latencies))
    assert summary.std_ns == pytest.approx(statistics.stdev(latencies), rel=1e-6, abs=1e-3)
    assert summary.mad_ns == pytest.approx(statistics.median(abs(one - middle) for one in latencies))
    if summary.p90_ns is not None and summary.p90_bound_ns is not None:
        assert summary.median_ns <= summary.p90_ns <= summary.p90_bound_ns <= summary.max_ns


def test_one_latency_has_no_spread() -> None:
    summary = summarise([7])
    assert (summary.median_ns, summary.std_ns, summary.mad_ns) == (7.0, None, 0.0)


def test_no_latency_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no latencies"):
        summarise([])
