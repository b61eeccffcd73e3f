"""From what a sweep asks for to files for the boards and right answers that stay here."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.datasets import DataSetFile
from orchestrator.assignment import GENERATION, NEXT_TOKEN, TaskChoice
from orchestrator.datasets import read_labels
from orchestrator.datasets.data_set import Labels
from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model, TensorInfo
from orchestrator.tasks.preparing import Prepared, choose, prepare
from orchestrator.tweets.card import make_card
from orchestrator.tweets.rows import Row
from orchestrator.tweets.shelf import DataShelf
from tests.making import make_model
from tests.tasking import write_vocabulary

ROWS = [Row(f"good crew {number}", label) for number, label in enumerate(["yes", "no", "maybe"] * 20)]
CHOICE = TaskChoice("six", scopes=("model", "end_to_end"), examples=10)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    splits = {"train": ROWS, "test": ROWS}
    DataShelf(tmp_path / "cache").put(make_card("six", splits, [], [], "rules"), splits)
    write_vocabulary(tmp_path / "vocab.txt")
    return tmp_path / "cache"


def model(cache: Path, **changes: Any) -> Model:
    inputs = tuple(TensorInfo(name, "int32", (1, 16)) for name in ("ids", "mask", "types"))
    return make_model(**{"inputs": inputs, "path": cache.parent / "bert.tflite", **changes})


def test_a_model_gets_a_file_for_each_scope_and_the_right_answers_stay_here(cache: Path) -> None:
    bert = model(cache)
    work = prepare(CHOICE, [bert], cache)
    ready, from_text = work.assignments[bert.digest]
    assert (ready.scope, from_text.scope) == ("model", "end_to_end")
    assert ready.rows == from_text.rows
    assert ready.examples == 10
    assert ready.vocabulary_digest is None
    assert from_text.vocabulary_digest is not None
    assert set(work.files) == {ready.data_digest, from_text.data_digest, from_text.vocabulary_digest}
    assert ready.key not in work.files
    assert ready.key == from_text.key
    assert ready.classes == ("maybe", "no", "yes")
    with DataSetFile(str(work.files[ready.data_digest])) as data:
        assert data.description.tokens is not None
        assert data.description.tokens.length == 16


def test_labels_belong_to_the_texts_that_boards_get(cache: Path, tmp_path: Path) -> None:
    bert = model(cache)
    work = prepare(CHOICE, [bert], cache)
    assignment = work.assignments[bert.digest][1]
    assert assignment.key is not None
    (tmp_path / "key").write_bytes(work.keys[assignment.key])
    labels = read_labels(tmp_path / "key")
    assert isinstance(labels, Labels)
    right = {row.text: row.label for row in ROWS}
    with DataSetFile(str(work.files[assignment.data_digest])) as data:
        told = [right[data.text("text", index)] for index in range(10)]
    assert [labels.classes[value] for value in labels.values] == told


def test_the_same_words_give_the_same_hashes_and_lengths_their_own_files(cache: Path) -> None:
    bert, short = model(cache), model(cache, digest="5" * 64, inputs=(TensorInfo("ids", "int64", (1, 8)),))
    first, again = prepare(CHOICE, [bert, short], cache), prepare(CHOICE, [bert, short], cache)
    assert first == again
    assert len(first.files) == 2 + 2 + 1
    assert len(first.keys) == 1


def test_what_lies_there_is_left_alone_for_a_sweep_that_sends_it(cache: Path) -> None:
    bert = model(cache)
    first = prepare(CHOICE, [bert], cache)
    before = {path: path.stat() for path in first.files.values()}
    prepare(CHOICE, [bert], cache)
    after = {path: path.stat() for path in first.files.values()}
    assert {path: (one.st_ino, one.st_mtime_ns) for path, one in before.items()} == {
        path: (one.st_ino, one.st_mtime_ns) for path, one in after.items()
    }
    damaged = first.files[first.assignments[bert.digest][0].data_digest]
    damaged.write_bytes(b"half of it")
    prepare(CHOICE, [bert], cache)
    assert hashlib.sha256(damaged.read_bytes()).hexdigest() == damaged.name
    assert [path for path in damaged.parent.iterdir() if path.name.startswith(".")] == []


def test_a_model_whose_file_leaves_its_outputs_open_may_try(cache: Path) -> None:
    bert = model(cache, outputs=(TensorInfo("logits", "float32", (-1, 3)),))
    assert prepare(CHOICE, [bert], cache).assignments[bert.digest]


def test_fewer_examples_are_some_of_the_more(cache: Path) -> None:
    few, many = choose(ROWS, 7), choose(ROWS, 20)
    assert many[:7] == few
    assert len(choose(ROWS, 0)) == 60
    assert {row.label for row in many} == {"yes", "no", "maybe"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outputs": (TensorInfo("logits", "float32", (1, 2)),)}, "it gives 2 numbers, and six has 3 classes"),
        ({"inputs": (TensorInfo("image", "float32", (1, 16)),)}, "it reads no tokens"),
        ({"inputs": ()}, "it reads no tokens"),
        ({"inputs": (TensorInfo("ids", "int32", (1, -1)),)}, "a length that the file fixes"),
        ({"inputs": (TensorInfo("ids", "int32", (4, 16)),)}, "1 x length is wanted"),
        ({"inputs": (TensorInfo("a", "int32", (1, 16)), TensorInfo("b", "int32", (1, 8)))}, "it reads no tokens"),
    ],
)
def test_a_model_of_another_kind_is_told_apart(cache: Path, changes: dict[str, Any], said: str) -> None:
    odd = model(cache, **changes)
    work = prepare(CHOICE, [odd], cache)
    assert said in work.objections[odd.digest]
    assert work.assignments == {}
    assert work.by_model == {odd.digest: work.objections[odd.digest]}


def test_decoders_need_no_classes_but_room(cache: Path) -> None:
    decoder = model(cache, outputs=(TensorInfo("logits", "float32", (1, 30522)),))
    work = prepare(replace(CHOICE, kind=NEXT_TOKEN), [decoder], cache)
    assert work.keys == {}
    assert work.assignments[decoder.digest][0].key is None
    crowded = prepare(replace(CHOICE, kind=GENERATION, new_tokens=16), [decoder], cache)
    assert "16 new ones are asked for" in crowded.objections[decoder.digest]
    assert (
        prepare(replace(CHOICE, kind=GENERATION, new_tokens=5), [decoder], cache).assignments[decoder.digest][0].steps
        == 50
    )


def test_a_vocabulary_is_found_beside_the_model_or_where_it_is_said(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    away = model(cache, path=tmp_path / "elsewhere" / "bert.tflite")
    with pytest.raises(UsageError, match=r"bert has no vocabulary beside it: .*vocab\.txt is missing"):
        prepare(CHOICE, [away], cache)
    named = prepare(replace(CHOICE, vocabulary=str(tmp_path / "vocab.txt")), [away], cache)
    assert named.assignments[away.digest]
    write_vocabulary(tmp_path / "elsewhere" / "bert.vocab.txt")
    assert prepare(CHOICE, [away], cache).assignments == named.assignments


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (replace(CHOICE, data="gone"), "no data set gone"),
        (replace(CHOICE, split="dev"), "six has no split dev"),
    ],
)
def test_a_data_set_that_is_not_here_is_named(cache: Path, choice: TaskChoice, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        prepare(choice, [model(cache)], cache)


def test_a_vocabulary_that_is_none_is_a_sentence(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("no\nvocabulary\n")
    with pytest.raises(UsageError, match="no BERT vocabulary"):
        prepare(CHOICE, [model(cache)], cache)


def test_nothing_prepared_is_nothing_planned() -> None:
    assert Prepared().by_model == {}
