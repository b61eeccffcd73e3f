"""What the store has of answers: those that came back, as sides to be judged, and the right ones."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.assignment import QUESTION_ANSWERING, Assignment
from orchestrator.datasets import read_labels, read_question_key
from orchestrator.tasks.answering import BadAnswers, read_answers
from orchestrator.tasks.worth import Side, Wanted

if TYPE_CHECKING:
    from agent.protocol import Answers
    from orchestrator.records import StoredRun
    from orchestrator.store import Store


@dataclass(frozen=True)
class Read:
    """The answers of a case's runs that can be read; `fault` says why there are none, or which are left out."""

    sides: tuple[Side, ...]
    fault: str = ""


class Reader:
    """Reads the answers of runs. What many of them gave is there once: it may have megabytes."""

    def __init__(self, keys: Mapping[str, Wanted]) -> None:
        self._keys = keys
        self._known: dict[tuple[str, str | None], Side] = {}

    def read(self, runs: Sequence["StoredRun"], task: Assignment) -> Read:
        """One damaged repetition hides none of the others."""
        found, faults = [], []
        for stored in runs:
            result = stored.run.result
            if result is None or result.answers is None:
                continue
            try:
                found.append(self._side(result.answers, task))
            except BadAnswers as fault:
                faults.append(f"the stored answers {fault}")
        if found or faults:
            return Read(tuple(found), "; ".join(dict.fromkeys(faults)))
        last = runs[-1].run
        status = last.status.replace("_", " ")
        return Read((), f"{status}: {last.message}" if last.message else status)

    def _side(self, answers: "Answers", task: Assignment) -> Side:
        array = read_answers(answers, task)  # which also checks that they have the hash that they came with
        name = answers.digest, task.key
        if name not in self._known:
            self._known[name] = Side(array, self._keys.get(task.key or ""), answers.digest)
        return self._known[name]


def read_keys(store: "Store", tasks: Iterable[Assignment]) -> dict[str, Wanted]:
    """The right answers that the database has, by their hash."""
    found: dict[str, Wanted] = {}
    with tempfile.TemporaryDirectory(prefix="dynofarm-") as folder:
        for digest, kind in sorted({(task.key, task.kind) for task in tasks if task.key}):
            data = store.answer_key(digest)
            if data is not None:
                path = Path(folder) / digest
                path.write_bytes(data)
                asks = kind == QUESTION_ANSWERING
                found[digest] = read_question_key(path) if asks else read_labels(path).values
    return found
