"""Durations, sizes and moments as people write them: `10m`, `2 GB`, `7d`. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import isfinite

from orchestrator.errors import UsageError

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_YEAR_S = 365 * 86400
_BYTES = {
    **{"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}
_RATES = {
    **{"bit": 0.125, "kbit": 125.0, "mbit": 125e3, "gbit": 125e6},
    **{"kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30},
}
LONGEST_YEARS = 200
"""Chosen: beyond what anybody waits for, and within the 292 years that Python's own waits can count."""

_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([a-z]+)\s*", re.ASCII)
_PLAIN = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)


def parse_duration_s(value: str | float) -> float:
    """Seconds of `90`, `90s`, `10m`, `1h30m`, `500ms`, `2d`, `1w`. `UsageError` for anything else, centuries too."""
    seconds = _number(value)
    if seconds is None and isinstance(value, str):
        seconds = _sum_of_parts(value, _SECONDS)
    if seconds is None:
        raise UsageError(f"{_shown(value)} is not a duration", "write it like 90s, 10m, 1h30m or 2d")
    if seconds > LONGEST_YEARS * _YEAR_S:
        raise UsageError(
            f"{_shown(value)} is longer than {LONGEST_YEARS} years", "give a shorter time, such as 10m or 2d"
        )
    return float(seconds)


def parse_bytes(value: str | float) -> int:
    """Bytes of `2 GB`, `500 MB`, `1.5 GiB` or a plain number; kB, MB, GB are decimal, KiB, MiB, GiB binary.

    `UsageError` for anything else.
    """
    size = _number(value)
    if size is None and isinstance(value, str):
        size = _sum_of_parts(value, _BYTES, most_parts=1)
    if size is None or size != int(size):
        raise UsageError(f"{_shown(value)} is not a size", "write it like 2 GB, 500 MB, 1 GiB, or as bytes")
    return int(size)


def parse_rate_bytes_s(value: str | float) -> float:
    """Bytes per second of `100 Mbit/s`, `2.5 MB/s`, `1 Gbit/s`; a plain number has no unit and is refused.

    `UsageError` for anything else.
    """
    bytes_s = _sum_of_parts(value.replace("/s", ""), _RATES, most_parts=1) if isinstance(value, str) else None
    if not bytes_s or "/s" not in str(value):
        raise UsageError(f"{_shown(value)} is not a rate", "write it like 100 Mbit/s, 1 Gbit/s or 2.5 MB/s")
    return float(bytes_s)


class _Here(tzinfo):
    """The zone of this machine: a date has the offset of its own season, and not that of today."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        if moment is None:
            return None
        try:
            return moment.replace(tzinfo=None).astimezone().utcoffset()
        except (ValueError, OverflowError):  # at either end of the calendar
            return datetime.now().astimezone().utcoffset()

    def dst(self, _moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _moment: datetime | None) -> str | None:
        return None


def now_here() -> datetime:
    """For `parse_since`: what is typed without a zone is meant where the user is."""
    return datetime.now().replace(tzinfo=_Here())


def parse_since(text: str, now: datetime) -> datetime:
    """The moment meant by `7d`, `2h` (before `now`) or by an ISO date or time, in UTC.

    A date or a time without a zone is meant in the zone of `now`, which must have one. `UsageError` for anything
    else, and for a moment after `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now must have a zone")
    try:
        moment = _moment(text.strip(), now)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{_shown(text)} is neither an age nor a date", "write it like 7d, 2h, 2026-03-31 or 2026-03-31T18:00"
        ) from None
    if moment > now:
        raise UsageError(f"{text.strip()} lies in the future", "give a moment before now, such as 7d or 2h")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise UsageError(
            f"{text.strip()} lies before the first year in UTC", "give a later moment, such as 2026-03-31"
        ) from None


def show_duration(seconds: float) -> str:
    """The shortest text that `parse_duration_s` reads back: `90` s is `90s`, `600` s is `10m`."""
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds // _SECONDS[unit])}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def show_bytes(size: int) -> str:
    """A text that `parse_bytes` reads back exactly: `2 GB`, `1 GiB`, or the plain number."""
    for unit in ("TB", "TiB", "GB", "GiB", "MB", "MiB", "kB", "KiB"):
        if size and size % _BYTES[unit.lower()] == 0:
            return f"{size // _BYTES[unit.lower()]} {unit}"
    return str(size)


def _moment(text: str, now: datetime) -> datetime:
    age_s = _sum_of_parts(text, _SECONDS)
    if age_s is not None:
        return now.astimezone(UTC) - timedelta(seconds=age_s)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return datetime.combine(date.fromisoformat(text), time(), now.tzinfo)
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", text, re.ASCII):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)


def _number(value: str | float) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not _PLAIN.fullmatch(text):
            return None
        return float(text) if "." in text else int(text)
    return value if isfinite(value) and value >= 0 else None


def _sum_of_parts(text: str, units: Mapping[str, float], most_parts: int = 6) -> float | None:
    """`1h30m` as one number; None where something is left over, a unit is unknown, or one comes twice."""
    rest = text.strip().lower()
    total: float = 0
    seen: set[str] = set()
    while rest:
        part = _PART.match(rest)
        if part is None or part[2] not in units or part[2] in seen or len(seen) == most_parts:
            return None
        seen.add(part[2])
        total += (float(part[1]) if "." in part[1] else int(part[1])) * units[part[2]]
        rest = rest[part.end() :]
    return total if seen else None


def _shown(value: object) -> str:
    return repr(value) if len(repr(value)) <= 60 else repr(value)[:60] + "…"
