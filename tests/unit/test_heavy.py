"""Thousands of threads in one interpreter: how often they may ask for it."""

import sys

import pytest

from orchestrator.heavy import many_threads


@pytest.mark.parametrize(("count", "interval_s"), [(3, 0.005), (100, 0.005), (300, 0.015), (5000, 0.25)])
def test_many_threads_ask_more_rarely_and_few_as_ever(count: int, interval_s: float) -> None:
    usual_s = sys.getswitchinterval()
    with pytest.raises(InterruptedError), many_threads(count):
        assert sys.getswitchinterval() == pytest.approx(interval_s)
        raise InterruptedError
    assert sys.getswitchinterval() == usual_s
