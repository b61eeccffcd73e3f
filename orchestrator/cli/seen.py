"""What was seen of the boards, for verbs that only show it."""

import json

from agent.protocol import Facts
from agent.wire import WireError, from_plain
from orchestrator.cli.context import open_store
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.store.read_only import run_sql

_QUERY = "select name, facts from devices_view where facts is not null"


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
