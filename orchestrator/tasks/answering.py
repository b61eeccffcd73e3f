"""Answers as numbers again."""

import base64
import zlib
from typing import TYPE_CHECKING

from agent.protocol import Answers
from agent.runtimes.arrays import ITEM_BYTES, count_elements
from agent.tasks.packing import MOST_BYTES, answers_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class BadAnswers(Exception):
    """Answers that are not what they say; the message is the end of a sentence about them."""


def read_answers(answers: Answers) -> "NDArray[np.generic]":
    """The array of `shape`, examples first. `BadAnswers` for what is damaged, too large, or of another hash."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    if answers.dtype not in ITEM_BYTES:
        raise BadAnswers(f"are damaged: {answers.dtype[:40]!r} is no type of numbers")
    try:
        kind = np.dtype(answers.dtype).newbyteorder("<")
        squeeze = zlib.decompressobj()
        data = squeeze.decompress(base64.b64decode(answers.data, validate=True), MOST_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise BadAnswers(f"are damaged: {error}") from None
    if len(data) > MOST_BYTES or len(data) != kind.itemsize * count_elements(answers.shape):
        raise BadAnswers(f"have {len(data)} bytes, and a shape of {answers.shape}")
    if answers_digest(answers.dtype, answers.shape, data) != answers.digest:
        raise BadAnswers("do not have the hash that they came with")
    return np.frombuffer(data, kind).reshape(answers.shape)
