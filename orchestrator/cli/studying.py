"""What `table`, `claims` and `waterfall` start from: a stored sweep with its cases, artifacts and teacher."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.context import open_store, say
from orchestrator.errors import ModelError, UnknownName, UsageError
from orchestrator.farm import Farm
from orchestrator.records import RunFilter, SweepRecord
from orchestrator.study import Artifact, StudyCase, StudyRow, artifact_of, find_teacher, group_cases, rows
from orchestrator.study.plain_forms import PlainForms
from orchestrator.study.scores import ScoreKey, TaskScore
from orchestrator.zoo.lineage import is_lineage

if TYPE_CHECKING:
    from orchestrator.models import Model
    from orchestrator.store import Store

MOST_BYTES = 2 * 2**30
"""Chosen: a file beyond this is not read to count its parameters."""


@dataclass(frozen=True)
class Study:
    """A stored sweep as a study sees it. `artifacts` by digest."""

    record: SweepRecord
    cases: tuple[StudyCase, ...]
    artifacts: Mapping[str, Artifact]
    teacher: Artifact | None
    scores: Mapping[ScoreKey, TaskScore]

    @property
    def title(self) -> str:
        return f"{self.record.name} (sweep {self.record.sweep_id})"

    @property
    def notes(self) -> list[str]:
        """What is missing of it."""
        owed = self.record.progress.owed
        if not owed:
            return []
        jobs, number = self.record.progress.jobs, self.record.sweep_id
        return [f"{owed} of {jobs} jobs are still owed: dynofarm run --resume {number}"]

    def rows(self, plain: Mapping[str, str] | None = None) -> list[StudyRow]:
        """`UsageError` where the sweep has no such plain form."""
        found = PlainForms(self.cases, self.artifacts, plain) if plain is not None else None
        return rows(self.cases, self.artifacts, self.scores, self.teacher, found)


def read_study(farm: Farm, wanted: str, teacher: str | None = None) -> Study:
    """The sweep of this number or name, or `last`. `UnknownName` for a sweep or a teacher that is not there."""
    with open_store(farm) as store:
        record = store.sweep(wanted)
        runs = store.runs(RunFilter(sweep=record.sweep_id, roles=()))
        cases = group_cases(runs, store.owed_jobs(record.sweep_id))
        artifacts = _artifacts(store, cases)
        named = teacher if teacher is not None else record.sweep.teacher
        master = find_teacher(list(artifacts.values()), named)
        scores = _scores(store, record, master) if record.sweep.task is not None else {}
    return Study(record, tuple(cases), artifacts, master, scores)


def _scores(store: "Store", record: SweepRecord, teacher: Artifact | None) -> dict[ScoreKey, TaskScore]:
    from orchestrator.study.answered import task_scores
    from orchestrator.tasks.scoring import score_sweep

    return task_scores(score_sweep(store, record.sweep_id, teacher.digest if teacher else None))


def write_text(text: str, output: Path | None, what: str) -> None:
    """To a file, or to standard output. `DiskFull`, `UsageError`."""
    from orchestrator.report.files import write_parts

    write_parts([text.encode("utf-8", "backslashreplace")], output)
    if output is not None:
        say(f"{what} written to {output}")


def _artifacts(store: "Store", cases: list[StudyCase]) -> dict[str, Artifact]:
    found = {}
    for digest, name in {case.model_digest: case.model for case in cases}.items():
        try:
            model = store.model(digest)
        except (UnknownName, UsageError):  # a store that was put together by hand
            continue
        found[digest] = replace(artifact_of(model, _parameters(model)), name=name)
    return found


def _parameters(model: "Model") -> int | None:
    """Those in the file, where it still lies where it was registered."""
    from orchestrator.inspection import inspect_model
    from orchestrator.model_files.insides import read_insides

    if model.recipe is not None and is_lineage(model.recipe):
        return None  # the lineage tells those of the network, whatever the form
    try:
        if model.path.stat().st_size != model.size_bytes or model.size_bytes > MOST_BYTES:
            return None
        shapes = {recipe.name: tuple(recipe.shape) for recipe in model.recipes}
        return inspect_model(read_insides(model.path, shapes)).parameters.count or None
    except (ModelError, OSError):
        return None
