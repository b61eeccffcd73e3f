"""Records (`agent/records.py`) to plain JSON values and back, strictly.

Strict means: an unknown key, a missing key or a value of the wrong type is a `WireError` that names the place. How a
type is read is put together once, from its annotations, and the place is put together only for a fault: a farm reads
a hundred thousand results.
Python 3.8, standard library only; the annotations of wire types therefore use `typing`'s names.
"""

import typing
from typing import Any, Callable, Dict, List, Type, TypeVar, Union

from agent import records

T = TypeVar("T")

_SCALARS = {int, float, str, bool, type(None)}
_Reader = Callable[[Any], Any]


class WireError(ValueError):
    """What arrived is not what the protocol says. The message names the place."""


class _Misfit(Exception):
    """A value does not fit; `place` grows on the way out, the innermost part last."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place: List[str] = []


def to_plain(value: Any) -> Any:
    """Turn a record, or a dataclass, and all inside it into dicts, lists and scalars. Keys follow the fields' order."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if issubclass(kind, (list, tuple)):
        if _SCALARS.issuperset(map(type, value)):
            return list(value)  # latencies: up to a million of them, so no call an item
        return [to_plain(item) for item in value]
    if issubclass(kind, dict):
        return {key: to_plain(item) for key, item in value.items()}
    names = records.names(kind)
    if names is None:
        return value
    fields = [(name, getattr(value, name)) for name in names]
    return {name: one if type(one) in _SCALARS else to_plain(one) for name, one in fields}


def from_plain(kind: Type[T], value: Any, place: str = "") -> T:
    """Build a record from plain JSON values; raise `WireError` naming `place` where they do not fit."""
    try:
        return typing.cast(T, _reader(kind)(value))
    except _Misfit as misfit:
        where = (place or getattr(kind, "__name__", str(kind))) + "".join(reversed(misfit.place))
        raise WireError("%s: %s" % (where, misfit)) from None


_READERS: Dict[Any, _Reader] = {}


def _reader(kind: Any) -> _Reader:
    found = _READERS.get(kind)
    if found is None:
        found = _READERS[kind] = _make_reader(kind)
    return found


def _make_reader(kind: Any) -> _Reader:
    if kind is Any:
        return lambda value: value
    if isinstance(kind, type) and records.names(kind) is not None:
        return _record_reader(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Union:
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return _optional_reader(_reader(inner))
    if origin is list:
        return _list_reader(arguments[0], _reader(arguments[0]))
    if origin is dict:
        return _dict_reader(_reader(arguments[1]))
    return _read_float if kind is float else _scalar_reader(kind)


def _record_reader(kind: Any) -> _Reader:
    readers = {name: _reader(hint) for name, hint in typing.get_type_hints(kind).items()}
    required = records.required(kind)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit("expected an object, found %s" % type(value).__name__)
        if not value.keys() <= readers.keys():
            raise _Misfit("unknown key %r" % min(set(value) - set(readers))[:80])
        if not value.keys() >= required:
            raise _Misfit("missing key %r" % next(name for name in readers if name in required and name not in value))
        given, name = {}, ""
        try:
            for name, one in value.items():
                given[name] = readers[name](one)
        except _Misfit as misfit:
            misfit.place.append("." + name)
            raise
        return kind(**given)

    return read


def _optional_reader(inner: _Reader) -> _Reader:
    return lambda value: None if value is None else inner(value)


def _list_reader(item_kind: Any, inner: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _Misfit("expected a list, found %s" % type(value).__name__)
        if item_kind in (int, str) and {item_kind}.issuperset(map(type, value)):
            return value  # latencies: up to a million of them, so no call an item
        found: List[Any] = []
        try:
            found.extend(map(inner, value))
        except _Misfit as misfit:
            misfit.place.append("[%d]" % len(found))
            raise
        return found

    return read


def _dict_reader(inner: _Reader) -> _Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Misfit("expected an object, found %s" % type(value).__name__)
        found, key = {}, ""
        try:
            for key, item in value.items():
                found[key] = inner(item)
        except _Misfit as misfit:
            misfit.place.append("." + key)
            raise
        return found

    return read


def _scalar_reader(kind: Any) -> _Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _Misfit("expected %s, found %s" % (kind.__name__, type(value).__name__))
        return value

    return read


def _read_float(value: Any) -> float:
    """A whole number serves as well."""
    if type(value) is float:
        return value
    if type(value) is not int:
        raise _Misfit("expected float, found %s" % type(value).__name__)
    try:
        return float(value)
    except OverflowError:
        raise _Misfit("a number too large for a float") from None
