"""Kinds of work for decoders: foretelling the last token of a text, and writing on.

A decoder here gives the logits of the token after the last position, so what it reads stands at the end of its inputs,
padding in front (`mask` 0).
"""

import math
import struct
from array import array
from typing import List, Sequence, Tuple

from agent.gate import WrongOutput
from agent.inputs import FORMATS
from agent.messages.jobs import TaskOnBoard
from agent.messages.outcomes import Answers
from agent.runtimes import Array, Unsupported
from agent.tasks import Task
from agent.tasks.feeding import Feeder, Tokens
from agent.tasks.packing import MOST_BYTES, pack


class _Decoding(Task):
    def __init__(self, feeder: Feeder, order: TaskOnBoard) -> None:
        super().__init__(feeder, order)
        if not feeder.is_tokens:
            raise Unsupported("a decoder reads tokens, and the data set has none")

    def check_room(self) -> None:
        """Eight bytes at most are kept of a step."""
        if 8 * self.steps > MOST_BYTES:
            raise Unsupported("%d steps give more answers than are sent back: take fewer examples" % self.steps)

    def read_at_the_end(self, ids: Sequence[int]) -> List[Array]:
        """The inputs with these ids last, as many of them as there is room for."""
        length = self.feeder.length
        ids = list(ids[-length:])
        padding = [0] * (length - len(ids))
        return self.feeder.feed(Tokens(padding + ids, padding + [1] * len(ids), [0] * length))


class NextToken(_Decoding):
    """The last token of each text, from all before it: its log-likelihood, and whether it was the likeliest."""

    def __init__(self, feeder: Feeder, order: TaskOnBoard) -> None:
        super().__init__(feeder, order)
        self._target = 0
        self._found = array("f")
        self.check_room()

    def inputs(self, step: int) -> List[Array]:
        # The real tokens are [CLS] … [SEP]: the last of the text stands before [SEP].
        ids = self.feeder.tokens(step).real[:-1]
        if len(ids) < 2:
            raise Unsupported("example %d has no token to be foretold: leave empty texts out" % step)
        self._target = ids[-1]
        return self.read_at_the_end(ids[:-1])

    def take(self, step: int, outputs: Sequence[Array]) -> None:
        logits = _logits(outputs, step)
        if self._target >= len(logits):
            raise Unsupported("the vocabulary has a token %d, the model %d" % (self._target, len(logits)))
        largest = max(logits)
        total = math.fsum([math.exp(one - largest) for one in logits])
        self._found.append(logits[self._target] - largest - math.log(total))
        self._found.append(float(logits.index(largest) == self._target))

    def answers(self) -> Answers:
        count = len(self._found)
        return pack(self.order.kind, "float32", [count // 2, 2], struct.pack("<%df" % count, *self._found))


class Generation(_Decoding):
    """So many new tokens for each text, always the likeliest one. A step is a token."""

    def __init__(self, feeder: Feeder, order: TaskOnBoard) -> None:
        super().__init__(feeder, order)
        if not 1 <= order.new_tokens < feeder.length:
            text = "%d new tokens, and the model reads %d at once: there must be room for them and the beginning"
            raise Unsupported(text % (order.new_tokens, feeder.length))
        self.steps = feeder.examples * order.new_tokens
        self.check_room()
        self._text: List[int] = []
        self._found = array("i")

    def inputs(self, step: int) -> List[Array]:
        index, place = divmod(step, self.order.new_tokens)
        if place == 0:
            room = self.feeder.length - self.order.new_tokens
            self._text = self.feeder.tokens(index).real[:-1][:room]
        return self.read_at_the_end(self._text)

    def take(self, step: int, outputs: Sequence[Array]) -> None:
        logits = _logits(outputs, step // self.order.new_tokens)
        likeliest = logits.index(max(logits))
        self._text.append(likeliest)
        self._found.append(likeliest)

    def answers(self) -> Answers:
        count = len(self._found)
        shape = [self.feeder.examples, self.order.new_tokens]
        return pack(self.order.kind, "int32", shape, struct.pack("<%di" % count, *self._found))


def _logits(outputs: Sequence[Array], example: int) -> Tuple[float, ...]:
    """Of the whole vocabulary: the output with the most elements, which has one dimension that is not 1."""
    best = max(outputs, key=lambda one: len(one.data), default=None)
    if best is None or best.dtype not in FORMATS or sum(size != 1 for size in best.shape) != 1:
        shape = "nothing" if best is None else "%s of %s" % (best.name, best.shape)
        raise Unsupported("the logits of one token are wanted: the model gives %s" % shape)
    code = FORMATS[best.dtype]
    logits = struct.unpack("<%d%s" % (len(best.data) // struct.calcsize("<" + code), code), best.data)
    # `max` passes over NaN that does not come first.
    if not all(map(math.isfinite, logits)):
        raise WrongOutput("the logits of example %d hold NaN or infinity" % example)
    return logits
