"""The agent's own frozen dataclasses do what those of the standard library do."""

import copy
import dataclasses
from typing import Any

import pytest

from agent import records


def make(dataclass: Any, field: Any) -> Any:
    @dataclass(frozen=True)
    class Order:
        """A docstring, as all have."""

        name: str
        count: int = 1
        notes: list[str] = field(default_factory=list)
        after: str | None = None

    return Order


OURS = make(records.dataclass, records.field)
TRUE = make(dataclasses.dataclass, dataclasses.field)
GIVEN: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a",), {}),
    (("a", 2), {"after": "b"}),
    ((), {"after": "c", "name": "a", "count": 3, "notes": ["n"]}),
    (("a", 2, ["n"], "b"), {}),
]


@pytest.mark.parametrize(("values", "named"), GIVEN)
def test_they_hold_say_and_are_taken_apart_alike(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, true = OURS(*values, **named), TRUE(*values, **named)
    assert repr(ours) == repr(true)
    assert dataclasses.asdict(ours) == dataclasses.asdict(true) == vars(ours)
    assert [one.name for one in dataclasses.fields(ours)] == [one.name for one in dataclasses.fields(true)]
    assert ours == OURS(*values, **named) == copy.copy(ours)
    assert ours != true
    for changed in (dataclasses.replace(ours, count=9), records.replace(ours, count=9)):
        assert repr(changed) == repr(dataclasses.replace(true, count=9))


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), (("a",), {"name": "b"}), (("a",), {"colour": 1}), (("a", 1, [], None, 5), {}), ((), {"count": 2})],
)
def test_they_refuse_alike(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (OURS, TRUE):
        with pytest.raises(TypeError):
            kind(*values, **named)


def test_fields_are_found_where_annotations_are_made_when_they_are_asked_for() -> None:
    """As Python 3.14 does (PEP 649)."""

    class Lazy(type):
        @property
        def __annotations__(cls) -> dict[str, Any]:  # type: ignore[override]
            return {"name": str, "count": int}

    order = records.dataclass(frozen=True)(Lazy("Order", (), {"count": 1}))
    assert repr(order("a")) == "Order(name='a', count=1)"
    assert [one.name for one in dataclasses.fields(order("a"))] == ["name", "count"]


def test_one_without_fields_is_made_of_nothing() -> None:
    order = records.dataclass(frozen=True)(type("Order", (), {}))
    assert repr(order()) == "Order()"
    with pytest.raises(TypeError):
        order(1)


def test_a_default_is_made_anew_and_nothing_changes_afterwards() -> None:
    first, second = OURS("a"), OURS("a")
    assert first.notes is not second.notes
    with pytest.raises(AttributeError, match="frozen"):
        first.name = "b"
    with pytest.raises(AttributeError, match="frozen"):
        del first.name
    assert first.name == "a"


def test_equal_ones_are_one_key_however_they_were_given() -> None:
    one, same = OURS("a", 2, ("n",), "b"), OURS(after="b", notes=("n",), count=2, name="a")
    assert len({one, same, OURS("c", 2, ("n",), "b")}) == 2


def test_what_has_no_default_is_required_and_other_classes_have_no_fields() -> None:
    assert records.required(OURS) == {"name"}
    assert records.names(OURS) == records.names(TRUE) == ("name", "count", "notes", "after")
    assert records.names(str) is None
