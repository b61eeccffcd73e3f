"""Which stretch of a passage a model points at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Integers = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Marks = NDArray[np.bool_]

LONGEST = 30
"""Tokens of an answer, as in BERT's script for SQuAD (`max_answer_length`)."""
_ROWS = 256
"""Examples looked at together: what they need fits a cache, and is some megabytes for any length."""


@dataclass(frozen=True)
class Span:
    """Tokens `start` to `end`, both included, and the sum of their logits. `empty_score`: that of "no answer"."""

    start: int
    end: int
    score: float
    empty_score: float


class Spans(NamedTuple):
    """The same for many examples, an array each; `start` and `end` are -1 where nothing was allowed."""

    start: "Integers"
    end: "Integers"
    score: "Floats"
    empty_score: "Floats"


def best_span(
    start_logits: Sequence[float], end_logits: Sequence[float], allowed: Sequence[bool], longest: int = LONGEST
) -> Span | None:
    """`best_spans` of one example; None where nothing is allowed."""
    n = len(start_logits)
    if not n == len(end_logits) == len(allowed) or n == 0:
        raise ValueError(
            f"{n} start logits, {len(end_logits)} end logits and {len(allowed)} marks: they must be as many"
        )
    found = best_spans([start_logits], [end_logits], [allowed], longest)
    start, end, score, empty_score = (one[0].item() for one in found)
    return None if start < 0 else Span(start, end, score, empty_score)


def best_spans(
    start_logits: "ArrayLike", end_logits: "ArrayLike", allowed: "ArrayLike", longest: int = LONGEST
) -> Spans:
    """Of each example the span with the largest sum of start and end logit, of at most `longest` tokens, all of them
    `allowed`. Tables of examples x tokens.

    J. Devlin et al., "BERT" (NAACL 2019), section 4.2. Every span is looked at, where common scripts look at those of
    the 20 best starts and ends only. Equal sums: the earlier, then the shorter. `allowed` marks the passage; a span may
    not reach across a gap in it. "No answer" is the first token ([CLS]) as start and end (section 4.3): it is the
    answer where `empty_score` exceeds `score` by a threshold of the caller's choice. `ValueError`: shapes that differ,
    NaN or infinity.
    """
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    starts, ends, marks = np.asarray(start_logits), np.asarray(end_logits), np.asarray(allowed, dtype=bool)
    if not starts.shape == ends.shape == marks.shape or starts.ndim != 2 or starts.size == 0:
        raise ValueError(f"start logits of {starts.shape}, end logits of {ends.shape}, marks of {marks.shape}")
    if longest < 1:
        raise ValueError(f"a span has at least one token, not {longest}")
    parts = []
    for first in range(0, len(starts), _ROWS):
        rows = slice(first, first + _ROWS)
        told = _finite("start", starts[rows], first), _finite("end", ends[rows], first)
        parts.append(_best(*told, _allowed_from_here(marks[rows]), longest))
    return Spans(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _best(starts: "Floats", ends: "Floats", room: "Integers", longest: int) -> Spans:
    import numpy as np

    n, length = starts.shape
    best, widths = np.full((n, length), -np.inf), np.zeros((n, length), dtype=np.int64)
    for width in range(min(longest, length)):
        here = slice(0, length - width)
        scores = np.where(room[:, here] > width, starts[:, here] + ends[:, width:], -np.inf)
        better = scores > best[:, here]
        best[:, here][better], widths[:, here][better] = scores[better], width
    rows, start = np.arange(n), best.argmax(axis=1)
    there = room[rows, start] > 0
    end = start + widths[rows, start]
    return Spans(
        np.where(there, start, -1), np.where(there, end, -1), best[rows, start], np.asarray(starts[:, 0] + ends[:, 0])
    )


def _finite(what: str, logits: "NDArray[np.generic]", first: int) -> "Floats":
    import numpy as np

    found = logits.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(found))
    if wrong.size:
        example, token = wrong[0].tolist()
        where = f" of example {first + example}" if first + example else ""
        raise ValueError(f"the {what} logit of token {token}{where} is {found[example, token]}")
    return found


def _allowed_from_here(allowed: "Marks") -> "Integers":
    """How many tokens from each one on are allowed without a gap."""
    import numpy as np

    room = np.zeros(allowed.shape, dtype=np.int64)
    run = np.zeros(len(allowed), dtype=np.int64)
    for place in range(allowed.shape[1] - 1, -1, -1):
        run = np.where(allowed[:, place], run + 1, 0)
        room[:, place] = run
    return room
