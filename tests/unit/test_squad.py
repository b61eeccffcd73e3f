"""Questions from a user's own file in the JSON of SQuAD, and the data set that is made of them."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.datasets import squad as squad_file
from orchestrator.datasets.questions import BadQuestions, Question, decode_questions, encode_questions
from orchestrator.datasets.squad import read_squad
from orchestrator.errors import DynofarmError, UnknownName, UsageError
from orchestrator.tweets.card import make_card
from orchestrator.tweets.questions import add_questions
from orchestrator.tweets.rows import Row
from orchestrator.tweets.shelf import DataShelf
from tests.asking import QUESTIONS, squad, write_squad

ASKED = {"id": "a", "question": "who?", "answers": [{"text": "he", "answer_start": 0}]}


def of(*asked: object, context: object = "he was late") -> object:
    return {"data": [{"title": "x", "paragraphs": [{"context": context, "qas": list(asked)}]}]}


def told(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_questions_come_with_their_passages_and_all_right_answers(tmp_path):
    found, digest = read_squad(write_squad(tmp_path / "squad.json"))
    assert tuple(found) == QUESTIONS
    assert len(digest) == 64


def test_version_1_says_nothing_of_impossible_questions(tmp_path):
    found, _ = read_squad(told(tmp_path / "one.json", of(ASKED)))
    assert found == [Question("a", "who?", "he was late", ("he",))]


def test_an_answer_that_annotators_gave_twice_is_one_and_where_it_begins_does_not_matter(tmp_path):
    answers = [{"text": "he", "answer_start": "nonsense"}, {"text": "he"}, {"text": "late"}]
    found, _ = read_squad(told(tmp_path / "x.json", of({**ASKED, "answers": answers})))
    assert found[0].answers == ("he", "late")


def test_an_empty_list_of_answers_is_a_question_without_one(tmp_path):
    found, _ = read_squad(told(tmp_path / "x.json", of({**ASKED, "answers": []})))
    assert (found[0].answers, found[0].kind) == ((), "without")


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(squad()).encode())
    assert len(read_squad(tmp_path / "x.json")[0]) == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON: Expecting value in line 1"),
        (b'{"data": [', "no JSON: Expecting value in line 1"),
        (json.dumps(squad(), indent=1).encode()[:-40], "no JSON: .* in line"),
        (b'{"data": "\xff"}', "byte 10 is not UTF-8"),
        (b"[" * 100_000, "no JSON that anybody writes"),
        (b"9" * 10_000, "no JSON that anybody writes"),
        (b"null", "the file has no list 'data'"),
        (b"[]", "the file has no list 'data'"),
        (b'{"data": {}}', "the file has no list 'data'"),
        (b'{"data": []}', "no question in it"),
        (b'{"data": [3]}', "article 0 has no list 'paragraphs'"),
        (b'{"data": [{"paragraphs": [{"context": "c"}]}]}', "article 0, paragraph 0 has no list 'qas'"),
        (b"id,question\n1,who?\n", "no JSON"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(tmp_path, content, said):
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(UsageError, match=f"bad.json: {said}"):
        read_squad(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (of(ASKED, ASKED), "question 'a' is there twice"),
        (of({**ASKED, "question": " \n"}), "question 'a' has an empty 'question'"),
        (of({**ASKED, "question": None}), "question 'a' has no text 'question'"),
        (of({**ASKED, "id": 7}), "article 0, paragraph 0 has no text 'id'"),
        (of({**ASKED, "answers": None}), "question 'a' has no list 'answers'"),
        (of({**ASKED, "answers": ["he"]}), "an answer to question 'a' has no text 'text'"),
        (of({**ASKED, "answers": [{"text": ""}]}), "an answer to question 'a' has an empty 'text'"),
        (of({**ASKED, "is_impossible": True}), "question 'a' is impossible and has an answer all the same"),
        (of({**ASKED, "question": "\ud800"}), "question 'a' has half a surrogate pair in 'question'"),
        (of(ASKED, context=""), "article 0, paragraph 0 has an empty 'context'"),
        (of(ASKED, context=["he"]), "article 0, paragraph 0 has no text 'context'"),
        (of("who?"), "article 0, paragraph 0 has no text 'id'"),
        (of({**ASKED, "id": "x" * 5000, "question": ""}), f"question '{'x' * 60}' has an empty"),
    ],
)
def test_a_question_that_is_none_is_named(tmp_path, content, said):
    with pytest.raises(UsageError, match=said):
        read_squad(told(tmp_path / "bad.json", content))


def test_a_huge_file_is_told_before_it_is_read(tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(squad_file.MAX_BYTES + 1)
    with pytest.raises(UsageError, match=r"huge\.json: it is larger than 100 MB"):
        read_squad(tmp_path / "huge.json")


def test_a_file_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_squad(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_squad(tmp_path)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(st.lists(st.builds(Question, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3).map(tuple)), max_size=6))
def test_whatever_the_words_are_they_come_back(questions):
    assert decode_questions(encode_questions(questions)) == questions


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"3",
        b"\xff",
        b'{"passage": "p"}',
        b'{"passage": 3, "questions": [{"id": "a", "question": "q", "answers": []}]}',
        b'{"passage": "p", "questions": [{"id": "a", "question": "q", "answers": [3]}]}',
        b"[" * 50_000,
    ],
)
def test_a_line_that_holds_no_questions_is_named(line):
    with pytest.raises(BadQuestions, match="line 2 is no passage with its questions in JSON"):
        decode_questions(encode_questions(QUESTIONS[:1]) + line)


# On the shelf ------------------------------------------------------------------------------------------


def test_a_file_becomes_a_data_set_as_it_is(tmp_path):
    card = add_questions(tmp_path, "asked", write_squad(tmp_path / "squad.json"), "CC BY-SA 4.0")
    shelf = DataShelf(tmp_path)
    assert shelf.card("asked") == card
    assert tuple(shelf.questions(card, "test")) == QUESTIONS
    assert card.splits["test"].classes == {"with an answer": 3, "without": 1}
    assert dict(card.steps)["passages"] == 4
    assert card.licence == "CC BY-SA 4.0"


def test_answers_that_no_passage_has_are_counted(tmp_path):
    odd = Question("odd", "who?", "he was late", ("she", "they"))
    card = add_questions(tmp_path, "odd", write_squad(tmp_path / "odd.json", (odd, *QUESTIONS)), None)
    assert dict(card.steps)["questions whose answers stand nowhere in their passage"] == 1


def test_questions_and_texts_are_not_taken_for_each_other(tmp_path):
    shelf, card = DataShelf(tmp_path), add_questions(tmp_path, "asked", write_squad(tmp_path / "squad.json"), None)
    with pytest.raises(UsageError, match="asked holds questions on passages, no labelled texts"):
        shelf.rows(card, "test")
    texts = make_card("texts", {"test": [Row("t", "a")]}, [], [], "rules")
    shelf.put(texts, {"test": [Row("t", "a")]})
    with pytest.raises(UsageError, match="texts holds labelled texts, no questions on passages"):
        shelf.questions(texts, "test")
    with pytest.raises(UnknownName, match="asked has no split dev"):
        shelf.questions(card, "dev")


def test_a_damaged_data_set_of_questions_is_one_sentence(tmp_path):
    card = add_questions(tmp_path, "asked", write_squad(tmp_path / "squad.json"), None)
    path = DataShelf(tmp_path).folder("asked") / "test.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DynofarmError, match="is damaged: its hash is not the one in the card"):
        DataShelf(tmp_path).questions(card, "test")
    told = DataShelf(tmp_path).folder("asked") / "card.json"
    told.write_text(told.read_text().replace('"holds": "questions"', '"holds": "songs"'))
    with pytest.raises(DynofarmError, match="it holds 'songs', which this version"):
        DataShelf(tmp_path).card("asked")


def test_a_card_from_before_there_were_questions_is_read(tmp_path):
    shelf, card = DataShelf(tmp_path), make_card("texts", {"test": [Row("t", "a")]}, [], [], "rules")
    shelf.put(card, {"test": [Row("t", "a")]})
    path = shelf.folder("texts") / "card.json"
    said = json.loads(path.read_text())
    del said["holds"]
    path.write_text(json.dumps(said))
    assert shelf.card("texts") == card


def test_the_name_of_the_tweets_is_taken(tmp_path):
    with pytest.raises(UsageError, match="tweets is the name of what"):
        add_questions(tmp_path, "tweets", write_squad(tmp_path / "squad.json"), None)
