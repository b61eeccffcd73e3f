"""Which files a board needs on its disk, and when: a small disk gives up first what is needed last. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.assignment import Assignment
from orchestrator.carriers import Carrier
from orchestrator.errors import RuntimeUnavailable
from orchestrator.runs import Job
from orchestrator.sweep import RuntimeChoice

Carriers = Mapping[RuntimeChoice, Carrier | RuntimeUnavailable]


@dataclass(frozen=True)
class Needs:
    """Digests. `now`: of the job in hand; `later`: of those after it, in the order in which they come up."""

    now: tuple[str, ...]
    later: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.now + self.later


def needs_of(job: Job, after: Sequence[Job], carriers: Carriers) -> Needs:
    """What `job` needs, and then the jobs `after` it."""
    now = dict.fromkeys(_files_of(job, carriers))
    later = dict.fromkeys(digest for one in after for digest in _files_of(one, carriers) if digest not in now)
    return Needs(tuple(now), tuple(later))


def data_of(task: Assignment) -> dict[str, str]:
    """What a task needs on its board by digest, and what it is."""
    files = {task.data_digest: f"data set {task.label}"}
    return files if task.vocabulary_digest is None else files | {task.vocabulary_digest: f"vocabulary of {task.data}"}


def _files_of(job: Job, carriers: Carriers) -> Iterator[str]:
    yield job.model_digest
    if job.task is not None:
        yield from data_of(job.task)
    carrier = carriers[job.runtime]
    if isinstance(carrier, Carrier) and carrier.runtime.digest:
        yield carrier.runtime.digest
