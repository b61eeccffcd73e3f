"""How well a model foretells a text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

_ROUNDING = 1e-3
"""A log-likelihood above zero by less than this a token is a rounding error of float32 or int8, not a mistake."""


@dataclass(frozen=True)
class Perplexity:
    """`tokens` were foretold in `texts` texts, with `nats` of surprise for each, which makes `value` = e^nats."""

    texts: int
    tokens: int
    nats: float
    value: float


def perplexity(log_likelihoods: Sequence[float], tokens: Sequence[int]) -> Perplexity:
    """exp(-sum of log-likelihoods / number of tokens), natural logarithms, one sum and one count a text.

    F. Jelinek et al., JASA 62 (supplement 1), 1977. A token counts where it was foretold: the first of a text, which
    has nothing before it, does not. Figures of different tokenisers cannot be compared. Infinite where e^nats is beyond
    a double. `ValueError`: lengths that differ, no tokens, NaN, infinity, a likelihood above 1.
    """
    if len(log_likelihoods) != len(tokens) or len(tokens) == 0:
        raise ValueError(f"{len(log_likelihoods)} log-likelihoods for {len(tokens)} texts: they must be as many")
    for place, (value, count) in enumerate(zip(log_likelihoods, tokens, strict=True)):
        if not isinstance(count, Integral) or count < 1:
            raise ValueError(f"text {place} has {count} tokens")
        if not math.isfinite(value):
            raise ValueError(f"the log-likelihood of text {place} is {value}")
        if value > _ROUNDING * count:
            raise ValueError(f"the log-likelihood of text {place} is {value}: above 0 it is none")
    total = sum(map(int, tokens))
    nats = max(0.0, -math.fsum(log_likelihoods) / total)
    return Perplexity(len(tokens), total, nats, math.exp(nats) if nats < 709 else math.inf)
