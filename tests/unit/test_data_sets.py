import errno
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.datasets import DataSetFile
from agent.wordpiece import Tokenizer
from orchestrator.datasets import (
    DataSet,
    Example,
    Labels,
    Origin,
    Scope,
    Vocabulary,
    check_data_set,
    open_vocabulary,
    read_data_set,
    read_labels,
    with_labels,
    write_labels,
    write_texts,
    write_tokens,
)
from orchestrator.datasets.data_set import rows_digest
from orchestrator.errors import DiskFull, UsageError

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = Origin("small", "CC0-1.0", "made here")
TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "flight", "##s", "!")
ROWS = [Example("Good flights!"), Example("bad"), Example(""), Example("naïve 🙂 flight")]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Vocabulary:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(TOKENS) + "\n")
    return open_vocabulary(path)


@pytest.fixture
def tokens(tmp_path: Path, vocabulary: Vocabulary) -> DataSet:
    return write_tokens(tmp_path / "small.model", ORIGIN, ROWS, vocabulary, 6)


@pytest.fixture
def texts(tmp_path: Path, vocabulary: Vocabulary) -> DataSet:
    return write_texts(tmp_path / "small.texts", ORIGIN, ROWS, vocabulary, 6)


def array_of(data_set: DataSet, name: str) -> np.ndarray:
    with DataSetFile(str(data_set.path)) as file:
        found = file.rows(name, 0, data_set.examples)
    return np.frombuffer(found.data, found.dtype).reshape(found.shape)


def test_tokens_are_those_of_the_boards_own_tokeniser(tokens):
    assert array_of(tokens, "input_ids").tolist() == [Tokenizer(TOKENS).encode(row.text, length=6).ids for row in ROWS]
    assert array_of(tokens, "input_ids")[0].tolist() == [2, 4, 6, 7, 8, 3]
    assert array_of(tokens, "attention_mask").sum(axis=1).tolist() == [6, 3, 2, 5]
    assert array_of(tokens, "token_type_ids").sum() == 0


def test_a_data_set_says_what_it_is(tokens, texts, vocabulary):
    assert (tokens.name, tokens.licence, tokens.source) == ("small", "CC0-1.0", "made here")
    assert (tokens.scope, tokens.examples) == (Scope.MODEL, 4)
    assert [(one.name, one.dtype, one.shape) for one in tokens.arrays] == [
        ("input_ids", "int32", (4, 6)),
        ("attention_mask", "int32", (4, 6)),
        ("token_type_ids", "int32", (4, 6)),
    ]
    assert texts.scope is Scope.END_TO_END
    assert tokens.tokens == texts.tokens == (6, True, vocabulary.digest, len(TOKENS))
    assert tokens.digest == hashlib.sha256(tokens.path.read_bytes()).hexdigest()
    assert tokens.size_bytes == tokens.path.stat().st_size
    assert read_data_set(tokens.path) == tokens
    with pytest.raises(FrozenInstanceError):
        tokens.name = "other"


def test_both_scopes_are_about_the_same_examples(tokens, texts):
    assert tokens.rows == texts.rows == rows_digest(ROWS)
    assert tokens.digest != texts.digest


def test_texts_come_back_as_they_went(texts):
    with DataSetFile(str(texts.path)) as file:
        assert [file.text("text", index) for index in range(4)] == [row.text for row in ROWS]


def test_a_board_that_reads_texts_finds_the_ids_of_the_other_scope(tokens, texts):
    with DataSetFile(str(texts.path)) as file:
        found = [Tokenizer(TOKENS).encode(file.text("text", index), length=6) for index in range(4)]
    assert [one.ids for one in found] == array_of(tokens, "input_ids").tolist()
    assert [one.mask for one in found] == array_of(tokens, "attention_mask").tolist()


def test_pairs_go_in_both_scopes(tmp_path, vocabulary):
    rows = [Example("good?", "bad flight"), Example("", "")]
    one = write_tokens(tmp_path / "a", ORIGIN, rows, vocabulary, 8)
    other = write_texts(tmp_path / "b", ORIGIN, rows, vocabulary, 8)
    assert array_of(one, "token_type_ids").tolist() == [[0, 0, 0, 0, 1, 1, 1, 0], [0, 0, 1, 0, 0, 0, 0, 0]]
    with DataSetFile(str(other.path)) as file:
        assert [file.text("pair", index) for index in range(2)] == ["bad flight", ""]
    assert one.rows == other.rows != rows_digest([Example("good?"), Example("")])
    assert check_data_set(one.path) == one
    assert check_data_set(other.path) == other


def test_equal_contents_are_equal_bytes_in_another_process_too(tmp_path, tokens, texts):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from orchestrator.datasets import *\n"
        "folder, rows = Path(sys.argv[2]), [Example(text) for text in sys.argv[3:]]\n"
        "words, origin = open_vocabulary(folder / 'vocab.txt'), Origin('small', 'CC0-1.0', 'made here')\n"
        "print(write_tokens(folder / 'x', origin, rows, words, 6).digest)\n"
        "print(write_texts(folder / 'y', origin, rows, words, 6).digest)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT), str(tmp_path), *(row.text for row in ROWS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "77"},
    )
    assert done.stdout.split() == [tokens.digest, texts.digest]


def test_the_bytes_of_the_format_never_change(tokens, texts, tmp_path):
    labels = write_labels(tmp_path / "l", ORIGIN, ROWS, ["bad", "good"], [1, 0, 0, 1])
    assert [one.digest[:16] for one in (tokens, texts, labels)] == GOLDEN


GOLDEN = ["4f7f779351f82cd1", "c8adf7bac3914f25", "5c5c0eae523c3ba3"]


@pytest.mark.parametrize("change", ["text", "order", "name", "length", "licence"])
def test_other_contents_have_another_hash(tmp_path, tokens, vocabulary, change):
    rows = {"text": [Example("Good flights?"), *ROWS[1:]], "order": ROWS[::-1]}.get(change, ROWS)
    origin = {"name": Origin("other", "CC0-1.0", "made here"), "licence": Origin("small", "MIT", "made here")}.get(
        change, ORIGIN
    )
    other = write_tokens(tmp_path / "other", origin, rows, vocabulary, 7 if change == "length" else 6)
    assert other.digest != tokens.digest


def test_labels_stay_in_a_file_of_their_own(tmp_path, tokens):
    labels = write_labels(tmp_path / "small.labels", ORIGIN, ROWS, ["bad", "good"], [1, 0, 0, 1])
    assert (labels.classes, labels.values) == (("bad", "good"), (1, 0, 0, 1))
    assert read_labels(labels.path) == labels
    assert with_labels(tokens, labels).labels == labels
    assert b"label" not in tokens.path.read_bytes()


def test_labels_of_other_examples_are_not_taken(tmp_path, tokens):
    labels = write_labels(tmp_path / "x.labels", ORIGIN, ROWS[::-1], ["bad", "good"], [1, 0, 0, 1])
    with pytest.raises(UsageError, match="holds the labels of other examples than") as fault:
        with_labels(tokens, labels)
    assert "same texts in the same order" in fault.value.hint


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=8))
def test_whatever_the_texts_are_they_come_back(tmp_path, rows):
    examples = [Example(*row) for row in rows]
    data_set = write_texts(tmp_path / "any", ORIGIN, examples, None, 0)
    assert check_data_set(data_set.path) == data_set
    with DataSetFile(str(data_set.path)) as file:
        assert [(file.text("text", index), file.text("pair", index)) for index in range(len(rows))] == rows


@given(st.lists(st.text(max_size=3), min_size=1, max_size=4), st.lists(st.text(max_size=3), min_size=1, max_size=4))
def test_only_equal_texts_have_equal_digests_however_they_are_cut(left, right):
    one, other = [Example(text) for text in left], [Example(text) for text in right]
    assert (rows_digest(one) == rows_digest(other)) == (left == right)
    assert rows_digest([Example(left[0], "")]) != rows_digest([Example(left[0])])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "a data set needs at least one example"),
        ([Example("a"), Example("b", "c")], "example 1 has a second text, unlike the first"),
        ([Example("a", "b"), Example("c")], "example 1 has no second text, unlike the first"),
        ([Example("a"), Example("\ud83d")], "the text of example 1 holds half a surrogate pair"),
        ([Example("a", "\udc80")], "the text of example 0 holds half a surrogate pair"),
    ],
)
def test_rows_that_cannot_be_written_are_refused_before_anything_is(tmp_path, vocabulary, rows, words):
    for write in (write_tokens, write_texts):
        with pytest.raises(UsageError, match=words) as fault:
            write(tmp_path / "x", ORIGIN, rows, vocabulary, 8)
        assert fault.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["vocab.txt"]


@pytest.mark.parametrize("length", [-1, 0, 2, 65_537])
def test_a_length_that_makes_no_sense_is_refused(tmp_path, vocabulary, length):
    with pytest.raises(UsageError, match=f"a length of {length} tokens makes no sense"):
        write_tokens(tmp_path / "x", ORIGIN, ROWS, vocabulary, length)


@pytest.mark.parametrize(
    ("classes", "values", "words"),
    [
        (["a", "b"], [0, 1, 0], "3 labels for 4 examples"),
        (["a", "b"], [0, 1, 0, 2], "example 3 has the label 2, and there are 2 classes"),
        (["a", "b"], [0, -1, 0, 1], "example 1 has the label -1"),
        (["a", "a"], [0, 1, 0, 1], "each its own"),
        ([], [0, 0, 0, 0], "its classes need names"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, classes, values, words):
    with pytest.raises(UsageError, match=words):
        write_labels(tmp_path / "x", ORIGIN, ROWS, classes, values)


def test_a_description_that_readers_would_not_take_is_not_written(tmp_path, vocabulary):
    with pytest.raises(UsageError, match="its description has 7"):
        write_tokens(tmp_path / "x", Origin("small", "MIT", "y" * 70_000), ROWS, vocabulary, 8)
    assert not (tmp_path / "x").exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path, vocabulary, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="no room left to write it"):
        write_tokens(tmp_path / "x", ORIGIN, ROWS, vocabulary, 8)
    assert [path.name for path in tmp_path.iterdir()] == ["vocab.txt"]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path, vocabulary):
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write_tokens(tmp_path / "none" / "x", ORIGIN, ROWS, vocabulary, 8)


def test_a_new_file_takes_the_place_of_an_old_one_whole(tmp_path, vocabulary, tokens):
    other = write_texts(tokens.path, ORIGIN, ROWS, vocabulary, 6)
    assert read_data_set(tokens.path) == other


def damaged(data_set: DataSet, name: str, place: int, value: int) -> None:
    """Write another number into an array, with the checksum that belongs to it."""
    line, _, rest = data_set.path.read_bytes().partition(b"\n")
    import binascii
    import struct

    plain, body = json.loads(line), bytearray(rest)
    array = next(one for one in plain["arrays"] if one["name"] == name)
    start, size = array["offset_bytes"], 4 * int(np.prod(array["shape"]))
    body[start + 4 * place : start + 4 * place + 4] = struct.pack("<i", value)
    array["crc32"] = binascii.crc32(bytes(body[start : start + size]))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    data_set.path.write_bytes(text + b" " * (-(len(text) + 1) % 64) + b"\n" + bytes(body))


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("input_ids", 7, 9, "has an id outside 0 to 8 in example 1"),
        ("input_ids", 0, -1, "has an id outside 0 to 8 in example 0"),
        ("attention_mask", 6, 7, "has a mask of something else than 0 and 1 in example 1"),
        ("attention_mask", 11, 1, "has a token behind its padding in example 1"),
        ("token_type_ids", 20, 2, "has a type id of something else than 0 and 1 in example 3"),
    ],
)
def test_numbers_that_would_hurt_on_a_board_are_found_here(tokens, name, place, value, words):
    damaged(tokens, name, place, value)
    read_data_set(tokens.path)
    with pytest.raises(UsageError, match=words) as fault:
        check_data_set(tokens.path)
    assert fault.value.hint


def test_a_label_beyond_its_classes_is_found(tmp_path):
    labels = write_labels(tmp_path / "l", ORIGIN, ROWS, ["bad", "good"], [1, 0, 0, 1])
    damaged(labels, "label", 2, 5)
    with pytest.raises(UsageError, match="has a label 5 or 0 beyond its 2 classes"):
        read_labels(tmp_path / "l")


def test_labels_and_data_sets_are_not_taken_for_each_other(tmp_path, tokens, texts):
    labels = write_labels(tmp_path / "l", ORIGIN, ROWS, ["bad", "good"], [1, 0, 0, 1])
    for data_set in (tokens, texts):
        with pytest.raises(UsageError, match="holds no labels: its scope is"):
            read_labels(data_set.path)
    with pytest.raises(UsageError, match="holds labels, which stay here"):
        read_data_set(labels.path)


@pytest.mark.parametrize("read", [read_data_set, check_data_set, read_labels])
def test_damage_is_one_sentence_with_the_path_and_what_to_do(tmp_path, tokens, read):
    tokens.path.write_bytes(tokens.path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"small\.model is cut off: \d+ of \d+ bytes") as fault:
        read(tokens.path)
    assert "make it again" in fault.value.hint
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "none")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r"this is no BERT vocabulary: it has no \[PAD\]"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"<s>\n</s>\n", "this is no BERT vocabulary"),
    ],
)
def test_a_vocabulary_of_another_kind_is_refused(tmp_path, data, words):
    (tmp_path / "vocab.txt").write_bytes(data)
    with pytest.raises(UsageError, match=words) as fault:
        open_vocabulary(tmp_path / "vocab.txt")
    assert fault.value.hint
    with pytest.raises(UsageError, match="it cannot be read: No such file"):
        open_vocabulary(tmp_path / "none.txt")


def test_labels_are_frozen(tmp_path):
    labels = write_labels(tmp_path / "l", ORIGIN, ROWS, ["bad", "good"], [1, 0, 0, 1])
    assert isinstance(labels, Labels)
    with pytest.raises(FrozenInstanceError):
        labels.values = ()  # type: ignore[misc]
