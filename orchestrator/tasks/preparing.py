"""From what a sweep asks for to files that boards get: one for each scope, length and vocabulary."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.assignment import END_TO_END, GENERATION, Assignment, TaskChoice
from orchestrator.datasets import (
    DataSet,
    Origin,
    Vocabulary,
    check_data_set,
    open_vocabulary,
    write_labels,
    write_question_key,
    write_texts,
    write_tokens,
)
from orchestrator.errors import UsageError
from orchestrator.model_files.digest import digest_file
from orchestrator.models import Model
from orchestrator.tasks.fitting import length_of, objection_to
from orchestrator.tasks.material import Material, kind_of, of_questions, of_texts
from orchestrator.tweets.card import QUESTIONS, Card
from orchestrator.tweets.shelf import DataShelf

VOCABULARY = "vocab.txt"


@dataclass
class Prepared:
    """`assignments` of each model by its digest, or why it has none; `files` by digest, for the boards; `keys`: files
    of right answers by digest, which stay here."""

    assignments: dict[str, tuple[Assignment, ...]] = field(default_factory=dict)
    objections: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def by_model(self) -> dict[str, Sequence[Assignment] | str]:
        """As the plan wants it."""
        return {**self.assignments, **self.objections}


def prepare(choice: TaskChoice, models: Sequence[Model], cache: Path) -> Prepared:
    """Write the files that the models need; the same words give the same files, under the same hashes.

    `UnknownName` for a data set or split that is not here, `UsageError` for a vocabulary that cannot be found or read,
    or a file that cannot be written.
    """
    work = _Work(choice, cache)
    for model in models:
        objection = objection_to(model, choice, work.material)
        if objection is not None:
            work.made.objections[model.digest] = objection
        else:
            length = length_of(model)
            work.made.assignments[model.digest] = tuple(work.assign(scope, model, length) for scope in choice.scopes)
    return work.made


class _Work:
    """The rows that were chosen, and the files that were made of them so far."""

    def __init__(self, choice: TaskChoice, cache: Path) -> None:
        self.made = Prepared()
        self._choice = choice
        self._folder = cache / "tasks"
        card = DataShelf(cache).card(choice.data)
        self.material = _material(choice, card, cache)
        if not self.material.examples:
            raise UsageError(f"{choice.data} has no examples in its split {choice.split}", "take another split")
        self._origin = Origin(f"{choice.data}/{choice.split}", card.licence, f"dynofarm data, {card.digest[:16]}")
        self._sets: dict[tuple[str, str, int], DataSet] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._vocabularies: dict[Path, Vocabulary] = {}
        _make(self._folder)

    def assign(self, scope: str, model: Model, length: int) -> Assignment:
        path = vocabulary_of(self._choice, model)
        if path not in self._vocabularies:
            self._vocabularies[path] = open_vocabulary(path)
        vocabulary = self._vocabularies[path]
        data = self._data(scope, vocabulary, length)
        self.made.files[data.digest] = data.path
        if scope == END_TO_END:
            self.made.files[vocabulary.digest] = path
        return Assignment(
            kind=self.material.kind,
            scope=scope,
            data=self._choice.data,
            split=self._choice.split,
            rows=data.rows,
            examples=data.examples,
            data_digest=data.digest,
            tokens=f"{vocabulary.digest} {length}",
            vocabulary_digest=vocabulary.digest if scope == END_TO_END else None,
            classes=self.material.classes,
            key=self._key(vocabulary, length),
            new_tokens=self._choice.new_tokens if self.material.kind == GENERATION else 0,
        )

    def _data(self, scope: str, vocabulary: Vocabulary, length: int) -> DataSet:
        name = (scope, vocabulary.digest, length)
        if name not in self._sets:
            write = write_texts if scope == END_TO_END else write_tokens
            with self._scratch() as path:
                write(path, self._origin, self.material.examples, vocabulary, length)
                self._sets[name] = _keep(check_data_set(path), self._folder)
        return self._sets[name]

    def _key(self, vocabulary: Vocabulary, length: int) -> str | None:
        """The file of right answers, by its digest. Where an answer stands, and what of it is read, depends on how the
        passage becomes tokens; a label does not."""
        made = self.material
        if not made.labels and not made.answers:
            return None
        name = (vocabulary.digest, length) if made.answers else ("", 0)
        if name not in self._keys:
            with self._scratch() as path:
                if made.answers:
                    digest = write_question_key(
                        path,
                        self._origin,
                        made.examples,
                        made.answers,
                        vocabulary,
                        length,
                        may_decline=made.may_decline,
                    )
                else:
                    digest = write_labels(path, self._origin, made.examples, made.classes, made.labels).digest
                self.made.keys[digest] = path.read_bytes()
            self._keys[name] = digest
        return self._keys[name]

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A name that no other process writes to; what is left there is removed."""
        path = self._folder / f".{uuid.uuid4().hex}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _keep(made: DataSet, folder: Path) -> DataSet:
    """Under its hash. One that lies there sound stays as it is: a sweep may be sending it at this moment."""
    place = folder / made.digest
    if not (place.is_file() and digest_file(place).digest == made.digest):
        made.path.replace(place)
    return replace(made, path=place)


def _material(choice: TaskChoice, card: Card, cache: Path) -> Material:
    kind, shelf = kind_of(choice, card), DataShelf(cache)
    if card.holds == QUESTIONS:
        return of_questions(kind, shelf.questions(card, choice.split), choice.examples)
    return of_texts(kind, shelf.rows(card, choice.split), card.labels, choice.examples)


def vocabulary_of(choice: TaskChoice, model: Model) -> Path:
    """The file that the sweep names, else `NAME.vocab.txt` or `vocab.txt` beside the model. `UsageError`."""
    if choice.vocabulary:
        return Path(choice.vocabulary)
    for name in (f"{model.name}.{VOCABULARY}", VOCABULARY):
        if (model.path.parent / name).is_file():
            return model.path.parent / name
    raise UsageError(
        f"{model.name} has no vocabulary beside it: {model.path.parent / VOCABULARY} is missing",
        "copy the vocab.txt of its checkpoint there, or name it: task: {vocabulary: FILE}",
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}", "check the folder and its rights") from None
