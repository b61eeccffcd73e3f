"""How each input is filled, so that a model does real work on every board: ids inside their tables, masks of ones.

Pure. What names, types and the graph do not tell, the user does, with two options whose texts are read here:
`--shape ids=1x128` and `--fill ids=integers:0..30521`.
"""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from agent.protocol import InputRecipe
from orchestrator.errors import ModelError
from orchestrator.models import TensorInfo

_ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip
_LARGEST_INPUT_BYTES = 2**30
"""One input beyond this is a mistake, or more than a small board can hold beside the model."""
_EXACT_INTEGER = 2**53
"""Recipes carry their bounds as doubles, which hold every whole number up to here."""
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_FILL = re.compile(rf"(?P<kind>ones|zeros|uniform|integers)(?::(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER}))?")
_FILL_EXAMPLES = "ids=integers:0..30521, image=uniform:-1..1, mask=ones, types=zeros"
_SHAPE = re.compile(r"\d{1,9}([x,]\d{1,9})*|scalar")


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`ids=1x128` to a name and a shape; `x=scalar` for none. `ModelError` shows the form that is wanted."""
    name, equals, dimensions = text.rpartition("=")
    if not (name and equals and _SHAPE.fullmatch(dimensions)):
        raise ModelError(f"--shape {text}: not a shape", "write NAME=DIMENSIONS, for example --shape ids=1x128")
    if dimensions == "scalar":
        return name, ()
    shape = tuple(int(one) for one in re.split("[x,]", dimensions))
    if 0 in shape:
        raise ModelError(f"--shape {text}: a dimension of 0 leaves nothing to compute", "give numbers from 1 on")
    return name, shape


def parse_fill(text: str) -> tuple[str, str]:
    """`ids=integers:0..30521` to a name and the text of a fill, checked. `ModelError` shows the forms there are."""
    name, equals, fill = text.rpartition("=")
    if not (name and equals):
        raise ModelError(f"--fill {text}: not a fill", f"write NAME=FILL, for example {_FILL_EXAMPLES}")
    _read_fill(name, fill)
    return name, fill


def make_recipes(
    inputs: Sequence[TensorInfo],
    rows: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    fills: Mapping[str, str],
) -> tuple[InputRecipe, ...]:
    """One recipe an input, in the model's order. `rows`: inputs that index a table, and how many rows it has.

    `shapes` and `fills` are the user's and go before what is found; `ModelError` where they do not fit the model,
    or where a dimension is open that only the user can know. An open first dimension is taken as a batch of 1.
    """
    for option, given in (("--shape", shapes), ("--fill", fills)):
        check_names(option, given, inputs)
    _refuse_open([tensor for tensor in inputs if tensor.name not in shapes])
    return tuple(_make_recipe(tensor, rows, shapes.get(tensor.name), fills.get(tensor.name)) for tensor in inputs)


def check_names(option: str, given: Iterable[str], inputs: Sequence[TensorInfo]) -> None:
    """`ModelError` for an option that names an input which the model does not have."""
    names = [tensor.name for tensor in inputs]
    for name in given:
        if name not in names:
            raise ModelError(f"{option} {name}: the model has no such input", f"its inputs: {', '.join(names)}")


def _make_recipe(
    tensor: TensorInfo, rows: Mapping[str, int], shape: tuple[int, ...] | None, fill: str | None
) -> InputRecipe:
    if tensor.dtype not in _ITEM_BYTES:
        known = ", ".join(_ITEM_BYTES)
        raise ModelError(
            f"input {tensor.name}: its type is {tensor.dtype}, which cannot be filled",
            f"types that can: {known}; export the model with one of them",
        )
    shape = resolve_shape(tensor, shape)
    kind, low, high = _read_fill(tensor.name, fill) if fill is not None else ("", None, None)
    if not kind:
        kind, low, high = _choose_fill(tensor, rows.get(tensor.name))
    low, high = _check_fill(tensor, rows.get(tensor.name), kind, low, high)
    return InputRecipe(tensor.name, tensor.dtype, list(shape), kind, low, high)


def resolve_shape(tensor: TensorInfo, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape in which an input is filled: the given one, or the declared one with an open batch taken as 1.

    `ModelError` where dimensions stay open, where the given shape does not fit, and where the bytes are too many.
    """
    declared = tensor.shape
    shape = _batch_of_one(tensor) if given is None else given
    option = _option(tensor)
    if -1 in shape:
        raise _still_open([tensor])
    rank_is_open = declared == (-1,)
    if not rank_is_open and (
        len(shape) != len(declared) or any(d not in (-1, s) for d, s in zip(declared, shape, strict=True))
    ):
        raise ModelError(
            f"input {tensor.name}: the shape {write_shape(shape)} does not fit the declared {write_shape(declared)}",
            f"only open dimensions (?) can be chosen: {option}" if -1 in declared else "leave --shape out",
        )
    size_bytes = math.prod(shape) * _ITEM_BYTES.get(tensor.dtype, 1)
    if not 0 < size_bytes <= _LARGEST_INPUT_BYTES:
        raise ModelError(
            f"input {tensor.name}: the shape {write_shape(shape)} of {tensor.dtype} makes {size_bytes:,} bytes",
            f"one input may have 1 to {_LARGEST_INPUT_BYTES:,} bytes",
        )
    return shape


def _refuse_open(tensors: Sequence[TensorInfo]) -> None:
    """`ModelError` that names all inputs whose shape only the user can know, so that one more try is enough."""
    left_open = [tensor for tensor in tensors if -1 in _batch_of_one(tensor)]
    if left_open:
        raise _still_open(left_open)


def _still_open(tensors: Sequence[TensorInfo]) -> ModelError:
    names = ", ".join(f"{tensor.name} ({write_shape(tensor.shape)})" for tensor in tensors)
    return ModelError(
        f"{'inputs' if len(tensors) > 1 else 'input'} {names}: the model leaves dimensions open",
        f"give them, with numbers in place of N: {' '.join(_option(tensor) for tensor in tensors)}",
    )


def _batch_of_one(tensor: TensorInfo) -> tuple[int, ...]:
    return tuple(1 if index == 0 and size == -1 else size for index, size in enumerate(tensor.shape))


def _option(tensor: TensorInfo) -> str:
    sizes = "x".join("N" if size == -1 else str(size) for size in _batch_of_one(tensor))
    return f"--shape {shlex.quote(f'{tensor.name}={sizes}')}"


def write_shape(shape: Sequence[int]) -> str:
    """`1x128`, a question mark for an open dimension, `scalar` for none."""
    return "x".join("?" if one < 0 else str(one) for one in shape) or "scalar"


def _choose_fill(tensor: TensorInfo, rows: int | None) -> tuple[str, float | None, float | None]:
    """The table goes before the name: a name may mislead, an index outside its table crashes."""
    name = tensor.name.lower()
    if rows is not None:
        return "integers", 0, min(rows - 1, _type_range(tensor.dtype)[1])
    if "mask" in name or tensor.dtype == "bool":
        return "ones", None, None
    if "float" in tensor.dtype:
        return "uniform", -1, 1
    if "type" in name or "segment" in name:
        return "zeros", None, None
    if tensor.dtype in ("int8", "uint8", "int16", "uint16"):
        return "integers", *_type_range(tensor.dtype)
    # Wide integers of unknown meaning: 0 and 1 lie inside any table, and are not all the same.
    return "integers", 0, 1


def _read_fill(name: str, text: str) -> tuple[str, float | None, float | None]:
    match = _FILL.fullmatch(text)
    if match is None or (match["low"] is not None and match["kind"] in ("ones", "zeros")):
        raise ModelError(f"--fill {name}={text}: not a fill", f"fills look like {_FILL_EXAMPLES}")
    kind = match["kind"]
    if match["low"] is None:
        if kind == "integers":
            raise ModelError(f"--fill {name}={text}: its range is missing", f"for example --fill {name}=integers:0..99")
        return (kind, -1.0, 1.0) if kind == "uniform" else (kind, None, None)
    low, high = float(match["low"]), float(match["high"])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ModelError(f"--fill {name}={text}: a bound is too large", f"bounds lie within ±{_EXACT_INTEGER:,}")
    whole = low.is_integer() and high.is_integer() and max(abs(low), abs(high)) <= _EXACT_INTEGER
    if low > high or (kind == "uniform" and low == high) or (kind == "integers" and not whole):
        needs = "whole numbers, low ≤ high" if kind == "integers" else "low < high"
        raise ModelError(f"--fill {name}={text}: {kind} needs {needs}", f"fills look like {_FILL_EXAMPLES}")
    return kind, low, high


def _check_fill(
    tensor: TensorInfo, rows: int | None, kind: str, low: float | None, high: float | None
) -> tuple[float, float]:
    place = f"input {tensor.name}: the fill {kind}"
    if kind in ("ones", "zeros"):
        if rows is not None and kind == "ones" and rows < 2:
            raise ModelError(f"{place} points outside its table of {rows} row", f"use --fill {tensor.name}=zeros")
        return 0.0, 1.0
    if low is None or high is None:
        raise AssertionError(kind)
    if (kind == "uniform") != ("float" in tensor.dtype):
        wanted = "uniform" if "float" in tensor.dtype else "integers"
        raise ModelError(
            f"{place} does not suit its type {tensor.dtype}",
            f"use {wanted}, for example --fill {tensor.name}={wanted}:0..1",
        )
    least, most = _type_range(tensor.dtype)
    if not (least <= low and high <= most):
        raise ModelError(
            f"{place} from {low:.17g} to {high:.17g} leaves the range of {tensor.dtype}",
            f"it goes from {least:.17g} to {most:.17g}",
        )
    if rows is not None and not 0 <= low <= high < rows:
        raise ModelError(
            f"{place} from {low:.17g} to {high:.17g} points outside the table of {rows:,} rows that this input indexes",
            f"use --fill {tensor.name}=integers:0..{rows - 1}, or leave it out",
        )
    return float(low), float(high)


def _type_range(dtype: str) -> tuple[float, float]:
    largest_floats = {"float16": 65504.0, "float32": 3.4028234663852886e38, "float64": 1.7976931348623157e308}
    if dtype in largest_floats:
        return -largest_floats[dtype], largest_floats[dtype]
    if dtype == "bool":
        return 0.0, 1.0
    bits = 8 * _ITEM_BYTES[dtype]
    least, most = (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return float(max(least, -_EXACT_INTEGER)), float(min(most, _EXACT_INTEGER))
