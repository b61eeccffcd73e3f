"""From the stored runs of a sweep to what their answers are worth, and whether boards agree."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.assignment import END_TO_END, NEXT_TOKEN, Assignment
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
    there is nothing to compare with. `trouble` says in words why there is nothing, `damaged` what was left out.
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
    damaged: str = ""


@dataclass(frozen=True)
class _Read:
    """The answers of a case's runs that can be read; `fault` says why there are none, or which are left out."""

    arrays: "tuple[Array, ...]"
    fault: str = ""


def score_sweep(store: "Store", sweep_id: int, teacher: str | None = None) -> list[Scored]:
    """Every case of a sweep that worked on a data set, by board and model; `teacher` is a model's digest."""
    groups: dict[tuple[str, str, Assignment], list[StoredRun]] = {}
    for stored in store.task_runs(sweep_id):
        job = stored.run.job
        if job.task is not None:
            groups.setdefault((job.case_key, job.model_digest, job.task), []).append(stored)
    keys = _keys(store, [task for _, _, task in groups])
    read = [_read(runs, task) for (_, _, task), runs in groups.items()]
    scored = [_score(runs, one, keys) for runs, one in zip(groups.values(), read, strict=True)]
    if teacher is not None:
        scored = _taught(scored, read, keys, teacher)
    compared = _compared(scored, read)
    return sorted(compared, key=lambda one: (one.job.device, one.job.model, one.case_key, one.task.scope == END_TO_END))


def _read(runs: Sequence["StoredRun"], task: Assignment) -> _Read:
    """One damaged repetition hides none of the others."""
    found, faults = [], []
    for stored in runs:
        result = stored.run.result
        if result is None or result.answers is None:
            continue
        try:
            found.append(read_answers(result.answers, task))
        except BadAnswers as fault:
            faults.append(f"the stored answers {fault}")
    if found or faults:
        return _Read(tuple(found), "; ".join(dict.fromkeys(faults)))
    last = runs[-1].run
    status = last.status.replace("_", " ")
    return _Read((), f"{status}: {last.message}" if last.message else status)


def _score(runs: Sequence["StoredRun"], read: _Read, keys: Mapping[str, Labels]) -> Scored:
    last = runs[-1].run
    job, task = last.job, last.job.task
    assert task is not None  # noqa: S101 - grouped by it
    good = tuple(run for run in runs if run.run.status is RunStatus.OK)
    plain = Scored(replace(job, task=None).case_key, job, task, last.device_kind, good)
    if not read.arrays:
        return replace(plain, trouble=read.fault)
    try:
        worth = KINDS[task.kind].worth(read.arrays[0], _wanted(task, keys), len(task.classes))
    except ValueError as error:
        return replace(plain, trouble=f"the answers make no sense: {error}")
    return replace(plain, worth=worth, damaged=read.fault)


def _wanted(task: Assignment, keys: Mapping[str, Labels]) -> tuple[int, ...] | None:
    labels = keys.get(task.key or "")
    return None if labels is None else labels.values


def _taught(scored: Sequence[Scored], read: Sequence[_Read], keys: Mapping[str, Labels], digest: str) -> list[Scored]:
    """With the difference to the teacher's answers: those of its case with the same runtime and delegate that most of
    its boards gave, else those that most gave with any. One board alone must not turn every difference."""
    sides: dict[tuple[Any, ...], list[tuple[int, Array]]] = {}
    for index, one in enumerate(scored):
        if one.job.model_digest == digest and not one.trouble:
            for key in (_question(one.task), (*_question(one.task), *_kernels(one))):
                sides.setdefault(key, []).extend((index, array) for array in read[index].arrays)
    teachers = {key: _commonest(found)[1] for key, found in sides.items()}
    found = []
    for one, mine in zip(scored, read, strict=True):
        question = _question(one.task)
        versus = None
        if mine.arrays and not one.trouble and one.job.model_digest != digest:
            teacher = teachers.get((*question, *_kernels(one)), teachers.get(question))
            versus = None if teacher is None else _versus(one.task, mine.arrays[0], teacher, keys)
        found.append(replace(one, versus_teacher=versus))
    return found


def _question(task: Assignment) -> tuple[str, ...]:
    """What two models must have been asked to be paired. Which token comes last is up to the tokeniser."""
    return (task.rows, task.kind, task.tokens if task.kind == NEXT_TOKEN else "")


def _versus(task: Assignment, mine: "Array", teacher: "Array", keys: Mapping[str, Labels]) -> Paired | None:
    try:
        return KINDS[task.kind].versus(mine, teacher, _wanted(task, keys), len(task.classes))
    except ValueError:  # the teacher's answers make no sense, which its own row says
        return None


def _compared(scored: Sequence[Scored], read: Sequence[_Read]) -> list[Scored]:
    """With what the cases of one artifact say of each other: each against the answers that most of them gave."""
    found = list(scored)
    alike: dict[tuple[Any, ...], list[tuple[int, Array]]] = {}
    artifacts: dict[tuple[Any, ...], list[tuple[int, Array]]] = {}
    for index, (one, mine) in enumerate(zip(scored, read, strict=True)):
        if mine.arrays and not one.trouble:
            artifact = (one.job.model_digest, one.task.rows, one.task.kind)
            sides = [(index, array) for array in mine.arrays]
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
    run, options = one.runs[0].summary, one.job.options
    told = ",".join(f"{key}={options[key]}" for key in sorted(options))
    return run.runtime, run.runtime_version, run.delegate, told


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
