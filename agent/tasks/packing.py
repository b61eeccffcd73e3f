"""Answers on their way: compressed, and named by the hash of their plain bytes, so that equal ones are stored once."""

import hashlib
import zlib
from base64 import b64encode
from typing import Sequence

from agent.messages.outcomes import Answers

MOST_BYTES = 32 * 2**20
"""Of plain answers: in base64, and if they do not compress at all, they still fit a line of the protocol."""


def pack(kind: str, dtype: str, shape: Sequence[int], data: bytes) -> Answers:
    """C-ordered little-endian bytes as `Answers`."""
    packed = b64encode(zlib.compress(data, 6)).decode("ascii")
    return Answers(kind, dtype, list(shape), answers_digest(dtype, shape, data), packed)


def answers_digest(dtype: str, shape: Sequence[int], data: bytes) -> str:
    """SHA-256 over type, shape and bytes."""
    return hashlib.sha256(("%s %s;" % (dtype, list(shape))).encode() + data).hexdigest()
