"""From the stored runs of a sweep to what their answers are worth, and whether boards agree."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.assignment import END_TO_END, Assignment
from orchestrator.datasets import read_labels
from orchestrator.datasets.data_set import Labels
from orchestrator.metrics import Paired
from orchestrator.runs import Job, RunStatus
from orchestrator.tasks.answering import BadAnswers, read_answers
from orchestrator.tasks.kinds import KINDS, Same, Worth

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.records import StoredRun
    from orchestrator.store import Store

    Array = NDArray[np.generic]


@dataclass(frozen=True)
class Scored:
    """One case's work on one data set in one scope, over all of its runs.

    `case_key` is that of the case's timed runs. `runs` are those that went well, `worth` is of the first of them: the
    others give the same answers, or `same` says so. `same` is against the answers that most cases of the artifact gave
    with the same runtime and delegate, on whatever board; `elsewhere` against those that most gave with any. None where
    there is nothing to compare with. `trouble` says in words why there is nothing.
    """

    case_key: str
    job: Job
    task: Assignment
    device_kind: str
    runs: tuple["StoredRun", ...]
    worth: Worth | None = None
    versus_teacher: Paired | None = None
    same: Same | None = None
    witness: str = ""
    elsewhere: Same | None = None
    other_witness: str = ""
    trouble: str = ""


def score_sweep(store: "Store", sweep_id: int, teacher: str | None = None) -> list[Scored]:
    """Every case of a sweep that worked on a data set, by board and model; `teacher` is a model's digest."""
    groups: dict[tuple[str, str], list[StoredRun]] = {}
    for stored in store.task_runs(sweep_id):
        job = stored.run.job
        if job.task is not None:
            groups.setdefault((job.case_key, job.model_digest), []).append(stored)
    keys = _keys(store, {run.run.job.task for runs in groups.values() for run in runs if run.run.job.task})
    read = {place: _read(runs) for place, runs in groups.items()}
    teachers = _teachers(groups, read, teacher)
    scored = [_score(runs, read[place], keys, teachers, teacher) for place, runs in groups.items()]
    compared = _compared(scored, [read[place] for place in groups])
    return sorted(compared, key=lambda one: (one.job.device, one.job.model, one.case_key, one.task.scope == END_TO_END))


def _read(runs: Sequence["StoredRun"]) -> "list[Array] | str":
    """The answers of the runs that went well, or why there are none."""
    found = []
    for stored in runs:
        result = stored.run.result
        if result is None or result.answers is None:
            continue
        try:
            found.append(read_answers(result.answers))
        except BadAnswers as fault:
            return f"the stored answers {fault}"
    if found:
        return found
    last = runs[-1].run
    return f"{last.status.replace('_', ' ')}: {last.message}" if last.message else str(last.status)


def _score(
    runs: Sequence["StoredRun"],
    read: "list[Array] | str",
    keys: Mapping[str, Labels],
    teachers: "Mapping[str, Array]",
    teacher_digest: str | None,
) -> Scored:
    last = runs[-1].run
    job, task = last.job, last.job.task
    assert task is not None  # noqa: S101 - grouped by it
    good = tuple(run for run in runs if run.run.status is RunStatus.OK)
    plain = Scored(replace(job, task=None).case_key, job, task, last.device_kind, good)
    if isinstance(read, str):
        return replace(plain, trouble=read)
    labels = keys.get(task.key or "")
    wanted = None if labels is None else labels.values
    kind = KINDS[task.kind]
    try:
        worth = kind.worth(read[0], wanted, len(task.classes))
        teacher = teachers.get(task.rows)
        is_teacher = job.model_digest == teacher_digest
        versus = None if teacher is None or is_teacher else kind.versus(read[0], teacher, wanted, len(task.classes))
    except ValueError as error:
        return replace(plain, trouble=f"the answers make no sense: {error}")
    return replace(plain, worth=worth, versus_teacher=versus)


def _teachers(
    groups: "Mapping[tuple[str, str], list[StoredRun]]",
    read: "Mapping[tuple[str, str], list[Array] | str]",
    digest: str | None,
) -> "dict[str, Array]":
    """The teacher's answers by the hash of the texts: its first, whatever board gave them."""
    found: dict[str, Array] = {}
    for place, runs in groups.items():
        answers, task = read[place], runs[0].run.job.task
        if place[1] == digest and task is not None and not isinstance(answers, str):
            found.setdefault(task.rows, answers[0])
    return found


def _compared(scored: Sequence[Scored], read: "Sequence[list[Array] | str]") -> list[Scored]:
    """With what the cases of one artifact say of each other: each against the answers that most of them gave."""
    found = list(scored)
    alike: dict[tuple[Any, ...], list[tuple[int, Array]]] = {}
    artifacts: dict[tuple[Any, ...], list[tuple[int, Array]]] = {}
    for index, (one, arrays) in enumerate(zip(scored, read, strict=True)):
        if not isinstance(arrays, str) and not one.trouble:
            artifact = (one.job.model_digest, one.task.rows, one.task.kind)
            sides = [(index, array) for array in arrays]
            artifacts.setdefault(artifact, []).extend(sides)
            alike.setdefault((*artifact, *_kernels(one)), []).extend(sides)
    for sides in alike.values():
        for index, same, witness in _against_most(scored, sides):
            found[index] = replace(found[index], same=same, witness=scored[witness].case_key)
    for sides in artifacts.values():
        for index, same, witness in _against_most(scored, sides):
            if _kernels(scored[index]) != _kernels(scored[witness]):
                found[index] = replace(found[index], elsewhere=same, other_witness=scored[witness].case_key)
    return found


def _kernels(one: Scored) -> tuple[str | None, ...]:
    """What computes: runs that share it should give the same bits, or nearly."""
    run = one.runs[0].summary
    return run.runtime, run.runtime_version, run.delegate


def _against_most(scored: Sequence[Scored], sides: "Sequence[tuple[int, Array]]") -> list[tuple[int, Same, int]]:
    """Every case against the answers that were given most often: the worst of its runs, and whose answers those are."""
    if len(sides) < 2:
        return []
    witness, answers = _commonest(sides)
    worst: dict[int, Same] = {}
    for index, array in sides:
        same = _same(scored[index].task, answers, array)
        if index not in worst or (same.agrees, same.share) < (worst[index].agrees, worst[index].share):
            worst[index] = same
    return [(index, same, witness) for index, same in worst.items()]


def _commonest(sides: "Sequence[tuple[int, Array]]") -> "tuple[int, Array]":
    """The answers that were given most often; of equally many the first."""
    counts: dict[bytes, int] = {}
    for _, array in sides:
        counts[array.tobytes()] = counts.get(array.tobytes(), 0) + 1
    return max(sides, key=lambda side: counts[side[1].tobytes()])


def _same(task: Assignment, first: "Array", second: "Array") -> Same:
    try:
        return KINDS[task.kind].same(first, second)
    except ValueError:  # of another shape, or with what is no number: certainly not the same
        return Same(agrees=False, share=0.0, largest=float("inf"))


def _keys(store: "Store", tasks: Iterable[Assignment]) -> dict[str, Labels]:
    """The right answers that the database has, by their hash."""
    found: dict[str, Labels] = {}
    with tempfile.TemporaryDirectory(prefix="dynofarm-") as folder:
        for digest in sorted({task.key for task in tasks if task.key}):
            data = store.answer_key(digest)
            if data is not None:
                path = Path(folder) / digest
                path.write_bytes(data)
                labels: Any = read_labels(path)
                if isinstance(labels, Labels):
                    found[digest] = labels
    return found
