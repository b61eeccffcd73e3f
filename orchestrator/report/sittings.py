"""Who works at a sweep, and what became of the request to stop, in words for terminal and browser. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orchestrator.moments import moment_text
from orchestrator.records import Sitting, SweepRecord
from orchestrator.report.words import count_text


def request_text(sitting: Sitting, now: datetime) -> str:
    """How the request to stop stands with one that is not over. `now` is in the zone that people read."""
    assert sitting.asked is not None  # noqa: S101 - the callers looked
    asked = f"{sitting.asked_by} asked at {moment_text(sitting.asked, now)}"
    if sitting.is_mute(now):
        return f"{sitting.holder} does not answer: {asked}; it hangs, or it is gone and cannot be seen from here"
    if sitting.heard is None:
        return f"{asked}; {sitting.holder} has not heard it yet"
    return f"stopping, as {asked}: boards finish the job in hand and keep its result"


def idle_text(sweep_id: int, last: Sitting | None, now: datetime) -> str:
    """Why there is nobody to be asked; `last` is who worked at the sweep last."""
    died = f"; {last.holder}, who began at {moment_text(last.since, now)}, died" if last and last.died else ""
    return f"nobody runs sweep {sweep_id}{died}"


def end_text(record: SweepRecord, sittings: Sequence[Sitting]) -> str:
    """What the sweep is when all who were asked are over."""
    died = ", ".join(one.holder for one in sittings if one.died)
    owed = record.progress.owed
    left = f"with {count_text(owed, 'job')} still to do" if owed else "with nothing left to do"
    return f"sweep {record.sweep_id} has ended {left}" + (f"; {died} died" if died else "")


def sitting_row(sitting: Sitting) -> dict[str, Any]:
    """One as plain values."""
    moments = {name: getattr(sitting, name) for name in ("since", "asked", "heard", "ended")}
    told = {name: None if value is None else value.isoformat() for name, value in moments.items()}
    return {"holder": sitting.holder, **told, "asked_by": sitting.asked_by or None, "died": sitting.died}
