"""What a user means by a side: `41`, `nightly,model:bert`, `runtime:litert@2.3.0`, `since:7d`, `baseline:main`. Pure.

Terms are separated by commas, and a run belongs to the side when it fulfils all of them; several of one kind are
alternatives.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from orchestrator.comparing.measured import Axis
from orchestrator.errors import UsageError
from orchestrator.quantities import parse_since
from orchestrator.records import RunFilter

_DAYS = re.compile(r"\d{4}-\d{2}-\d{2}(\.\..*)?", re.ASCII)
"""A name that only begins with a date is a name."""
_EXAMPLES = "for example 41, nightly,model:bert, tag:pi4, runtime:litert@2.3.0, since:7d or 2026-11-03"
_LARGEST_NUMBER = 10**6


@dataclass(frozen=True)
class Selector:
    """One side. `wanted` is what a filter of runs can say of it; `sweeps` are numbers, names or `last`, any of them;
    `words` are names of sweeps or of baselines, whichever there is; `tags` pick devices. `axes` are what it names of
    the axes, with the values.
    """

    text: str
    wanted: RunFilter = field(default_factory=RunFilter)
    sweeps: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    axes: tuple[tuple[Axis, tuple[str, ...]], ...] = ()

    @property
    def by_axis(self) -> dict[Axis, tuple[str, ...]]:
        return dict(self.axes)


def parse_selector(text: str, now: datetime) -> Selector:
    """A side as it was typed; `now` has a zone. `UsageError` for what is none."""
    found = Selector(text)
    terms = [term.strip() for term in text.split(",")]
    if not all(terms):
        raise UsageError(f"{text!r} is not a side of a comparison", _EXAMPLES)
    for term in terms:
        scheme, colon, value = term.partition(":")
        if colon and scheme in _SCHEMES:
            if not value.strip():
                raise UsageError(f"{term!r} names nothing", _EXAMPLES)
            found = _SCHEMES[scheme](found, value.strip(), now)
        elif _DAYS.fullmatch(term):
            found = _days(found, term, now)
        elif colon:
            raise UsageError(
                f"{term!r}: there is no {scheme!r} to select by", f"there are: {', '.join(_SCHEMES)}; {_EXAMPLES}"
            )
        elif term.isdecimal() or term == "last":
            found = replace(found, sweeps=(*found.sweeps, term))
        else:
            found = replace(found, words=(*found.words, term))
    if found.baselines and (found.sweeps or found.wanted.since or found.wanted.until):
        raise UsageError(f"{text!r}: a baseline has its runs already", "leave the sweep or the time out")
    return found


def compared_axes(first: Selector, second: Selector) -> frozenset[Axis]:
    """What both sides name, and name differently: that is what is compared."""
    ours, theirs = first.by_axis, second.by_axis
    return frozenset(axis for axis in ours if axis in theirs and ours[axis] != theirs[axis])


def _named(found: Selector, axis: Axis, value: str) -> Selector:
    known = found.by_axis
    known[axis] = (*known.get(axis, ()), value)
    return replace(found, axes=tuple(known.items()))


def _device(found: Selector, value: str, _now: datetime) -> Selector:
    wanted = replace(found.wanted, devices=(*found.wanted.devices, value))
    return replace(_named(found, Axis.DEVICE, value), wanted=wanted)


def _model(found: Selector, value: str, _now: datetime) -> Selector:
    wanted = replace(found.wanted, models=(*found.wanted.models, value))
    return replace(_named(found, Axis.MODEL, value), wanted=wanted)


def _delegate(found: Selector, value: str, _now: datetime) -> Selector:
    wanted = replace(found.wanted, delegates=(*found.wanted.delegates, value))
    return replace(_named(found, Axis.DELEGATE, value), wanted=wanted)


def _runtime(found: Selector, value: str, _now: datetime) -> Selector:
    name, at, version = value.partition("@")
    if not name or (at and not version):
        raise UsageError(f"runtime:{value} is not a runtime", "write it like runtime:litert or runtime:litert@2.3.0")
    wanted = replace(found.wanted, runtimes=(*found.wanted.runtimes, name))
    if version:
        wanted = replace(wanted, versions=(*wanted.versions, version))
    return replace(_named(found, Axis.RUNTIME, value), wanted=wanted)


def _threads(found: Selector, value: str, _now: datetime) -> Selector:
    if not (value.isascii() and value.isdecimal()) or not 0 < int(value[:9]) <= _LARGEST_NUMBER:
        raise UsageError(f"threads:{value[:40]} is not a number of threads", "write it like threads:4")
    wanted = replace(found.wanted, threads=(*found.wanted.threads, int(value)))
    return replace(_named(found, Axis.THREADS, str(int(value))), wanted=wanted)


def _tag(found: Selector, value: str, _now: datetime) -> Selector:
    return replace(_named(found, Axis.DEVICE, f"tag:{value}"), tags=(*found.tags, value))


def _sweep(found: Selector, value: str, _now: datetime) -> Selector:
    return replace(found, sweeps=(*found.sweeps, value))


def _baseline(found: Selector, value: str, _now: datetime) -> Selector:
    return replace(found, baselines=(*found.baselines, value))


def _since(found: Selector, value: str, now: datetime) -> Selector:
    return _between(found, parse_since(value, now), None)


def _until(found: Selector, value: str, now: datetime) -> Selector:
    return _between(found, None, parse_since(value, now))


def _days(found: Selector, term: str, now: datetime) -> Selector:
    """`2026-11-03`, or `2026-11-01..2026-11-03` with both days in it."""
    first, dots, last = term.partition("..")
    try:
        days = [date.fromisoformat(day) for day in ((first, last) if dots else (first, first))]
        start, end = (datetime.combine(day, time(), now.tzinfo) for day in (days[0], days[1] + timedelta(days=1)))
    except (ValueError, OverflowError):
        raise UsageError(f"{term[:60]!r} is not a day", "write it like 2026-11-03 or 2026-11-01..2026-11-03") from None
    if start >= end:
        raise UsageError(f"{term!r} ends before it begins", f"{last}..{first}")
    return _between(found, start, end)


def _between(found: Selector, since: datetime | None, until: datetime | None) -> Selector:
    wanted = found.wanted
    if (since and wanted.since) or (until and wanted.until):
        raise UsageError(f"{found.text!r} says twice from when to when", "name one stretch of time")
    wanted = replace(wanted, since=since or wanted.since, until=until or wanted.until)
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise UsageError(f"{found.text!r}: nothing lies between these moments", "since comes first, then until")
    return replace(found, wanted=wanted)


_Term = Callable[[Selector, str, datetime], Selector]
_SCHEMES: dict[str, _Term] = {
    "sweep": _sweep,
    "baseline": _baseline,
    "device": _device,
    "tag": _tag,
    "model": _model,
    "runtime": _runtime,
    "threads": _threads,
    "delegate": _delegate,
    "since": _since,
    "until": _until,
}
