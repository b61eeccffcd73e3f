"""From start and end logits to words of a passage, and what they are worth: models whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.tasks.packing import pack
from orchestrator.assignment import QUESTION_ANSWERING
from orchestrator.datasets import QuestionKey
from orchestrator.datasets.places import Locator
from orchestrator.datasets.questions import Question
from orchestrator.tasks.answering import BadAnswers, read_answers
from orchestrator.tasks.asking import count_cut_off, read_spans
from orchestrator.tasks.kinds import KINDS
from orchestrator.tasks.worth import TOLERANCE, Side
from tests.asking import EXACT, F1, LENGTH, QUESTIONS, SAID, key_in, tables, vocabulary_in
from tests.unit.test_plan_tasks import WORK

ASKED = KINDS[QUESTION_ANSWERING]


@pytest.fixture
def key(tmp_path):
    return key_in(tmp_path)


@pytest.fixture
def logits(tmp_path):
    return logits_of(tmp_path)


def logits_of(folder, questions=QUESTIONS, length=LENGTH, told=()):
    """What the model of these tests gives: two numbers for each token, whatever stands around it."""
    from agent.wordpiece import Tokenizer

    tokenizer = Tokenizer(vocabulary_in(folder).tokens)
    ids = np.array([tokenizer.encode(one.text, one.passage, length).ids for one in questions])
    return np.stack([table[ids] for table in told or tables()], axis=1).astype("float32")


def test_what_a_model_points_at_is_cut_out_of_the_passage(key, logits):
    assert read_spans(logits, key).texts == SAID


def test_answers_are_judged_as_squad_does(key, logits):
    worth = ASKED.worth(Side(logits, key), 0)
    assert worth.exact_match is not None
    assert worth.f1 is not None
    assert (worth.exact_match.n, worth.exact_match.value) == (4, EXACT)
    assert worth.f1.value == pytest.approx(F1)
    assert worth.questions is not None
    assert (worth.questions.cut_off, worth.questions.unanswerable, worth.questions.declined) == (0, 1, 1)
    assert worth.accuracy is None
    assert ASKED.worth(Side(logits), 0).exact_match is None


def test_where_all_questions_have_an_answer_a_model_cannot_decline(tmp_path, logits):
    said = read_spans(logits, key_in(tmp_path, may_decline=False))
    assert said.texts[:3] == SAID[:3]
    assert said.texts[3] != ""
    assert said.declined == 0


def test_no_answer_has_to_be_likelier_than_the_best_one(key, logits):
    """[CLS] says 1 + 1; the best span of the third question 2 + 2."""
    assert read_spans(logits, key, threshold=0.0).declined == 1
    logits[:, :, 0] += 1.0
    assert read_spans(logits, key).texts[2] == "crew"  # as likely is not likelier
    logits[:, :, 0] += 0.01
    assert read_spans(logits, key).texts[2] == ""
    assert read_spans(logits, key, threshold=0.1).texts[2] == "crew"


def test_the_words_of_the_question_are_never_the_answer(key, logits):
    logits[:, :, 1:5] = 99.0
    assert read_spans(logits, key).texts == SAID


def test_an_answer_keeps_its_accents_its_case_and_its_pieces(tmp_path):
    asked = (Question("a", "where?", "Playing: Cafe\u0301s, 日本.", ("Cafe\u0301s",)),)
    key, locator = key_in(tmp_path, asked), Locator(vocabulary_in(tmp_path))
    pieces = locator.passage(asked[0].text, asked[0].passage, LENGTH)
    places = [at for at, piece in enumerate(pieces) if piece]
    assert [asked[0].passage[one.start : one.end] for one in pieces if one][-6:] == [
        "Cafe\u0301",
        "s",
        ",",
        "日",
        "本",
        ".",
    ]
    logits = np.zeros((1, 2, LENGTH), "float32")
    logits[0, 0, places[-6]] = logits[0, 1, places[-5]] = 9.0
    assert read_spans(logits, key).texts == ("Cafe\u0301s",)
    logits[0, 0, places[-3]] = logits[0, 1, places[-2]] = 19.0
    assert read_spans(logits, key).texts == ("日本",)


def test_questions_whose_answer_is_not_read_are_counted_and_not_left_out(tmp_path):
    asked = (
        Question("far", "what was lost?", "the crew was never late, " * 3 + "my bag", ("my bag",)),
        Question("near", "what was lost?", "my bag, " + "the crew was never late " * 3, ("my bag",)),
        Question("both", "what was lost?", "my bag, " + "the crew was never late " * 3 + "five", ("five", "bag")),
        Question("nowhere", "what was lost?", "the crew was never late " * 4, ("a seat",)),
        Question("none", "what was lost?", "the crew was never late " * 4, ()),
    )
    key = key_in(tmp_path, asked, length=16)
    assert count_cut_off(key) == 1
    worth = ASKED.worth(Side(logits_of(tmp_path, asked, 16), key), 0)
    assert worth.exact_match is not None
    assert worth.exact_match.n == 5
    assert worth.questions is not None
    assert worth.questions.cut_off == 1
    assert count_cut_off(key_in(tmp_path, asked, length=64)) == 0


def test_a_question_that_leaves_no_room_for_its_passage_has_no_answer(tmp_path):
    asked = (Question("long", "what was lost? " * 9, "my", ("my",)),)
    key = key_in(tmp_path, asked, length=4, may_decline=False)
    # Four tokens hold [CLS], two [SEP] and one more, which is the passage's: take that, too.
    key = replace(key, starts=np.zeros_like(key.starts), ends=np.zeros_like(key.ends))
    said = read_spans(np.ones((1, 2, 4), "float32"), key)
    assert said.texts == ("",)
    assert said.declined == 1


def test_a_student_is_compared_with_a_teacher_that_reads_other_tokens(tmp_path, key, logits):
    wide = key_in(tmp_path, length=2 * LENGTH)
    teacher = logits_of(tmp_path, length=2 * LENGTH, told=tables({"my": 4.0}, {"bag": 4.0}))
    versus = ASKED.versus(Side(logits, key), Side(teacher, wide), 0)
    assert versus is not None
    assert versus.right.n == 4
    assert versus.right.gained > 0
    assert versus.right.lost == 0
    assert versus.f1 is not None
    assert versus.f1.value > 0
    assert ASKED.versus(Side(logits), Side(teacher, wide), 0) is None


def test_boards_agree_by_span(key, logits):
    assert ASKED.same(Side(logits, key), Side(logits.copy(), key)).agrees
    turned = logits.copy()
    turned[0, 1] = 0.0
    found = ASKED.same(Side(logits, key), Side(turned, key))
    assert not found.agrees
    assert found.share == 0.75


def test_boards_agree_within_rounding_and_not_beyond(key, logits):
    spread = float(np.ptp(logits))
    near = logits + np.float32(0.9 * TOLERANCE * spread)
    assert ASKED.same(Side(logits, key), Side(near, key)).agrees
    far = logits.copy()
    far[1, 0, 8] -= 1.5 * TOLERANCE * spread
    found = ASKED.same(Side(logits, key), Side(far, key))
    assert (found.agrees, found.share) == (False, 1.0)


def test_logits_of_padding_count_for_nothing(key, logits):
    """Some models give -10,000 there: beside that no difference would be seen."""
    masked, other = logits.copy(), logits.copy()
    masked[:, :, -1], other[:, :, -1] = -1e4, 77.0
    assert ASKED.same(Side(masked, key), Side(other, key)).agrees
    other[0, 0, 6] += 0.5
    assert not ASKED.same(Side(masked, key), Side(other, key)).agrees


def test_without_the_key_boards_still_agree_or_not(logits):
    assert ASKED.same(Side(logits), Side(logits)).agrees
    assert not ASKED.same(Side(logits), Side(np.roll(logits, 1, axis=2))).agrees


@pytest.mark.parametrize(
    "shape", [(4, 2, LENGTH + 1), (4, 2, LENGTH - 1), (3, 2, LENGTH), (4, 3, LENGTH), (4, 2 * LENGTH), (0, 2, LENGTH)]
)
def test_logits_of_other_questions_make_no_sense(key, shape):
    with pytest.raises(ValueError, match="logits"):
        ASKED.worth(Side(np.zeros(shape, "float32"), key), 0)
    with pytest.raises(ValueError, match="logits"):
        ASKED.same(Side(np.zeros((4, 2, LENGTH), "float32"), key), Side(np.zeros(shape, "float32"), key))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_no_numbers_make_no_sense(key, logits, value):
    logits[2, 1, 3] = value
    with pytest.raises(ValueError, match="the end logit of token 3 of example 2 is"):
        ASKED.worth(Side(logits, key), 0)


@pytest.mark.parametrize("shape", [[4, 2], [4, 3, 5], [3, 2, 5], [4, 2, 5, 1], [4, 10]])
def test_answers_to_another_question_are_none(shape):
    task = replace(WORK, kind=QUESTION_ANSWERING, examples=4, classes=())
    with pytest.raises(BadAnswers, match="which is no answer to"):
        read_answers(pack(QUESTION_ANSWERING, "float32", shape, bytes(4 * math.prod(shape))), task)
    right = pack(QUESTION_ANSWERING, "float32", [4, 2, 5], bytes(160))
    assert read_answers(right, task).shape == (4, 2, 5)


PASSAGE = st.text("the crew lost my bag é日.,\u0301 -", min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(st.lists(PASSAGE, min_size=1, max_size=5), st.integers(0, 2**32))
def test_whatever_is_said_stands_in_the_passage(tmp_path_factory, passages, seed):
    asked = [Question(str(number), "who?", passage, ("x",)) for number, passage in enumerate(passages)]
    key: QuestionKey = key_in(tmp_path_factory.mktemp("any"), asked)
    logits = np.random.default_rng(seed).normal(size=(len(asked), 2, LENGTH))
    said = read_spans(logits, key)
    for text, passage, (start, end) in zip(said.texts, passages, said.spans.tolist(), strict=True):
        assert text in passage
        assert (start == end == -1 and text == "") or passage[start:end] == text != ""
