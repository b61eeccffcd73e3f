"""Baselines: what later runs are compared with."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from orchestrator.comparing.baselines import BaselineRecord
from orchestrator.comparing.measured import Measured
from orchestrator.records import RunFilter
from orchestrator.store import baselines, measured
from orchestrator.store.engine import raw
from orchestrator.store.parts.part import Part


class Baselines(Part):
    def set_baseline(self, name: str, job_ids: Mapping[str, bool]) -> int:
        """Let the measurements of these jobs (True: suspect, and forced) stand for their cases under a name; returns
        how many runs stood for them before. `UnknownName` for a job without one."""
        with self._database.write() as connection:
            return baselines.put(connection, name, job_ids, datetime.now(UTC))

    def baselines(self) -> list[BaselineRecord]:
        """All of them, by name."""
        with self._database.read() as connection:
            return baselines.list_all(connection)

    def baseline_runs(self, name: str) -> list[Measured]:
        """The runs of one, in order of time; `UnknownName` lists the near names."""
        with self._database.read() as connection:
            return measured.baseline_runs(raw(connection), name)

    def remove_baseline(self, name: str, devices: Collection[str] | None = None) -> int:
        """Forget one, or what it has of some boards; returns how many runs that were. The runs stay."""
        with self._database.write() as connection:
            return baselines.remove(connection, name, devices)

    def measured_runs(self, wanted: RunFilter) -> list[Measured]:
        """Runs for a comparison, whatever came of them, in order of time."""
        with self._database.read() as connection:
            return measured.measured_runs(raw(connection), wanted)
