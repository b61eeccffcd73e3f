"""The words of `dynofarm results` as one text or one mapping: `model=bert*,device=kitchen,since=7d`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from orchestrator.asking.runs import run_filter
from orchestrator.errors import UsageError
from orchestrator.records import RunFilter

SEVERAL = ("device", "model", "runtime", "version", "delegate", "status", "verdict")
"""What may be said more than once: any of them is meant then."""

ONCE = ("threads", "role", "sweep", "since", "until", "every_attempt", "sort", "limit")
WORDS = (*SEVERAL, *ONCE)

Where = str | Mapping[str, Any] | None
EXAMPLE = "for example model=bert*,device=kitchen,since=7d"


def parse_where(where: Where = None) -> RunFilter:
    """Which runs are meant; None: every case that is a result. Values are those of `dynofarm results`; in a mapping
    they may be lists, numbers and moments as well. `UsageError` names the word that is none."""
    said = _mapping(where) if isinstance(where, str) else dict(where or {})
    for word in said:
        if word not in WORDS:
            raise UsageError(f"where: there is no word {word!r}", f"there are: {', '.join(WORDS)}; {EXAMPLE}")
    several: dict[str, Any] = {word: _texts(said[word]) for word in SEVERAL if word in said}
    once: dict[str, Any] = {word: _text(word, said[word]) for word in ONCE if said.get(word) is not None}
    every, limit = once.pop("every_attempt", "no"), once.pop("limit", None)
    if limit is not None and not (limit.isascii() and limit.isdecimal() and 0 < len(limit) < 10 and int(limit)):
        raise UsageError(f"where: limit={limit[:40]} is no number above 0", EXAMPLE)
    if every not in ("yes", "no"):
        raise UsageError(f"where: every_attempt={every[:40]}: yes or no?", EXAMPLE)
    return run_filter(**several, **once, every_attempt=every == "yes", limit=int(limit) if limit is not None else None)


def _mapping(text: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for part in text.split(",") if text.strip() else ():
        word, equals, value = (one.strip() for one in part.partition("="))
        if not equals or not value:
            raise UsageError(f"where: {part.strip()[:60]!r} is no WORD=VALUE", EXAMPLE)
        said.setdefault(word, []).append(value)
    return said


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if _is_list(value) else (str(value),)


def _text(word: str, value: Any) -> str:
    if _is_list(value):
        if word != "threads" and len(value) != 1:
            raise UsageError(f"where: {word} is said {len(value)} times", EXAMPLE)
        return ",".join(str(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
