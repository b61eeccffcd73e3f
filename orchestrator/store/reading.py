"""Looking at results without SQLAlchemy: the standard library's sqlite3, read-only, over what `runs_view` names.

A database of an older revision is upgraded by `Store.open` first, as every verb does it. What a list does not need is
imported where it is used: all that compares comes with the runs of a side, and it would be a tenth of a list's time.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.records import RunFilter, RunSummary
from orchestrator.store import cases, summaries
from orchestrator.store.cases import Excerpt
from orchestrator.store.faults import in_plain_words
from orchestrator.store.file import BUSY_TIMEOUT_S, connect
from orchestrator.store.schema import is_current

if TYPE_CHECKING:
    from orchestrator.comparing.measured import Measured
    from orchestrator.comparing.selectors import Selector
    from orchestrator.readings import Latencies, Readings

CACHE_KIB = 16 * 1024
"""SQLite's own 2 MB hold too few pages of 16 KiB for a list that joins five tables."""


class Reader:
    """One consistent view of the file for as long as it is open, whoever writes meanwhile. `StoreDamaged`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def each_run(self, wanted: RunFilter) -> Iterator[RunSummary]:
        """As `Store.runs`, but one after another: a hundred thousand take no more memory than one."""
        with in_plain_words(self._path):
            yield from summaries.each_run(self._connection, wanted)

    def each_latencies(self, wanted: RunFilter) -> "Iterator[Latencies]":
        """Every latency of each measured run, one run after another."""
        from orchestrator.store import values

        with in_plain_words(self._path):
            yield from values.each_latencies(self._connection, wanted)

    def each_readings(self, wanted: RunFilter) -> "Iterator[Readings]":
        """Every reading of each sensor's channel, one run after another."""
        from orchestrator.store import values

        with in_plain_words(self._path):
            yield from values.each_readings(self._connection, wanted)

    def each_of(self, table: str, wanted: RunFilter) -> "Iterator[RunSummary | Latencies | Readings]":
        """What the rows of an exported table are made of: `runs`, `latencies` or `samples`."""
        if table == "runs":
            return self.each_run(wanted)
        return self.each_latencies(wanted) if table == "latencies" else self.each_readings(wanted)

    def newest_runs(self, wanted: RunFilter, limit: int) -> list[RunSummary]:
        """At most so many runs: the newest, in order of time; in any other order the first."""
        with in_plain_words(self._path):
            return summaries.newest_runs(self._connection, wanted, limit)

    def count_runs(self, wanted: RunFilter) -> int:
        """How many a filter lets through, whatever its limit."""
        with in_plain_words(self._path):
            return summaries.count_runs(self._connection, wanted)

    def first_cases(self, wanted: RunFilter) -> Excerpt:
        """The cases that a person sees first: those that ran last, or the first in the filter's order."""
        with in_plain_words(self._path):
            return cases.first_cases(self._connection, wanted)

    def medians(self, wanted: RunFilter) -> dict[str, list[tuple[int, float]]]:
        """For a comparison: by case key, the block and the median latency (ns) of each measured run, in order of
        time."""
        with in_plain_words(self._path):
            return summaries.medians(self._connection, wanted)

    def runs_of_side(self, selector: "Selector", tagged: Iterable[str] | None = None) -> "list[Measured]":
        """The runs of one side of a comparison; `tagged` are the devices that its tags pick. `UnknownName`."""
        from orchestrator.store import sides

        with in_plain_words(self._path):
            return sides.runs_of_side(self._connection, selector, tagged)

    def noise_floors(self) -> dict[str, float]:
        """The newest noise floor of each board that has one, as a share."""
        from orchestrator.store import measured

        with in_plain_words(self._path):
            return measured.noise_floors(self._connection)

    def reference_medians(self, sweeps: Iterable[int]) -> dict[tuple[str, int], list[float]]:
        """By device and sweep: the medians (ns) of the reference model's runs, in order of time."""
        from orchestrator.store import measured

        with in_plain_words(self._path):
            return measured.reference_medians(self._connection, sweeps)

    def is_sweep(self, name: str) -> bool:
        """Whether a sweep of that name was ever run."""
        from orchestrator.store import measured

        with in_plain_words(self._path):
            return measured.is_sweep(self._connection, name)


@contextmanager
def open_reader(path: Path) -> Iterator[Reader]:
    """A database to read; `StoreError`, `StoreDamaged`, `StoreTooNew` say what to do."""
    path = path.absolute()
    if not is_current(path):
        from orchestrator.store import Store

        Store.open(path).close()
    with in_plain_words(path):
        connection = connect(path, "ro", BUSY_TIMEOUT_S)
        try:
            connection.execute("PRAGMA query_only=ON")
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            connection.execute("BEGIN")
            yield Reader(connection, path)
        finally:
            connection.close()
