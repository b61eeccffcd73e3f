"""From what a sweep asks for to files that boards get: one for each scope, length and vocabulary."""

import hashlib
import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.assignment import CLASSIFICATION, END_TO_END, GENERATION, Assignment, TaskChoice
from orchestrator.datasets import (
    DataSet,
    Example,
    Origin,
    Vocabulary,
    check_data_set,
    open_vocabulary,
    write_labels,
    write_texts,
    write_tokens,
)
from orchestrator.errors import UsageError
from orchestrator.model_files.digest import digest_file
from orchestrator.models import Model
from orchestrator.tweets.rows import Row
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
        objection = _objection(choice, model, work.classes)
        if objection is not None:
            work.made.objections[model.digest] = objection
        else:
            length = model.inputs[0].shape[-1]
            work.made.assignments[model.digest] = tuple(work.assign(scope, model, length) for scope in choice.scopes)
    return work.made


class _Work:
    """The rows that were chosen, and the files that were made of them so far."""

    def __init__(self, choice: TaskChoice, cache: Path) -> None:
        self.made = Prepared()
        self._choice = choice
        self._folder = cache / "tasks"
        shelf = DataShelf(cache)
        card = shelf.card(choice.data)
        chosen = choose(shelf.rows(card, choice.split), choice.examples)
        if not chosen:
            raise UsageError(f"{choice.data} has no examples in its split {choice.split}", "take another split")
        self._labels = [row.label for row in chosen]
        self._rows = [Example(row.text) for row in chosen]
        self._origin = Origin(f"{choice.data}/{choice.split}", card.licence, f"dynofarm data, {card.digest[:16]}")
        self.classes = card.labels if choice.kind == CLASSIFICATION else ()
        self._sets: dict[tuple[str, str, int], DataSet] = {}
        self._vocabularies: dict[Path, Vocabulary] = {}
        _make(self._folder)
        self._key = self._write_key() if self.classes else None

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
            kind=self._choice.kind,
            scope=scope,
            data=self._choice.data,
            split=self._choice.split,
            rows=data.rows,
            examples=data.examples,
            data_digest=data.digest,
            tokens=f"{vocabulary.digest} {length}",
            vocabulary_digest=vocabulary.digest if scope == END_TO_END else None,
            classes=self.classes,
            key=self._key,
            new_tokens=self._choice.new_tokens if self._choice.kind == GENERATION else 0,
        )

    def _data(self, scope: str, vocabulary: Vocabulary, length: int) -> DataSet:
        name = (scope, vocabulary.digest, length)
        if name not in self._sets:
            write = write_texts if scope == END_TO_END else write_tokens
            with self._scratch() as path:
                write(path, self._origin, self._rows, vocabulary, length)
                self._sets[name] = _keep(check_data_set(path), self._folder)
        return self._sets[name]

    def _write_key(self) -> str:
        numbers = [self.classes.index(label) for label in self._labels]
        with self._scratch() as path:
            digest = write_labels(path, self._origin, self._rows, self.classes, numbers).digest
            self.made.keys[digest] = path.read_bytes()
        return digest

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


def choose(rows: Sequence[Row], examples: int) -> list[Row]:
    """So many of the rows, drawn by the hashes of their texts: the same ones each time, and more of them hold the
    fewer. 0 is all."""
    ordered = sorted(rows, key=lambda row: hashlib.sha256(row.text.encode("utf-8", "replace")).digest())
    return ordered[:examples] if examples else ordered


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


def _objection(choice: TaskChoice, model: Model, classes: Sequence[str]) -> str | None:
    """Why a model cannot do this work, as far as its file tells; None where nothing speaks against it."""
    shapes = {tuple(one.shape) for one in model.inputs}
    whole = all(one.dtype in ("int32", "int64") for one in model.inputs)
    if not whole or len(shapes) != 1 or not 1 <= len(model.inputs) <= 3:
        return "it reads no tokens: ids, mask and types of 1 x length, whole numbers, are wanted"
    (shape,) = shapes
    if len(shape) != 2 or shape[0] != 1 or shape[1] < 3:
        return f"its inputs have the shape {shape}: 1 x length is wanted, with a length that the file fixes"
    if choice.kind == CLASSIFICATION:
        sizes = [_elements(one.shape) for one in model.outputs]
        if sizes and min(sizes) >= 0 and len(classes) not in sizes:
            return f"it gives {' and '.join(map(str, sizes))} numbers, and {choice.data} has {len(classes)} classes"
    if choice.kind == GENERATION and choice.new_tokens >= shape[1]:
        return f"it reads {shape[1]} tokens, and {choice.new_tokens} new ones are asked for"
    return None


def _elements(shape: Sequence[int]) -> int:
    """-1 where the file leaves a dimension open."""
    return -1 if min(shape, default=0) < 0 else math.prod(shape)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}", "check the folder and its rights") from None
