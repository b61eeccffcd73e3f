"""Reading data sets and labels here: what a file says of itself, and whether all of it holds."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.datasets import DataSetFault, DataSetFile
from agent.datasets_line import Description
from orchestrator.datasets.data_set import Answers, ArrayInfo, DataSet, Labels, Scope
from orchestrator.errors import UsageError
from orchestrator.model_files.digest import digest_file
from orchestrator.yaml.document import shown_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HINT = "make it again from its texts, or copy it again"
_ROWS = 4096
"""Examples looked at together: some megabytes."""


def read_data_set(path: Path) -> DataSet:
    """What the file says of itself, its digest, and that its size fits. `UsageError` where it does not."""
    with _opened(path) as file:
        return _data_set(path, file.description)


def check_data_set(path: Path) -> DataSet:
    """Read the whole file: checksums, ids within the vocabulary, masks that are masks, texts that are Unicode.

    An id beyond the vocabulary crashes some runtimes on the board, or reads what lies behind the table. `UsageError`.
    """
    with _opened(path) as file:
        file.check()
        for name in ("text", "pair", "answers"):
            if file.has(name):
                _check_texts(file, name)
        if file.description.scope == Scope.MODEL and file.description.tokens is not None:
            _check_tokens(path, file)
        return _data_set(path, file.description)


def read_labels(path: Path) -> Labels | Answers:
    """The labels or the answers of a data set; every byte of the file is checked. `UsageError`."""
    with _opened(path) as file:
        file.check()
        told = file.description
        digest = digest_file(path).digest
        if told.scope == Scope.LABELS and file.has("label"):
            values = tuple(_integers(file, "label", 0, (told.examples,)).tolist())
            if min(values) < 0 or max(values) >= len(told.classes):
                raise _fault(path, f"has a label {max(values)} or {min(values)} beyond its {len(told.classes)} classes")
            return Labels(digest, path, told.rows, tuple(told.classes), values)
        if told.scope == Scope.LABELS and file.has("answers"):
            texts = tuple(_answers(path, file.text("answers", index), index) for index in range(told.examples))
            return Answers(digest, path, told.rows, texts)
        raise _fault(path, f"holds no labels: its scope is {told.scope}")


def with_labels(data_set: DataSet, labels: Labels | Answers) -> DataSet:
    """The data set with its labels. `UsageError` where they belong to other examples."""
    if labels.rows != data_set.rows:
        raise UsageError(
            f"{shown_path(labels.path)} holds the labels of other examples than {shown_path(data_set.path)}",
            "make both from the same texts in the same order",
        )
    return replace(data_set, labels=labels)


@contextmanager
def _opened(path: Path) -> Iterator[DataSetFile]:
    try:
        with DataSetFile(str(path)) as file:
            yield file
    except DataSetFault as fault:
        raise _fault(path, fault.words) from None
    except OSError as error:
        raise UsageError(
            f"{shown_path(path)}: cannot be read: {error.strerror}", "check the name and its permissions"
        ) from None


def _data_set(path: Path, told: Description) -> DataSet:
    if told.scope == Scope.LABELS:
        raise _fault(path, "holds labels, which stay here, and no data set that is pushed")
    found = digest_file(path)
    return DataSet(
        name=told.name,
        digest=found.digest,
        path=path,
        size_bytes=found.size_bytes,
        scope=Scope(told.scope),
        examples=told.examples,
        rows=told.rows,
        arrays=tuple(ArrayInfo(array.name, array.dtype, tuple(array.shape)) for array in told.arrays),
        tokens=told.tokens,
        licence=told.licence,
        source=told.source,
    )


def _check_texts(file: DataSetFile, name: str) -> None:
    for index in range(file.description.examples):
        file.text(name, index)


def _check_tokens(path: Path, file: DataSetFile) -> None:
    tokens, examples = file.description.tokens, file.description.examples
    assert tokens is not None  # noqa: S101
    for start in range(0, examples, _ROWS):
        shape = (min(_ROWS, examples - start), tokens.length)
        ids = _integers(file, "input_ids", start, shape)
        mask = _integers(file, "attention_mask", start, shape)
        kinds = _integers(file, "token_type_ids", start, shape)
        for name, wrong in (
            (f"an id outside 0 to {tokens.vocabulary_size - 1}", (ids < 0) | (ids >= tokens.vocabulary_size)),
            ("a mask of something else than 0 and 1", (mask != 0) & (mask != 1)),
            ("a token behind its padding", mask[:, 1:] > mask[:, :-1]),
            ("a type id of something else than 0 and 1", (kinds != 0) & (kinds != 1)),
        ):
            if wrong.any():
                raise _fault(path, f"has {name} in example {start + int(wrong.any(axis=1).argmax())}")


def _integers(file: DataSetFile, name: str, start: int, shape: tuple[int, ...]) -> "NDArray[np.int32]":
    """`shape` is what must come; its first dimension says how many examples."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    found = file.rows(name, start, shape[0])
    if found.dtype != "int32" or tuple(found.shape) != shape:
        raise DataSetFault("", f"has {name} as {found.dtype} of {tuple(found.shape)}, not int32 of {shape}")
    return np.frombuffer(found.data, "<i4").reshape(shape)


def _answers(path: Path, text: str, index: int) -> tuple[str, ...]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _fault(path, f"has answers to example {index} that are no list of texts")
    return tuple(found)


def _fault(path: Path, words: str) -> UsageError:
    return UsageError(f"{shown_path(path)} {words}", HINT)
