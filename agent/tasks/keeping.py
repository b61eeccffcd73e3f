"""Kinds of work whose outputs go back as they are: classes, spans, and whatever a model gives."""

import math
import struct
from typing import List, Optional, Sequence, Tuple

from agent.gate import WrongOutput
from agent.inputs import FORMATS
from agent.messages.jobs import TaskOnBoard
from agent.messages.outcomes import Answers
from agent.runtimes import Array, Unsupported
from agent.runtimes.arrays import count_elements
from agent.tasks import Task
from agent.tasks.feeding import Feeder
from agent.tasks.packing import MOST_BYTES, pack


class _Kept(Task):
    """Some of the outputs, one behind the other."""

    def __init__(self, feeder: Feeder, order: TaskOnBoard) -> None:
        super().__init__(feeder, order)
        self._kept: List[bytes] = []
        self._shape: Optional[Tuple[str, List[int]]] = None

    def take(self, step: int, outputs: Sequence[Array]) -> None:
        chosen = self.choose(outputs)
        dtypes = {array.dtype for array in chosen}
        if len(dtypes) != 1 or not dtypes <= set(FORMATS):
            raise Unsupported("the outputs are %s, and answers are of one type" % ", ".join(sorted(dtypes)))
        shape = chosen[0].dtype, self.shape(chosen)
        if self._shape is None:
            self._check_room(chosen)
            self._shape = shape
        elif shape != self._shape:
            raise Unsupported("the outputs are %s at first and %s for example %d" % (self._shape, shape, step))
        data = b"".join(array.data for array in chosen)
        if "float" in shape[0] and not all(map(math.isfinite, _floats(shape[0], data))):
            raise WrongOutput("the answer to example %d holds NaN or infinity" % step)
        self._kept.append(data)

    def answers(self) -> Answers:
        dtype, shape = self._shape or ("float32", [0])
        return pack(self.order.kind, dtype, [len(self._kept), *shape], b"".join(self._kept))

    def choose(self, outputs: Sequence[Array]) -> List[Array]:
        """The outputs that are the answer."""
        raise AssertionError

    def shape(self, chosen: Sequence[Array]) -> List[int]:
        """Of one answer."""
        return [sum(count_elements(array.shape) for array in chosen)]

    def _check_room(self, chosen: Sequence[Array]) -> None:
        needed = self.steps * sum(len(array.data) for array in chosen)
        if needed > MOST_BYTES:
            text = "the answers would have %d bytes, and at most %d are sent back: take fewer examples"
            raise Unsupported(text % (needed, MOST_BYTES))


class Classification(_Kept):
    """The logits: the first output with as many elements as there are classes."""

    def choose(self, outputs: Sequence[Array]) -> List[Array]:
        for array in outputs:
            if count_elements(array.shape) == self.order.classes:
                return [array]
        sizes = ", ".join("%s of %s" % (array.name, array.shape) for array in outputs) or "nothing"
        raise Unsupported("no output has %d elements, one a class: the model gives %s" % (self.order.classes, sizes))


class QuestionAnswering(_Kept):
    """Two logits a token: how likely the answer begins and ends there. Two outputs, or one that holds both."""

    def choose(self, outputs: Sequence[Array]) -> List[Array]:
        length = self.feeder.length
        fitting = [array for array in outputs if count_elements(array.shape) == length]
        named = sorted(fitting, key=lambda array: "start" not in array.name.lower())
        if len(fitting) == 2:
            told = any("start" in array.name.lower() for array in fitting)
            return named if told else fitting
        for array in outputs:
            if list(array.shape) in ([1, length, 2], [length, 2]):
                return self._parted(array)
        sizes = ", ".join("%s of %s" % (array.name, array.shape) for array in outputs) or "nothing"
        raise Unsupported(
            "a start and an end logit a token are wanted (%d tokens): the model gives %s" % (length, sizes)
        )

    def shape(self, chosen: Sequence[Array]) -> List[int]:
        return [2, self.feeder.length]

    def _parted(self, array: Array) -> List[Array]:
        size = struct.calcsize("<" + FORMATS[array.dtype])
        pieces = [array.data[at : at + size] for at in range(0, len(array.data), size)]
        shape = [1, self.feeder.length]
        return [Array(array.name, array.dtype, shape, b"".join(pieces[side::2])) for side in (0, 1)]


class Outputs(_Kept):
    """All of them, flat, in the model's order."""

    def choose(self, outputs: Sequence[Array]) -> List[Array]:
        return list(outputs)


def _floats(dtype: str, data: bytes) -> Tuple[float, ...]:
    code = FORMATS[dtype]
    return struct.unpack("<%d%s" % (len(data) // struct.calcsize("<" + code), code), data)
