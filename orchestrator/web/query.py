"""What an address asks for: strict, since a filter that is misspelt would show everything. Pure."""

import base64
import binascii
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from orchestrator.errors import UsageError
from orchestrator.store.glances.runs import Place

LONGEST = 8192
LONGEST_VALUE = 500
MOST_WORDS = 100


@dataclass(frozen=True)
class Query:
    """The words behind the question mark, in their order. Those without a value are left out: an empty field of a form
    asks for nothing."""

    words: tuple[tuple[str, str], ...] = ()
    _known: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        known: dict[str, tuple[str, ...]] = {}
        for key, value in self.words:
            known[key] = (*known.get(key, ()), value)
        object.__setattr__(self, "_known", known)

    def all(self, key: str) -> tuple[str, ...]:
        return self._known.get(key, ())

    def one(self, key: str) -> str | None:
        """`UsageError` where there are several."""
        found = self.all(key)
        if len(found) > 1:
            raise UsageError(f"the address says {key!r} {len(found)} times, and it can mean one", "leave one")
        return found[0] if found else None

    def flag(self, key: str) -> bool:
        """True for `1`, False for `0` and where it is left out."""
        value = self.one(key)
        if value not in (None, "0", "1"):
            raise UsageError(f"{key}={value!r} is neither 1 nor 0", f"{key}=1")
        return value == "1"

    def number(self, key: str) -> int | None:
        """A whole number that a database can hold."""
        value = self.one(key)
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) <= 18):
            raise UsageError(f"{key}={value!r} is not a number", f"{key}=1")
        return int(value)

    def changed(self, **changes: str | None) -> str:
        """The same words as text, with others for these keys; None takes a key out. `_` stands for `-`."""
        wanted = {key.replace("_", "-"): value for key, value in changes.items()}
        words = [(key, value) for key, value in self.words if key not in wanted]
        return urlencode(words + [(key, value) for key, value in wanted.items() if value is not None])


def parse_query(text: str, allowed: Collection[str]) -> Query:
    """The text behind the question mark. `UsageError` for words that the page does not know, and for what is too
    long or no text at all."""
    if len(text) > LONGEST:
        raise UsageError("the address is too long", "ask for less at once")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_WORDS)
    except ValueError:
        raise UsageError("the address cannot be read", "begin again from the page without filters") from None
    words = [(key, value.strip()) for key, value in pairs if value.strip()]
    for key, value in words:
        if key not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise UsageError(f"this page knows no {_short(key)!r}", f"it knows: {known}")
        if len(value) > LONGEST_VALUE or "\0" in value:
            raise UsageError(f"{key}={_short(value)!r} is too long, or no text", "give less")
    return Query(tuple(words))


def place_to_text(place: Place) -> str:
    """A place in a list, for an address."""
    return base64.urlsafe_b64encode(json.dumps([place.key, place.number]).encode()).decode().rstrip("=")


def place_from_text(text: str | None) -> Place | None:
    """The place again; `UsageError` for what is none."""
    if text is None:
        return None
    try:
        key, number = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        key, number = None, None
    sound = key is None or (isinstance(key, str | int | float) and not isinstance(key, bool))
    if not sound or type(number) is not int or not 0 <= number < 2**63 or (type(key) is int and abs(key) >= 2**63):
        raise UsageError("the address names no place in this list", "begin at its top: leave `after` out")
    return Place(key, number)


def words_of(values: Mapping[str, str | Sequence[str] | None]) -> str:
    """Words as text for an address; None and empty ones are left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        some = [value] if isinstance(value, str) else list(value or ())
        pairs += [(key, one) for one in some if one]
    return urlencode(pairs)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
