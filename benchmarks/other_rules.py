"""Rules by which others tell slower from not slower, for the same figures. Written anew from what they document and do.

asv 0.6.6 and asv_runner 0.3.2 (`asv compare`; asv/commands/compare.py, asv/_stats.py, asv_runner/statistics.py): a
result is worse when its median is more than `factor` (1.1 unless told otherwise) times the other's, and the two differ
significantly. They do when the Mann-Whitney test on the samples has p < 0.002, or, where so few samples could never
give that (five and five cannot: the least p is 2/252, and asv asks for 1/252 < 0.002), when the 99 % intervals of the
medians do not touch. That interval is one of order statistics; below eight samples there is none, and its ends come
from the posterior of the location of Laplace-distributed noise, but never inside the samples.
"""

import bisect
import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, median

ASV_P = 0.002
ASV_MISTRUST = 0.01


def ratio_of_means(first: Sequence[float], second: Sequence[float], threshold: float = 0.05) -> int:
    """1 slower, -1 faster, 0 neither: how far the second mean is off, and nothing else."""
    ratio = fmean(second) / fmean(first)
    return (ratio > 1 + threshold) - (ratio < 1 - threshold)


def asv(first: Sequence[float], second: Sequence[float], factor: float = 1.1) -> int:
    """1 slower, -1 faster, 0 neither, as `asv compare` marks it."""
    before, after = median(first), median(second)
    if not (after < before / factor or before < after / factor) or not asv_differs(first, second):
        return 0
    return 1 if before < after else -1


def asv_differs(first: Sequence[float], second: Sequence[float]) -> bool:
    few, all_of_them = min(len(first), len(second)), len(first) + len(second)
    if 1 / math.comb(all_of_them, few) < ASV_P:
        return mann_whitney_p(first, second) < ASV_P
    (low, high), (other_low, other_high) = asv_interval(first), asv_interval(second)
    return high < other_low or other_high < low


def mann_whitney_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided, no ties: exact up to 20 a side, by the normal distribution beyond (asv's border)."""
    m, n = len(first), len(second)
    ordered = sorted(second)
    u = sum(bisect.bisect_left(ordered, one) for one in first)
    u = min(u, m * n - u)
    if max(m, n) > 20:
        return 2 * NormalDist(m * n / 2, math.sqrt(m * n * (m + n + 1) / 12)).cdf(u)
    # The number of orderings with each u: coefficients of the Gaussian binomial coefficient.
    ways = [1] + [0] * (m * n)
    for one in range(1, m + 1):
        for k in range(m * n, n + one - 1, -1):
            ways[k] -= ways[k - n - one]
        for k in range(one, m * n + 1):
            ways[k] += ways[k - one]
    return min(1.0, 2 * sum(ways[: u + 1]) / math.comb(m + n, m))


def asv_interval(samples: Sequence[float]) -> tuple[float, float]:
    """The 99 % interval of the median that asv keeps with a result."""
    ordered, n = sorted(samples), len(samples)
    low, high, below = -math.inf, math.inf, 0.0
    for k, value in enumerate(ordered):
        below += math.comb(n, k) / 2**n
        if below <= ASV_MISTRUST / 2:
            low = value
        if below >= 1 - ASV_MISTRUST / 2:
            high = value
            break
    if n > 1 and math.isinf(low):
        low = min(ordered[0], _laplace_quantile(ordered, ASV_MISTRUST / 2))
    if n > 1 and math.isinf(high):
        high = max(ordered[-1], -_laplace_quantile([-value for value in reversed(ordered)], ASV_MISTRUST / 2))
    return low, high


def _laplace_quantile(ordered: Sequence[float], p: float) -> float:
    """Quantile of the posterior density ∝ (Σ|y - β|)^-n. Between two samples the sum is a line, so all is closed form.

    Only a quantile below the least sample matters (above it, the samples themselves bound the interval).
    """
    n, middle = len(ordered), median(ordered)
    scale = sum(abs(value - middle) for value in ordered)
    if scale == 0:
        return middle
    y = [(value - middle) / scale for value in ordered]
    masses = []
    for k in range(n + 1):  # k samples lie below this piece; the sum there is rest + slope·β
        slope, rest = 2 * k - n, sum(y[k:]) - sum(y[:k])
        left = y[k - 1] if k else -math.inf
        right = y[k] if k < n else math.inf
        if slope == 0:
            masses.append((right - left) * rest ** float(-n))
            continue
        ends = [0.0 if math.isinf(end) else (rest + slope * end) ** float(1 - n) for end in (left, right)]
        masses.append((ends[1] - ends[0]) / ((1 - n) * slope))
    wanted = p * sum(masses)
    if wanted > masses[0]:
        return ordered[0]
    total = (wanted * (n - 1) * n) ** (1 / (1 - n))  # the sum of distances at the quantile
    return middle + scale * (sum(y) - total) / n
