"""Frozen dataclasses at a tenth of the time: what the messages of the protocol are made of.

Whatever the agent does is a Python that starts, and the standard library compiles six functions for each dataclass:
sixty of them, with what `dataclasses` imports, were half of the agent's start. Here all classes
share their functions. They are written and typed as dataclasses are, and what the orchestrator does with
`dataclasses.fields`, `replace` and `asdict` takes them for such.
"""

from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Set, Tuple

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:

    def dataclass(*, frozen):  # noqa: ARG001 - the only kind there is
        """A decorator for a class whose annotations are its fields, in order."""
        return _finish

    def field(*, default_factory):
        """A default that is made anew for each instance."""
        return _Fresh(default_factory)

    def replace(one, **changes):
        """A copy with other values in some fields."""
        return type(one)(**dict(vars(one), **changes))


__all__ = ["dataclass", "field", "names", "replace", "required"]


def names(kind: type) -> Optional[Tuple[str, ...]]:
    """The fields of such a class, or of a true dataclass; None for any other."""
    found = getattr(kind, "_names", None)
    if found is None:
        found = getattr(kind, "__dataclass_fields__", None)
    return None if found is None else tuple(found)


def required(kind: Any) -> Set[str]:
    """The fields without a default."""
    return set(kind._names).difference(kind._defaults)


class _Fresh:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class _Shared:
    """The functions of all of them."""

    _names: Tuple[str, ...]
    _keys: Set[str]
    _defaults: Dict[str, Any]

    def __init__(self, *values: Any, **named: Any) -> None:
        own: Dict[str, Any] = self.__dict__
        if values:
            own.update(zip(self._names, values))
            if len(values) > len(self._names) or not named.keys().isdisjoint(own):
                raise TypeError("%s: too many values" % type(self).__name__)
        own.update(named)
        if own.keys() == self._keys:
            return
        for name in self._names:
            if name not in own:
                if name not in self._defaults:
                    raise TypeError("%s: no %s is given" % (type(self).__name__, name))
                default = self._defaults[name]
                own[name] = default.make() if type(default) is _Fresh else default
        if own.keys() != self._keys:
            raise TypeError("%s has no %s" % (type(self).__name__, ", ".join(own.keys() - self._keys)))

    def __repr__(self) -> str:
        values = ", ".join("%s=%r" % (name, self.__dict__[name]) for name in self._names)
        return "%s(%s)" % (type(self).__qualname__, values)

    def __eq__(self, other: object) -> bool:
        return bool(self.__dict__ == other.__dict__) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__[name] for name in self._names))

    def __setattr__(self, name: str, _value: object) -> None:
        raise AttributeError("%s is frozen: %s stays as it is" % (type(self).__name__, name))

    def __delattr__(self, name: str) -> None:
        raise AttributeError("%s is frozen: %s stays as it is" % (type(self).__name__, name))


_FUNCTIONS = {name: one for name, one in vars(_Shared).items() if callable(one)}


def _finish(kind: Any) -> Any:
    annotations = vars(kind).get("__annotations__")
    if annotations is None:  # there are none, or this is Python 3.14, which finds them when they are asked for
        annotations = getattr(kind, "__annotations__", ())
    kind._names = tuple(annotations)
    kind._keys = set(kind._names)
    kind._defaults = {name: vars(kind)[name] for name in kind._names if name in vars(kind)}
    kind.__dataclass_fields__ = _TrueFields()
    for name, function in _FUNCTIONS.items():
        setattr(kind, name, function)
    return kind


class _TrueFields:
    """What `dataclasses` looks for in a class; made when it is looked for, which no agent does."""

    def __get__(self, instance: object, kind: Any) -> Any:
        import dataclasses

        specs: Any = []
        for name in kind._names:
            default = kind._defaults.get(name, dataclasses.MISSING)
            how = {"default_factory": default.make} if type(default) is _Fresh else {"default": default}
            specs.append((name, kind.__annotations__[name], dataclasses.field(**how)))
        true = dataclasses.make_dataclass(kind.__name__, specs, frozen=True)
        kind.__dataclass_fields__ = vars(true)["__dataclass_fields__"]
        return kind.__dataclass_fields__
