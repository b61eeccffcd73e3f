"""What all parts of a store have."""

from orchestrator.store.engine import Database


class Part:
    """Every method of a part is one transaction: done whole, or not at all."""

    def __init__(self, database: Database) -> None:
        self._database = database
