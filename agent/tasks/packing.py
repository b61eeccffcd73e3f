"""Answers on their way: compressed, and named by the hash of their plain bytes, so that equal ones are stored once."""

import hashlib
import zlib
from base64 import b64decode, b64encode
from typing import Sequence

from agent.messages.outcomes import Answers
from agent.runtimes.arrays import ITEM_BYTES, count_elements

MOST_BYTES = 32 * 2**20
"""Of plain answers: in base64, and if they do not compress at all, they still fit a line of the protocol."""

MOST_DIMENSIONS = 8


def pack(kind: str, dtype: str, shape: Sequence[int], data: bytes) -> Answers:
    """C-ordered little-endian bytes as `Answers`."""
    packed = b64encode(zlib.compress(data, 6)).decode("ascii")
    return Answers(kind, dtype, list(shape), answers_digest(dtype, shape, data), packed)


def unpack(answers: Answers) -> bytes:
    """The plain bytes; `ValueError` with the end of a sentence about answers that are not what they say."""
    sizes = answers.shape
    if answers.dtype not in ITEM_BYTES or not 1 <= len(sizes) <= MOST_DIMENSIONS or min(sizes) < 0:
        raise ValueError("are damaged: %r of shape %r" % (answers.dtype[:40], sizes[:MOST_DIMENSIONS]))
    try:
        data = zlib.decompressobj().decompress(b64decode(answers.data, validate=True), MOST_BYTES + 1)
    except (ValueError, zlib.error) as error:
        raise ValueError("are damaged: %s" % error) from None
    if len(data) > MOST_BYTES or len(data) != ITEM_BYTES[answers.dtype] * count_elements(sizes):
        raise ValueError("have %d bytes, and a shape of %s" % (len(data), sizes))
    if answers_digest(answers.dtype, sizes, data) != answers.digest:
        raise ValueError("do not have the hash that they came with")
    return data


def answers_digest(dtype: str, shape: Sequence[int], data: bytes) -> str:
    """SHA-256 over type, shape and bytes."""
    return hashlib.sha256(("%s %s;" % (dtype, list(shape))).encode() + data).hexdigest()
