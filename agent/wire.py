"""Frozen dataclasses to plain JSON values and back, strictly.

Strict means: an unknown key, a missing key or a value of the wrong type is a `WireError` that names the place.
Python 3.8, standard library only; the annotations of wire types therefore use `typing`'s names.
"""

import typing
from typing import Any, Dict, Type, TypeVar, Union

from agent import records

T = TypeVar("T")


_SCALARS = {int, float, str, bool, type(None)}


class WireError(ValueError):
    """What arrived is not what the protocol says. The message names the place."""


def to_plain(value: Any) -> Any:
    """Turn a wire dataclass, and all inside it, into dicts, lists and scalars. Keys follow the fields' order."""
    names = records.names(type(value))
    if names is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, (list, tuple)):
        if _SCALARS.issuperset(map(type, value)):
            return list(value)  # latencies: up to a million of them, so no call an item
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: Type[T], value: Any, place: str = "") -> T:
    """Build a wire dataclass from plain JSON values; raise `WireError` naming `place` where they do not fit."""
    return typing.cast(T, _convert(kind, value, place or getattr(kind, "__name__", str(kind))))


_HINTS: Dict[type, Dict[str, Any]] = {}


def _hints(kind: type) -> Dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]


def _convert(kind: Any, value: Any, place: str) -> Any:
    if kind is Any:
        return value
    if isinstance(kind, type) and records.names(kind) is not None:
        return _convert_dataclass(kind, value, place)
    origin = typing.get_origin(kind)
    if origin is Union:
        return _convert_optional(kind, value, place)
    if origin is list:
        return _convert_list(typing.get_args(kind)[0], value, place)
    if origin is dict:
        return _convert_dict(typing.get_args(kind)[1], value, place)
    return _convert_scalar(kind, value, place)


def _convert_dataclass(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise WireError("%s: expected an object, found %s" % (place, type(value).__name__))
    hints = _hints(kind)
    unknown = sorted(set(value).difference(hints))
    if unknown:
        raise WireError("%s: unknown key %r" % (place, unknown[0][:80]))
    for name in records.names(kind) or ():
        if name not in value and name in records.required(kind):
            raise WireError("%s: missing key %r" % (place, name))
    return kind(**{name: _convert(hints[name], one, "%s.%s" % (place, name)) for name, one in value.items()})


def _convert_optional(kind: Any, value: Any, place: str) -> Any:
    if value is None:
        return None
    (inner,) = [argument for argument in typing.get_args(kind) if argument is not type(None)]
    return _convert(inner, value, place)


def _convert_list(item_kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, list):
        raise WireError("%s: expected a list, found %s" % (place, type(value).__name__))
    if item_kind is int and all(type(item) is int for item in value):
        return value  # latencies: up to a million of them, so no call an item
    return [_convert(item_kind, item, "%s[%d]" % (place, index)) for index, item in enumerate(value)]


def _convert_dict(item_kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        raise WireError("%s: expected an object, found %s" % (place, type(value).__name__))
    return {key: _convert(item_kind, item, "%s.%s" % (place, key)) for key, item in value.items()}


def _convert_scalar(kind: Any, value: Any, place: str) -> Any:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise WireError("%s: a number too large for a float" % place) from None
    if type(value) is not kind:
        raise WireError("%s: expected %s, found %s" % (place, kind.__name__, type(value).__name__))
    return value
