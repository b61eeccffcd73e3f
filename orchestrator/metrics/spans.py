"""Which stretch of a passage a model points at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Span:
    """Tokens `start` to `end`, both included, and the sum of their logits. `empty_score`: that of "no answer"."""

    start: int
    end: int
    score: float
    empty_score: float


def best_span(
    start_logits: Sequence[float], end_logits: Sequence[float], allowed: Sequence[bool], longest: int = 30
) -> Span | None:
    """The span with the largest sum of start and end logit, of at most `longest` tokens, all of them `allowed`.

    J. Devlin et al., "BERT" (NAACL 2019), section 4.2. Every span is looked at, where common scripts look at those of
    the 20 best starts and ends only. Equal sums: the earlier, then the shorter. `allowed` marks the passage; a span may
    not reach across a gap in it. None where nothing is allowed. "No answer" is the first token ([CLS]) as start and
    end (section 4.3): it is the answer where `empty_score` exceeds `score` by a threshold of the caller's choice.
    `ValueError`: lengths that differ, NaN or infinity.
    """
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    n = len(start_logits)
    if not n == len(end_logits) == len(allowed) or n == 0:
        raise ValueError(
            f"{n} start logits, {len(end_logits)} end logits and {len(allowed)} marks: they must be as many"
        )
    if longest < 1:
        raise ValueError(f"a span has at least one token, not {longest}")
    starts, ends = _finite("start", start_logits), _finite("end", end_logits)
    room = _allowed_from_here(allowed)
    widths = min(longest, n)
    scores = np.full((n, widths), -np.inf)
    for width in range(widths):
        fits = room[: n - width] > width
        scores[: n - width, width][fits] = (starts[: n - width] + ends[width:])[fits]
    start, width = divmod(int(scores.argmax()), widths)
    if room[start] == 0:
        return None
    return Span(start, start + width, float(scores[start, width]), float(starts[0] + ends[0]))


def _finite(what: str, logits: Sequence[float]) -> "NDArray[np.float64]":
    import numpy as np

    found = np.asarray(logits, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(found))
    if wrong.size:
        raise ValueError(f"the {what} logit of token {wrong[0]} is {found[wrong[0]]}")
    return found


def _allowed_from_here(allowed: Sequence[bool]) -> "NDArray[np.int64]":
    """How many tokens from each one on are allowed without a gap."""
    import numpy as np

    room = np.zeros(len(allowed), dtype=np.int64)
    run = 0
    for place in range(len(allowed) - 1, -1, -1):
        run = run + 1 if allowed[place] else 0
        room[place] = run
    return room
