"""Values as text in templates; each is also a filter of the same name. What was not measured says so. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from orchestrator.pages.names import shown
from orchestrator.pages.tables import NOT_MEASURED
from orchestrator.report.words import bytes_text, count_text, duration_text, latency_text, status_text


def ms(latency_ns: float | None) -> str:
    """`1.234 ms`."""
    return NOT_MEASURED if latency_ns is None else f"{latency_text(latency_ns)} ms"


def size(size_bytes: float | None) -> str:
    """`1.4 MB`."""
    return NOT_MEASURED if size_bytes is None else bytes_text(size_bytes)


def duration(duration_s: float | None) -> str:
    """`2 h 10 min`."""
    return NOT_MEASURED if duration_s is None else duration_text(duration_s)


def percent(share: float | None) -> str:
    """`76.9 %` of 0.769."""
    return NOT_MEASURED if share is None else f"{100 * share:.1f} %"


def moment(at: datetime | None) -> str:
    """`2026-11-03 14:30 UTC`."""
    return "never" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def stamp(at: datetime) -> str:
    """For the `datetime` of a `<time>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


FILTERS: Mapping[str, Callable[..., str]] = {
    "ms": ms,
    "size": size,
    "duration": duration,
    "percent": percent,
    "moment": moment,
    "stamp": stamp,
    "shown": shown,
    "counted": count_text,
    "status": status_text,
}
