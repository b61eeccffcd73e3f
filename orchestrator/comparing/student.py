"""Student's t distribution, for the few runs that a comparison has. Pure, and no package beyond the standard library.

The tail is a regularised incomplete beta function (NIST Digital Library of Mathematical Functions, 8.17), summed as
its continued fraction (DLMF 8.17.22) by Lentz's method as Thompson and Barnett changed it (Journal of Computational
Physics 64, 1986). For the degrees of freedom of comparisons (1 to some thousands) the error is below 1e-11, relative.
"""

import math
from functools import lru_cache
from statistics import NormalDist

SMALLEST = 1e-300
"""Stands for zero in Lentz's method, which divides by what may vanish."""


def two_sided_p(t: float, df: float) -> float:
    """P(|T| ≥ |t|) with `df` > 0 degrees of freedom: I_x(df/2, 1/2) where x = df/(df + t²)."""
    square = t * t
    if math.isinf(square):
        return 0.0
    whole = df + square
    return _incomplete_beta(df / whole, square / whole, df / 2, 0.5)


@lru_cache(maxsize=4096)
def quantile(p: float, df: float) -> float:
    """The t with P(T ≤ t) = p, for 0 < p < 1.

    Newton's method from the quantile of the normal distribution. Above zero that start is never beyond the root
    (Student's tails are heavier) and the distribution function is concave, so every step goes up and none too far.
    """
    if p < 0.5:
        return -quantile(1 - p, df)
    if p == 0.5:
        return 0.0
    t = NormalDist().inv_cdf(p)
    for _ in range(200):
        step = (two_sided_p(t, df) / 2 - (1 - p)) / _density(t, df)
        t += step
        if step <= 1e-14 * t:
            break
    return t


def _density(t: float, df: float) -> float:
    constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(constant - (df + 1) / 2 * math.log1p(t * t / df))


def _incomplete_beta(x: float, rest: float, a: float, b: float) -> float:
    """I_x(a, b) with `rest` = 1 - x, handed over so that neither end is lost in rounding."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast below this; above, use I_x(a, b) = 1 - I_rest(b, a)
        return 1 - _incomplete_beta(rest, x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The value of 1/(1 + d1/(1 + d2/(1 + …))), DLMF 8.17.22 and 8.17.23."""
    upper, lower = 1.0, 0.0
    value = 1.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / ((1 + term * lower) or SMALLEST)
        upper = (1 + term / upper) or SMALLEST
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-16:
            break
    return 1 / value
