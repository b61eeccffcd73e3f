"""Reading data sets and labels here: what a file says of itself, and whether all of it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.datasets import DataSetFault, DataSetFile
from agent.datasets_line import Description
from orchestrator.datasets.data_set import ArrayInfo, DataSet, Labels, Scope
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
    with opened(path) as file:
        return _data_set(path, file.description)


def check_data_set(path: Path) -> DataSet:
    """Read the whole file: checksums, ids within the vocabulary, masks that are masks, texts that are Unicode.

    An id beyond the vocabulary crashes some runtimes on the board, or reads what lies behind the table. `UsageError`.
    """
    with opened(path) as file:
        file.check()
        for name in ("text", "pair", "answers"):
            if file.has(name):
                _check_texts(file, name)
        if file.description.scope == Scope.MODEL and file.description.tokens is not None:
            _check_tokens(path, file)
        return _data_set(path, file.description)


def read_labels(path: Path) -> Labels:
    """The labels of a data set; every byte of the file is checked. `UsageError`."""
    with opened(path) as file:
        file.check()
        told = file.description
        if told.scope != Scope.LABELS or not file.has("label"):
            raise damaged(path, f"holds no labels: its scope is {told.scope}")
        values = tuple(integers(file, "label", 0, (told.examples,)).tolist())
        if min(values) < 0 or max(values) >= len(told.classes):
            words = f"has a label {max(values)} or {min(values)} beyond its {len(told.classes)} classes"
            raise damaged(path, words)
        return Labels(digest_file(path).digest, path, told.rows, tuple(told.classes), values)


def with_labels(data_set: DataSet, labels: Labels) -> DataSet:
    """The data set with its labels. `UsageError` where they belong to other examples."""
    if labels.rows != data_set.rows:
        raise UsageError(
            f"{shown_path(labels.path)} holds the labels of other examples than {shown_path(data_set.path)}",
            "make both from the same texts in the same order",
        )
    return replace(data_set, labels=labels)


@contextmanager
def opened(path: Path) -> Iterator[DataSetFile]:
    """The file, open; what is found wrong with it meanwhile is a `UsageError` that names it."""
    try:
        with DataSetFile(str(path)) as file:
            yield file
    except DataSetFault as fault:
        raise damaged(path, fault.words) from None
    except OSError as error:
        raise UsageError(
            f"{shown_path(path)}: cannot be read: {error.strerror}", "check the name and its permissions"
        ) from None


def _data_set(path: Path, told: Description) -> DataSet:
    if told.scope == Scope.LABELS:
        raise damaged(path, "holds labels, which stay here, and no data set that is pushed")
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
        ids = integers(file, "input_ids", start, shape)
        mask = integers(file, "attention_mask", start, shape)
        kinds = integers(file, "token_type_ids", start, shape)
        for name, wrong in (
            (f"an id outside 0 to {tokens.vocabulary_size - 1}", (ids < 0) | (ids >= tokens.vocabulary_size)),
            ("a mask of something else than 0 and 1", (mask != 0) & (mask != 1)),
            ("a token behind its padding", mask[:, 1:] > mask[:, :-1]),
            ("a type id of something else than 0 and 1", (kinds != 0) & (kinds != 1)),
        ):
            if wrong.any():
                raise damaged(path, f"has {name} in example {start + int(wrong.any(axis=1).argmax())}")


def integers(file: DataSetFile, name: str, start: int, shape: tuple[int, ...]) -> "NDArray[np.int32]":
    """Whole numbers of examples; `shape` is what must come, and its first dimension says how many."""
    import numpy as np  # costs a tenth of a second, which `--help` and listings need not pay

    found = file.rows(name, start, shape[0])
    if found.dtype != "int32" or tuple(found.shape) != shape:
        raise DataSetFault("", f"has {name} as {found.dtype} of {tuple(found.shape)}, not int32 of {shape}")
    return np.frombuffer(found.data, "<i4").reshape(shape)


def damaged(path: Path, words: str) -> UsageError:
    """What is wrong with a file, as the end of a sentence about it."""
    return UsageError(f"{shown_path(path)} {words}", HINT)
