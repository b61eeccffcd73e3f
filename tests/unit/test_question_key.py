"""What answers to questions are judged by: a file that stays here, and is checked when it is read."""

import numpy as np
import pytest

from agent.datasets_line import Description, Tokens
from orchestrator.datasets import read_data_set, read_labels, read_question_key, write_question_key
from orchestrator.datasets.making import text_columns
from orchestrator.datasets.writing import Column, placed, write_file
from orchestrator.errors import UsageError
from tests.asking import LENGTH, ORIGIN, QUESTIONS, examples, key_in, vocabulary_in, write_key


def test_a_key_comes_back_as_it_was_written(tmp_path):
    key = key_in(tmp_path)
    assert key.passages == tuple(one.passage for one in QUESTIONS)
    assert key.answers == tuple(one.answers for one in QUESTIONS)
    assert key.starts.shape == key.ends.shape == (4, LENGTH)
    assert key.may_decline
    assert not key_in(tmp_path, may_decline=False).may_decline


def test_tokens_of_the_passage_say_what_they_stand_for(tmp_path):
    key = key_in(tmp_path)
    marks = key.ends[1] > key.starts[1]
    spans = zip(key.starts[1][marks].tolist(), key.ends[1][marks].tolist(), strict=True)
    assert [key.passages[1][start:end] for start, end in spans] == ["in", "the", "Café", "was", "my", "seat", "."]
    # [CLS], four tokens of the question and [SEP] stand before it.
    assert np.flatnonzero(marks)[0] == 6


def test_equal_questions_give_equal_bytes_and_what_they_are_read_with_does_not(tmp_path):
    first = write_key(tmp_path).read_bytes()
    assert write_key(tmp_path).read_bytes() == first
    assert write_key(tmp_path, length=LENGTH + 1).read_bytes() != first


def test_a_key_is_neither_labels_nor_what_boards_get(tmp_path):
    path = write_key(tmp_path)
    with pytest.raises(UsageError, match="holds no labels"):
        read_labels(path)
    with pytest.raises(UsageError, match="holds labels, which stay here"):
        read_data_set(path)


def test_labels_are_no_key(tmp_path):
    from orchestrator.datasets import write_labels

    write_labels(tmp_path / "labels", ORIGIN, examples(), ["a", "b"], [0, 1, 0, 1])
    with pytest.raises(UsageError, match="holds no passages with right answers"):
        read_question_key(tmp_path / "labels")


@pytest.mark.parametrize("cut", [0, 10, 400, -1])
def test_a_key_that_is_cut_off_is_one_sentence(tmp_path, cut):
    path = write_key(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UsageError, match="key "):
        read_question_key(path)


def test_a_flipped_bit_is_told(tmp_path):
    path = write_key(tmp_path)
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="key "):
        read_question_key(path)


def made(path, *, starts=0, ends=1, passage="he", answers='["he"]', tokens=True):
    """A key with one question and one token, right or wrong as a test wants it."""
    numbers = {"starts": starts, "ends": ends, "may_decline": 0}
    columns = [*text_columns("pair", [passage]), *text_columns("answers", [answers])]
    columns += [
        Column(name, "int32", (1,) if name == "may_decline" else (1, 1), np.array([value], "<i4").tobytes())
        for name, value in numbers.items()
    ]
    told = Tokens(1, True, "0", 5) if tokens else None
    write_file(path, Description("x", "labels", 1, "0", "", "", [], told, placed(columns)), columns)
    return path


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"starts": -1}, "a token that stands outside its passage"),
        ({"ends": 3}, "a token that stands outside its passage"),
        ({"starts": 2, "ends": 1}, "a token that stands outside its passage"),
        ({"answers": '{"a": 1}'}, "answers to example 0 that are no list of texts"),
        ({"answers": "[1]"}, "answers to example 0 that are no list of texts"),
        ({"answers": '["he"'}, "answers to example 0 that are no list of texts"),
        ({"answers": ""}, "answers to example 0 that are no list of texts"),
        ({"answers": "[" * 100_000}, "answers to example 0 that are no list of texts"),
        ({"tokens": False}, "holds no passages with right answers"),
    ],
)
def test_a_key_that_cannot_be_is_refused(tmp_path, wrong, said):
    assert read_question_key(made(tmp_path / "good")).answers == (("he",),)
    with pytest.raises(UsageError, match=said):
        read_question_key(made(tmp_path / "x", **wrong))


def test_answers_to_other_questions_are_refused(tmp_path):
    with pytest.raises(UsageError, match="answers to 1 questions for 4 examples"):
        write_question_key(
            tmp_path / "x", ORIGIN, examples(), [["a"]], vocabulary_in(tmp_path), LENGTH, may_decline=False
        )
    with pytest.raises(UsageError, match="at least one example"):
        write_question_key(tmp_path / "x", ORIGIN, [], [], vocabulary_in(tmp_path), LENGTH, may_decline=False)
