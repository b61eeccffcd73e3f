"""From what a sweep asks for to files for the boards and right answers that stay here."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.datasets import DataSetFile
from agent.protocol import InputRecipe
from orchestrator.assignment import CLASSIFICATION, GENERATION, NEXT_TOKEN, OUTPUTS, QUESTION_ANSWERING, TaskChoice
from orchestrator.datasets import read_labels, read_question_key
from orchestrator.datasets.data_set import Labels
from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model, TensorInfo
from orchestrator.tasks.material import choose
from orchestrator.tasks.preparing import Prepared, prepare
from orchestrator.tweets.card import make_card
from orchestrator.tweets.questions import add_questions
from orchestrator.tweets.rows import Row
from orchestrator.tweets.shelf import DataShelf
from tests import asking
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
    usual = tuple(TensorInfo(name, "int32", (1, 16)) for name in ("ids", "mask", "types"))
    inputs = changes.get("inputs", usual)
    recipes = tuple(InputRecipe(one.name, one.dtype, list(one.shape), "zeros") for one in inputs)
    given = {"inputs": inputs, "recipes": recipes, "path": cache.parent / "bert.tflite", **changes}
    return make_model(**given)


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
    few, many = (choose(ROWS, examples, lambda row: row.text) for examples in (7, 20))
    assert many[:7] == few
    assert len(choose(ROWS, 0, lambda row: row.text)) == 60
    assert {row.label for row in many} == {"yes", "no", "maybe"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"outputs": (TensorInfo("logits", "float32", (1, 2)),)}, "it gives 2 numbers, and six has 3 classes"),
        ({"inputs": (TensorInfo("image", "float32", (1, 16)),)}, "it reads no tokens"),
        ({"inputs": ()}, "it reads no tokens"),
        ({"inputs": (TensorInfo("ids", "int32", (1, 16)), TensorInfo("mask", "bool", (1, 16)))}, "it reads no tokens"),
        ({"inputs": (TensorInfo("ids", "int32", (1, 2)),)}, "1 x length is wanted"),
        ({"inputs": (TensorInfo("ids", "int32", ()),)}, "1 x length is wanted"),
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


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": (TensorInfo("in0", "int32", (16,)), TensorInfo("in1", "float32", (16,)))},
        {"inputs": (TensorInfo("ids", "int32", (1, -1)),), "recipes": (InputRecipe("ids", "int32", [1, 16], "zeros"),)},
    ],
)
def test_a_model_without_a_batch_and_one_whose_length_was_given_may_try(cache: Path, changes: dict[str, Any]) -> None:
    bert = model(cache, **changes)
    (assignment, *_) = prepare(CHOICE, [bert], cache).assignments[bert.digest]
    assert assignment.tokens.endswith(" 16")


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


# Questions ---------------------------------------------------------------------------------------------

ASK = TaskChoice("asked", scopes=("model", "end_to_end"))
SPANS = tuple(TensorInfo(name, "float32", (1, asking.LENGTH)) for name in ("start", "end"))


@pytest.fixture
def asked(cache: Path, tmp_path: Path) -> Path:
    add_questions(cache, "asked", asking.write_squad(tmp_path / "squad.json"), None)
    asking.write_vocabulary(tmp_path / "vocab.txt")
    return cache


def reader(cache: Path, length: int = asking.LENGTH, **changes: Any) -> Model:
    outputs = tuple(replace(one, shape=(1, length)) for one in SPANS)
    return model(cache, **{"inputs": (TensorInfo("ids", "int32", (1, length)),), "outputs": outputs, **changes})


def test_questions_come_in_pairs_with_their_passages_and_the_key_stays_here(asked: Path, tmp_path: Path) -> None:
    bert = reader(asked)
    work = prepare(ASK, [bert], asked)
    ready, from_text = work.assignments[bert.digest]
    assert ready.kind == from_text.kind == QUESTION_ANSWERING
    assert ready.rows == from_text.rows
    assert ready.key is not None
    assert ready.key == from_text.key not in work.files
    assert ready.classes == ()
    with DataSetFile(str(work.files[from_text.data_digest])) as data:
        asked_there = [(data.text("text", index), data.text("pair", index)) for index in range(4)]
    assert sorted(asked_there) == sorted((one.text, one.passage) for one in asking.QUESTIONS)
    (tmp_path / "key").write_bytes(work.keys[ready.key])
    key = read_question_key(tmp_path / "key")
    right = {one.passage: one.answers for one in asking.QUESTIONS}
    assert list(key.passages) == [passage for _, passage in asked_there]
    assert [right[passage] for passage in key.passages] == list(key.answers)
    assert key.rows == ready.rows
    assert key.may_decline


def test_whether_a_model_may_decline_is_up_to_all_questions_and_not_to_the_chosen(asked: Path, tmp_path: Path) -> None:
    for examples in (1, 2, 3):
        work = prepare(replace(ASK, examples=examples), [reader(asked)], asked)
        ((_, data),) = work.keys.items()
        (tmp_path / "key").write_bytes(data)
        assert read_question_key(tmp_path / "key").may_decline


def test_each_length_has_a_key_of_its_own_and_each_scope_has_not(asked: Path) -> None:
    short, long = reader(asked), reader(asked, 32, digest="5" * 64)
    work = prepare(ASK, [short, long], asked)
    assert len(work.keys) == 2
    assert {one.key for one in work.assignments[short.digest]} != {one.key for one in work.assignments[long.digest]}
    assert prepare(ASK, [short, long], asked) == work


def test_questions_may_be_fed_for_the_outputs_alone(asked: Path) -> None:
    bert = reader(asked, outputs=(TensorInfo("pooled", "float32", (1, 3)),))
    work = prepare(replace(ASK, kind=OUTPUTS), [bert], asked)
    assert work.keys == {}
    assert work.assignments[bert.digest][0].key is None


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([(1, 3)], r"it gives \[1, 3\], and a start and an end logit for each of its 24 tokens are wanted"),
        ([(1, 24)], r"it gives \[1, 24\], and a start and an end"),
        ([(1, 24)] * 3, r"and a start and an end logit"),
        ([(1, 2, 24)], r"it gives \[1, 2, 24\]"),
        ([(1, 24), (1, 25)], r"it gives \[1, 24\] and \[1, 25\]"),
    ],
)
def test_a_model_that_points_at_nothing_is_told_apart(asked: Path, outputs: list[Any], said: str) -> None:
    odd = reader(asked, outputs=tuple(TensorInfo(f"o{at}", "float32", one) for at, one in enumerate(outputs)))
    assert re.search(said, prepare(ASK, [odd], asked).objections[odd.digest])


@pytest.mark.parametrize("outputs", [[(1, 24, 2)], [(1, 24), (1, 24)], [(24,), (1, 24), (1, 768)], [(1, -1)], []])
def test_a_model_that_points_at_tokens_may_try(asked: Path, outputs: list[Any]) -> None:
    fit = reader(asked, outputs=tuple(TensorInfo(f"o{at}", "float32", one) for at, one in enumerate(outputs)))
    assert prepare(ASK, [fit], asked).assignments[fit.digest]


def test_more_logits_than_a_line_holds_are_told_beforehand(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.tasks.fitting.MOST_BYTES", 3 * 8 * asking.LENGTH)
    bert = reader(asked)
    assert "take at most 3 examples" in prepare(ASK, [bert], asked).objections[bert.digest]
    assert prepare(replace(ASK, examples=3), [bert], asked).assignments[bert.digest]


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (replace(ASK, kind=CLASSIFICATION), "asked holds questions on passages, which are nothing for classification"),
        (replace(ASK, kind=GENERATION), "which are nothing for generation"),
        (replace(CHOICE, kind=QUESTION_ANSWERING), "six holds labelled texts, and question_answering needs questions"),
    ],
)
def test_work_that_a_data_set_is_not_for_is_told_before_it_runs(asked: Path, choice: TaskChoice, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        prepare(choice, [reader(asked)], asked)


def test_nothing_prepared_is_nothing_planned() -> None:
    assert Prepared().by_model == {}
