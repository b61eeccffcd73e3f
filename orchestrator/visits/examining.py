"""Examining boards: connect, have each looked over and watched, diagnose, leave."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape

from agent.protocol import Conditions, Examined, Facts
from orchestrator.conversation import Stopped
from orchestrator.devices import Device
from orchestrator.doctor import Finding, Past, Patient, diagnose
from orchestrator.errors import BoardError
from orchestrator.events import Event, Noted
from orchestrator.farm import Farm
from orchestrator.launch import open_links
from orchestrator.links import Keeper, Link
from orchestrator.records import RunFilter
from orchestrator.schedule import muster
from orchestrator.store import Store
from orchestrator.tenancy import Claims, note_told
from orchestrator.trust.verdicts import Verdict

MACHINES_AT_ONCE = 32
NEWEST_RUNS = 20
"""So many earlier runs are asked what was wrong with them."""


@dataclass(frozen=True)
class Examination:
    """What came of one board: what it told and the findings, or the error."""

    device: Device
    facts: Facts | None = None
    conditions: Conditions | None = None
    examined: Examined | None = None
    findings: tuple[Finding, ...] = ()
    error: BoardError | None = None


def examine_devices(
    farm: Farm,
    store: Store,
    devices: Sequence[Device],
    seconds: float,
    notify: Callable[[Event], None],
    stop: threading.Event,
    lock_wait_s: float = 0.0,
) -> list[Examination]:
    """Examine every device, many machines at once; those that are one machine one after another, or they would find
    each other. One entry a device, in their order."""
    links = open_links(farm, devices, notify, stop, Claims(store))
    errors: dict[str, BoardError] = {}
    found: dict[str, Examination] = {}
    machines: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        machines[link.device.exclusion].append(link)

    def visit(machine: list[Link]) -> None:
        for link in machine:
            if link.session is not None and not stop.is_set():
                notify(Noted(link.device.name, f"is watched for {seconds:g} s"))
                try:
                    found[link.device.name] = _examine(store, link, seconds)
                except BoardError as error:
                    errors[link.device.name] = error
                except Stopped:
                    return

    with Keeper(links):
        muster(links, lock_wait_s, errors.__setitem__, stop, farm.settings.connections)
        note_told(store, links)
        for link in links:
            if link.facts is not None and link.conditions is not None:
                store.remember_facts(link.device.name, link.facts, link.conditions, datetime.now(UTC))
        with ThreadPoolExecutor(MACHINES_AT_ONCE, "examine") as pool:
            for future in [pool.submit(visit, machine) for machine in machines.values()]:
                future.result()
        for link in links:
            link.close(politely=not stop.is_set())
    return [found.get(device.name, Examination(device, error=errors.get(device.name))) for device in devices]


def past_of(store: Store, device: str) -> Past:
    """What the store knows of a board."""
    newest = store.runs(RunFilter(devices=(escape(device),), sort="started", descending=True, limit=NEWEST_RUNS))
    judged = [run for run in newest if run.verdict is not None]
    bad = [run for run in judged if run.verdict is not Verdict.TRUSTED]
    floor = store.noise_floor(device)
    quarantine = store.quarantined().get(device)
    return Past(
        judged=len(judged),
        not_trusted=len(bad),
        reasons=Counter(code for run in bad for code in set(run.reasons.split())),
        noise_floor=floor.floor if floor else None,
        quarantined_since=quarantine.since if quarantine else None,
        quarantine_reason=quarantine.reason if quarantine else "",
    )


def _examine(store: Store, link: Link, seconds: float) -> Examination:
    assert link.session is not None  # noqa: S101 - the caller looked
    assert link.facts is not None  # noqa: S101 - an open link has been probed
    assert link.conditions is not None  # noqa: S101
    examined = link.session.examine(seconds)
    now = datetime.now(UTC)
    patient = Patient(
        device=link.device,
        facts=link.facts,
        conditions=link.conditions,
        examined=examined,
        now=now,
        ahead_s=_ahead_s(examined.standing.utc, now),
        past=past_of(store, link.device.name),
    )
    return Examination(link.device, link.facts, link.conditions, examined, tuple(diagnose(patient)))


def _ahead_s(told: str, now: datetime) -> float:
    """How far the board's clock is ahead of ours, the way of its answer included; 0 where it tells no time."""
    try:
        return (datetime.fromisoformat(told) - now).total_seconds()
    except (ValueError, TypeError):
        return 0.0
