"""What was seen of the boards, for verbs that only show it."""

import json
from datetime import UTC, datetime

from agent.protocol import Facts
from agent.wire import WireError, from_plain
from orchestrator.cli.context import open_store
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.report.standing import Standing
from orchestrator.store.read_only import run_sql

_QUERY = "select name, facts from devices_view where facts is not null"
_NOISE = "select device, floor, runs, measured from noise_view order by measured"
_RESERVED = "select device, owner, until, why from leases_view where kind = 'reservation' and ended is null"
_OUT = "select device, since, reason from quarantine_view where released is null"


def last_facts(farm: Farm) -> dict[str, Facts]:
    """The facts of each board's last visit; none where there is no database yet.

    Read through the documented view: importing SQLAlchemy would take most of the time of `dynofarm device list`.
    A database of an older version, whose rows read otherwise, is left to the store, which upgrades it.
    """
    if not farm.database.exists():
        return {}
    try:
        _, rows = run_sql(farm.database, _QUERY, 1_000_000)
        return {name: from_plain(Facts, json.loads(facts)) for name, facts in rows}
    except (UsageError, WireError, ValueError):
        with open_store(farm) as store:
            return store.last_facts()


def standings(farm: Farm) -> dict[str, Standing]:
    """The noise floor, the quarantine and the reservation of each board, where there is any."""
    if not farm.database.exists():
        return {}
    try:
        _, floors = run_sql(farm.database, _NOISE, 1_000_000)
        _, out = run_sql(farm.database, _OUT, 1_000_000)
        _, reserved = run_sql(farm.database, _RESERVED, 1_000_000)
    except UsageError:
        return _standings_of_the_store(farm)
    found: dict[str, Standing] = {}
    for device, floor, runs, measured in floors:
        found[device] = Standing(floor, runs, _moment(measured))
    for device, since, reason in out:
        found[device] = found.get(device, Standing()).out(_moment(since), reason)
    for device, owner, until, why in reserved:
        found[device] = found.get(device, Standing()).kept(owner, _moment(until), why)
    return found


def _standings_of_the_store(farm: Farm) -> dict[str, Standing]:
    """The same where the database is of an older version: the store upgrades it on the way."""
    found: dict[str, Standing] = {}
    with open_store(farm) as store:
        for record in store.devices():
            noise = store.noise_floor(record.name)
            if noise is not None:
                found[record.name] = Standing(noise.floor, noise.runs, noise.measured)
        for name, out in store.quarantined().items():
            found[name] = found.get(name, Standing()).out(out.since, out.reason)
        for name, kept in store.reservations.active(datetime.now(UTC)).items():
            if kept.until is not None:
                found[name] = found.get(name, Standing()).kept(kept.owner, kept.until, kept.why)
    return found


def _moment(text: str) -> datetime:
    """As the views write it: UTC without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
