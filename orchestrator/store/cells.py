"""What the jobs of one case have in common, stored once under a number."""

from typing import Any

from sqlalchemy import Connection, insert, select

from orchestrator.errors import StoreError
from orchestrator.runs import Job
from orchestrator.store import tables
from orchestrator.store.models import model_id
from orchestrator.store.rows import cell_to_row, task_to_json, to_json


class Cells:
    """The numbers of cells, inside one transaction. A plan has many jobs and few cells, so each is looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._models: dict[tuple[str, str], int] = {}
        self._protocols: dict[str, int] = {}
        self._tasks: dict[str, int] = {}
        self._cells: dict[str, dict[tuple[Any, ...], int]] = {}

    def number(self, job: Job) -> int:
        """The number of a job's cell, which is stored if it is new. `StoreError` for a model that is not there."""
        row = cell_to_row(job, self._model(job), self._protocol(job), self._task(job))
        known = self._of_device(job.device)
        key = tuple(row.values())
        if key not in known:
            table = tables.cell
            known[key] = self._connection.execute(insert(table).returning(table.c.id), row).scalar_one()
        return known[key]

    def _of_device(self, device: str) -> dict[tuple[Any, ...], int]:
        if device not in self._cells:
            found = self._connection.execute(select(tables.cell).where(tables.cell.c.device == device))
            self._cells[device] = {tuple(row[1:]): row[0] for row in found}
        return self._cells[device]

    def _model(self, job: Job) -> int:
        key = (job.model, job.model_digest)
        if key not in self._models:
            found = model_id(self._connection, *key)
            if found is None:
                raise StoreError(f"job {job.job_id} wants model {job.model}, which was not handed over with the sweep")
            self._models[key] = found
        return self._models[key]

    def _protocol(self, job: Job) -> int:
        content = to_json(job.protocol)
        if content not in self._protocols:
            table = tables.protocol
            found = self._connection.execute(select(table.c.id).where(table.c.content == content)).scalar_one_or_none()
            if found is None:
                row = {"name": job.protocol.name, "content": content}
                found = self._connection.execute(insert(table).returning(table.c.id), row).scalar_one()
            self._protocols[content] = found
        return self._protocols[content]

    def _task(self, job: Job) -> int | None:
        if job.task is None:
            return None
        content = task_to_json(job.task)
        if content not in self._tasks:
            table = tables.task
            found = self._connection.execute(select(table.c.id).where(table.c.content == content)).scalar_one_or_none()
            if found is None:
                added = insert(table).values(content=content).returning(table.c.id)
                found = self._connection.execute(added).scalar_one()
            self._tasks[content] = found
        return self._tasks[content]
