import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.comparing.student import quantile, two_sided_p

# Any statistics book: P(T ≤ t) at the head of the column, degrees of freedom at the left.
TABLE = {
    1: (3.078, 6.314, 12.706, 31.821, 63.657),
    2: (1.886, 2.920, 4.303, 6.965, 9.925),
    3: (1.638, 2.353, 3.182, 4.541, 5.841),
    4: (1.533, 2.132, 2.776, 3.747, 4.604),
    5: (1.476, 2.015, 2.571, 3.365, 4.032),
    8: (1.397, 1.860, 2.306, 2.896, 3.355),
    10: (1.372, 1.812, 2.228, 2.764, 3.169),
    18: (1.330, 1.734, 2.101, 2.552, 2.878),
    30: (1.310, 1.697, 2.042, 2.457, 2.750),
    120: (1.289, 1.658, 1.980, 2.358, 2.617),
}
HEADS = (0.90, 0.95, 0.975, 0.99, 0.995)

# From the incomplete beta function in 40 digits of arithmetic, for 0.8, 0.975 and 0.9995.
PRECISE = {
    1.5: (1.1533643782954686, 6.0166631044279319, 82.847446703657612),
    3: (0.97847231236330444, 3.1824463052837096, 12.923978636687483),
    4.7: (0.92493712729317114, 2.6207260753531704, 7.2665423758250939),
    10: (0.87905782855058869, 2.2281388519862747, 4.5868938587026359),
    1000: (0.84198082216242856, 1.9623390808264085, 3.3002826484239129),
}
PRECISE_P = [
    (0.1, 3, 0.92665234880080582),
    (2, 5, 0.10193947882985836),
    (5, 2.5, 0.023451189970861847),
    (12, 8, 2.1438667476887712e-6),
    (40, 4, 2.3340163226012686e-6),
    (0.001, 7, 0.99923001724499884),
]


@pytest.mark.parametrize("df", TABLE)
def test_quantiles_agree_with_the_printed_table(df: int) -> None:
    assert [round(quantile(p, df), 3) for p in HEADS] == list(TABLE[df])


@pytest.mark.parametrize("df", PRECISE)
def test_quantiles_agree_with_forty_digits(df: float) -> None:
    assert [quantile(p, df) for p in (0.8, 0.975, 0.9995)] == pytest.approx(PRECISE[df], rel=1e-11)


@pytest.mark.parametrize(("t", "df", "p"), PRECISE_P)
def test_tails_agree_with_forty_digits(t: float, df: float, p: float) -> None:
    assert two_sided_p(t, df) == pytest.approx(p, rel=1e-12)
    assert two_sided_p(-t, df) == two_sided_p(t, df)


@settings(deadline=None)
@given(st.floats(1e-6, 1e6))
def test_tails_agree_with_the_closed_forms_of_one_and_two_degrees(t: float) -> None:
    assert two_sided_p(t, 1) == pytest.approx(2 / math.pi * math.atan2(1, t), rel=1e-11)
    root = math.sqrt(2 + t * t)
    assert two_sided_p(t, 2) == pytest.approx(2 / (root * (root + t)), rel=1e-11)


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.floats(1, 500))
def test_a_quantile_is_the_inverse_of_the_tail(p: float, df: float) -> None:
    t = quantile(p, df)
    assert two_sided_p(t, df) == pytest.approx(2 * min(p, 1 - p), rel=1e-9)
    assert quantile(1 - p, df) == pytest.approx(-t, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("t", [math.inf, -math.inf, 1e300, 1e200])
def test_beyond_all_numbers_nothing_is_left(t: float) -> None:
    assert two_sided_p(t, 3) == 0


@pytest.mark.parametrize("t", [0.0, 1e-200])
def test_at_zero_everything_is(t: float) -> None:
    assert two_sided_p(t, 3) == 1
