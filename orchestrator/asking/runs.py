"""From the words of `dynofarm results` to a filter of runs: the same words in the address of a page."""

from collections.abc import Sequence
from datetime import datetime

from orchestrator.errors import UsageError
from orchestrator.quantities import now_here, parse_since
from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.trust.verdicts import Verdict

EVERY_ROLE = "all"
MOST_THREADS = 10**6
"""No machine has more, and a database takes no number without end."""


def run_filter(
    *,
    device: Sequence[str] = (),
    model: Sequence[str] = (),
    runtime: Sequence[str] = (),
    version: Sequence[str] = (),
    threads: str | None = None,
    delegate: Sequence[str] = (),
    status: Sequence[str] = (),
    role: str = "case",
    verdict: Sequence[str] = (),
    sweep: str | None = None,
    since: str | None = None,
    until: str | None = None,
    every_attempt: bool = False,
    sort: str = "started",
    limit: int | None = None,
) -> RunFilter:
    """What was asked for; `sort` with a minus sign before it descends. `UsageError` names the word that is none."""
    return RunFilter(
        devices=tuple(device),
        models=tuple(model),
        runtimes=tuple(runtime),
        versions=tuple(version),
        threads=_numbers(threads),
        delegates=tuple(delegate),
        statuses=_statuses(status),
        roles=_roles(role),
        verdicts=_verdicts(verdict),
        sweep=int(sweep) if sweep is not None and sweep.isdecimal() and sweep.isascii() else sweep,
        since=_moment(since),
        until=_moment(until),
        every_attempt=every_attempt,
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        limit=limit,
    )


def _moment(text: str | None) -> datetime | None:
    # A date is meant where the user is.
    return parse_since(text, now_here()) if text is not None else None


def _numbers(text: str | None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(",")) if text is not None else ()
    except ValueError:
        numbers = (-1,)
    if any(not 0 <= number <= MOST_THREADS for number in numbers):
        raise UsageError(f"--threads {text}: expected numbers", "for example --threads 1,4")
    return numbers


def _statuses(texts: Sequence[str]) -> tuple[RunStatus, ...]:
    words = [word.strip().replace("-", "_").replace(" ", "_") for text in texts for word in text.split(",")]
    unknown = [word for word in words if word not in list(RunStatus)]
    if unknown:
        raise UsageError(f"--status {unknown[0]}: no such status", f"there are: {', '.join(RunStatus)}")
    return tuple(RunStatus(word) for word in words)


def _verdicts(texts: Sequence[str]) -> tuple[Verdict, ...]:
    words = [word.strip() for text in texts for word in text.split(",")]
    unknown = [word for word in words if word not in list(Verdict)]
    if unknown:
        raise UsageError(f"--verdict {unknown[0]}: no such verdict", f"there are: {', '.join(Verdict)}")
    return tuple(Verdict(word) for word in words)


def _roles(text: str) -> tuple[Role, ...]:
    if text != EVERY_ROLE and text not in list(Role):
        raise UsageError(f"--role {text}: no such role", f"there are: {', '.join([*Role, EVERY_ROLE])}")
    return () if text == EVERY_ROLE else (Role(text),)
