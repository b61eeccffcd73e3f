"""Texts as tokens, and the order in which they are learnt. Pure, and drawn with a seed."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.wordpiece import Tokenizer

POOL = 16
"""Batches whose examples are sorted by length together: little padding, and still a random order."""

Ids = list[int]


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> list[Ids]:
    """Each text as ids without padding, `[CLS]` first and `[SEP]` last, `length` at most."""
    encoded = (tokenizer.encode(text, length=length) for text in texts)
    return [one.ids[: sum(one.mask)] for one in encoded]


def choose(count: int, wanted: int, seed: int) -> list[int]:
    """`wanted` of `count` examples, all where it is 0 or more than there are; in ascending order."""
    if not 0 < wanted < count:
        return list(range(count))
    return sorted(_random(seed, 0).permutation(count)[:wanted].tolist())


def epoch_batches(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch, as places of examples: each example once; all but one batch of `size`."""
    random = _random(seed, 1 + epoch)
    order = random.permutation(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), size * POOL):
        pool = sorted(order[start : start + size * POOL], key=lambda place: lengths[place])
        batches += [pool[first : first + size] for first in range(0, len(pool), size)]
    return [batches[place] for place in random.permutation(len(batches)).tolist()]


def by_length(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Batches for judging, where the order is of no account: examples of one length together."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for first in range(0, len(order), size):
        yield order[first : first + size]


def pad(batch: Sequence[Ids]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Ids and mask, shape (batch, longest of it); padding is id 0 and mask 0."""
    longest = max(map(len, batch))
    ids, mask = np.zeros((len(batch), longest), np.int64), np.zeros((len(batch), longest), np.float32)
    for row, one in enumerate(batch):
        ids[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return ids, mask


def _random(seed: int, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, stream]))
