"""The check before any clock: a model that computes something wrong gets no latency.

Silent wrong answers are common on boards: zeros from kernels that misread a format, NaN from a missing instruction.
"""

import hashlib
import math
import operator
import struct
from base64 import b64decode
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from agent.inputs import FORMATS, fill
from agent.messages.jobs import ModelOnBoard, Reference, Tensor
from agent.messages.outcomes import Gate
from agent.runtimes import Array, Loaded

_PIECE = 8192
"""Elements looked at together, so that the check of a big output does not raise the worker's peak memory."""


class WrongOutput(Exception):
    """The outputs are not what they must be; the message carries the numbers."""


class Range(NamedTuple):
    low: float
    high: float

    @property
    def scale(self) -> float:
        """What an error is measured against: the spread; where all elements are equal, their size, or 1."""
        return (self.high - self.low) or abs(self.high) or 1.0


def check(loaded: Loaded, model: ModelOnBoard, seed: int, references: Sequence[Reference]) -> Gate:
    """Run the model on the inputs of each reference, and last on those of `seed`, which stay fed for the timed loop.

    Each output is compared with its reference: the largest absolute difference, over the reference's spread
    (maximum - minimum), may be at most the tolerance. Without a reference, no element may be NaN or infinite, and
    not all outputs may be constant (outputs of one element cannot be judged so). Raises `WrongOutput`.
    """
    worst: Optional[float] = None
    for reference in references:
        outputs = run_once(loaded, model, reference.seed)
        worst = max(_compare(outputs, reference), worst or 0.0)
    outputs = run_once(loaded, model, seed)
    _check_alone(outputs, judge_constant=not references)
    tolerance = max((reference.tolerance for reference in references), default=None)
    return Gate(checked=len(references), worst_error=worst, tolerance=tolerance)


def run_once(loaded: Loaded, model: ModelOnBoard, seed: int) -> List[Array]:
    """Feed the inputs of a seed, run one inference, give its outputs."""
    loaded.feed([fill(recipe, seed) for recipe in model.inputs])
    loaded.invoke()
    return loaded.outputs()


def digest(outputs: Sequence[Array]) -> str:
    """SHA-256 over type, shape and bytes of every output in order; names are left out, for runtimes rename outputs."""
    found = hashlib.sha256()
    for array in outputs:
        found.update(("%s %s;" % (array.dtype, array.shape)).encode())
        found.update(array.data)
    return found.hexdigest()


def _check_alone(outputs: Sequence[Array], judge_constant: bool) -> None:
    if not outputs:
        raise WrongOutput("the model gave no output")
    ranges = [(array, _range(array)) for array in outputs if array.dtype in FORMATS and array.data]
    judged = [(array, found) for array, found in ranges if len(array.data) > struct.calcsize(FORMATS[array.dtype])]
    if judge_constant and judged and all(found.low == found.high for _, found in judged):
        array, found = judged[0]
        raise WrongOutput("every output is constant: all elements of %r are %r" % (array.name, found.low))


def _compare(outputs: Sequence[Array], reference: Reference) -> float:
    """The largest error of all outputs, each over the spread of its reference; `WrongOutput` beyond the tolerance."""
    worst = 0.0
    for array, wanted in _pair(outputs, reference.outputs):
        if not array.data:
            continue
        _range(array)
        scale = _range(wanted).scale
        error = max(_differences(array, wanted), default=0.0) / scale
        if not error <= reference.tolerance:
            raise WrongOutput(
                "output %r differs from its reference (seed %d) by %.3g of the reference's spread %.6g; allowed: %.3g"
                % (array.name, reference.seed, error, scale, reference.tolerance)
            )
        worst = max(worst, error)
    return worst


def _pair(outputs: Sequence[Array], wanted: Sequence[Tensor]) -> List[Tuple[Array, Array]]:
    """Outputs and references: by name when the names are the same, otherwise by position (as inputs are placed)."""
    if len(outputs) != len(wanted):
        raise WrongOutput("the model gave %d outputs, and the reference has %d" % (len(outputs), len(wanted)))
    references = [Array(tensor.name, tensor.dtype, tensor.shape, b64decode(tensor.data)) for tensor in wanted]
    by_name = {array.name: array for array in references}
    if len(by_name) == len(outputs) and set(by_name) == {array.name for array in outputs}:
        references = [by_name[array.name] for array in outputs]
    for array, reference in zip(outputs, references):
        if not (array.dtype == reference.dtype or _are_alike(array.dtype, reference.dtype)):
            raise WrongOutput("output %r is %s, its reference %s" % (array.name, array.dtype, reference.dtype))
        if list(array.shape) != list(reference.shape):
            raise WrongOutput("output %r has shape %s, its reference %s" % (array.name, array.shape, reference.shape))
    return list(zip(outputs, references))


def _are_alike(one: str, other: str) -> bool:
    """Some runtimes widen what a model narrows, and some know whole numbers of one width only."""
    return any(kind in one and kind in other for kind in ("float", "int"))


def _range(array: Array) -> Range:
    """Smallest and largest element; `WrongOutput` on NaN or infinity, with their number and the first place."""
    low, high, start = math.inf, -math.inf, 0
    for piece in _pieces(array):
        if "float" in array.dtype and not all(map(math.isfinite, piece)):
            raise WrongOutput(_unfinite(array, start, piece))
        smallest, largest = min(piece), max(piece)
        low, high = min(low, smallest), max(high, largest)
        start += len(piece)
    return Range(low, high)


def _unfinite(array: Array, start: int, piece: Sequence[float]) -> str:
    index = next(i for i, value in enumerate(piece) if not math.isfinite(value))
    bad = sum(1 for part in _pieces(array) for value in part if not math.isfinite(value))
    total = len(array.data) // struct.calcsize("<" + FORMATS[array.dtype])
    return "output %r holds %d of %d elements that are NaN or infinite, the first at %d (%r)" % (
        array.name,
        bad,
        total,
        start + index,
        piece[index],
    )


def _differences(array: Array, wanted: Array) -> Iterator[float]:
    for ours, theirs in zip(_pieces(array), _pieces(wanted)):
        yield max(map(abs, map(operator.sub, ours, theirs)))


def _pieces(array: Array) -> Iterator[Tuple[float, ...]]:
    if array.dtype not in FORMATS:
        raise WrongOutput("output %r is %s, which cannot be checked" % (array.name, array.dtype))
    code = FORMATS[array.dtype]
    size = struct.calcsize("<" + code)
    for start in range(0, len(array.data), _PIECE * size):
        count = min(_PIECE, (len(array.data) - start) // size)
        yield struct.unpack_from("<%d%s" % (count, code), array.data, start)
