"""What answers are worth by kind, whether two sides agree, and how fast items were."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import Answers
from agent.tasks.packing import pack
from orchestrator.assignment import CLASSIFICATION, GENERATION, NEXT_TOKEN, OUTPUTS
from orchestrator.tasks.answering import BadAnswers, read_answers
from orchestrator.tasks.kinds import KINDS
from orchestrator.tasks.pace import pace_of
from orchestrator.tasks.worth import TOLERANCE, Side
from tests.unit.test_plan_tasks import WORK

LOGITS = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 1.0, 2.0], [1.0, 0.0, 0.9]], "float32")
WANTED = (0, 1, 1, 2)


def test_classes_are_judged_against_the_labels() -> None:
    worth = KINDS[CLASSIFICATION].worth(Side(LOGITS, WANTED), 3)
    assert worth.accuracy is not None
    assert (worth.accuracy.value, worth.accuracy.n) == (0.5, 4)
    assert worth.accuracy.low < 0.5 < worth.accuracy.high
    assert worth.macro_f1 is not None
    assert KINDS[CLASSIFICATION].worth(Side(LOGITS), 3).accuracy is None


def test_a_model_is_compared_with_its_teacher_on_the_same_examples() -> None:
    teacher = LOGITS[:, [0, 2, 1]]
    versus = KINDS[CLASSIFICATION].versus(Side(LOGITS, WANTED), Side(teacher, WANTED), 3)
    assert versus is not None
    assert versus.f1 is None
    paired = versus.right
    assert (paired.gained, paired.lost, paired.both, paired.neither) == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="different numbers of examples"):
        KINDS[CLASSIFICATION].versus(Side(LOGITS, WANTED), Side(teacher[:3], WANTED), 3)


def test_boards_agree_within_rounding_and_not_beyond() -> None:
    kind, spread = KINDS[CLASSIFICATION], float(np.ptp(LOGITS))
    assert kind.same(Side(LOGITS), Side(LOGITS)).agrees
    assert kind.same(Side(LOGITS), Side(LOGITS + np.float32(0.9 * TOLERANCE * spread))).agrees
    beyond = LOGITS.copy()
    beyond[0, 2] += 1.5 * TOLERANCE * spread
    assert not kind.same(Side(LOGITS), Side(beyond)).agrees
    assert kind.same(Side(LOGITS), Side(beyond)).share == 1.0
    turned = LOGITS.copy()
    turned[3] = [0.9, 0.0, 0.91]
    found = kind.same(Side(LOGITS), Side(turned))
    assert not found.agrees
    assert found.share == 0.75


def test_the_zeros_of_a_broken_delegate_do_not_agree() -> None:
    assert not KINDS[CLASSIFICATION].same(Side(LOGITS), Side(np.zeros_like(LOGITS))).agrees


def test_foretold_tokens_have_a_perplexity() -> None:
    answers = np.array([[-1.0, 1.0], [-3.0, 0.0]], "float32")
    worth = KINDS[NEXT_TOKEN].worth(Side(answers), 0)
    assert worth.perplexity is not None
    assert worth.perplexity.value == pytest.approx(np.exp(2.0))
    assert worth.accuracy is not None
    assert worth.accuracy.value == 0.5
    versus = KINDS[NEXT_TOKEN].versus(Side(answers), Side(answers[::-1]), 0)
    assert versus is not None
    assert (versus.right.gained, versus.right.lost) == (1, 1)


def test_written_texts_agree_where_every_token_does() -> None:
    answers = np.array([[1, 2], [3, 4]], "int32")
    kind = KINDS[GENERATION]
    assert kind.same(Side(answers), Side(answers.copy())).agrees
    assert kind.same(Side(answers), Side(np.array([[1, 2], [3, 5]], "int32"))).share == 0.5
    with pytest.raises(ValueError, match="shapes"):
        kind.same(Side(answers), Side(answers[:1]))
    assert kind.worth(Side(answers), 0).accuracy is None
    assert kind.versus(Side(answers), Side(answers), 0) is None


def test_of_plain_outputs_the_distance_counts() -> None:
    assert KINDS[OUTPUTS].same(Side(LOGITS), Side(LOGITS + np.float32(1e-6))).agrees
    assert not KINDS[OUTPUTS].same(Side(LOGITS), Side(LOGITS * 2)).agrees


@given(st.lists(st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3), min_size=1, max_size=20))
def test_every_side_agrees_with_itself(rows: list[list[float]]) -> None:
    answers = np.array(rows, "float32")
    for kind in (CLASSIFICATION, OUTPUTS):
        assert KINDS[kind].same(Side(answers), Side(answers)).agrees


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": "not base64!"}, "are damaged"),
        ({"data": "AAAA"}, "are damaged"),
        ({"shape": []}, "are damaged"),
        ({"shape": [-4, -3]}, "are damaged"),
        ({"shape": [1] * 101}, "are damaged"),
        ({"shape": [2**70, 0]}, "have 48 bytes"),
        ({"dtype": "object"}, "are damaged"),
        ({"dtype": "nonsense"}, "are damaged"),
        ({"shape": [4, 4]}, r"have 48 bytes, and a shape of \[4, 4\]"),
        ({"digest": "0" * 64}, "do not have the hash"),
    ],
)
def test_answers_that_are_not_what_they_say_are_told(change: dict[str, object], said: str) -> None:
    good = pack(CLASSIFICATION, "float32", [4, 3], LOGITS.tobytes())
    assert (read_answers(good) == LOGITS).all()
    bad = Answers(**{**vars(good), **change})
    with pytest.raises(BadAnswers, match=said):
        read_answers(bad)


def test_a_bomb_of_zeros_is_not_unpacked_whole() -> None:
    bomb = pack(CLASSIFICATION, "uint8", [1 << 26], bytes(1 << 26))
    with pytest.raises(BadAnswers, match="have 33554433 bytes"):
        read_answers(bomb)


def test_the_pace_is_of_examples_and_of_tokens() -> None:
    plain = pace_of(replace(WORK, examples=2), [10, 30])
    assert plain is not None
    assert (plain.item_ns, plain.items_per_s, plain.first_ns) == (20.0, 5e7, None)
    texts = replace(WORK, kind=GENERATION, examples=2, new_tokens=3)
    written = pace_of(texts, [100, 10, 12, 200, 11, 13])
    assert written is not None
    assert (written.first_ns, written.token_ns, written.item_ns) == (150.0, 11.5, 173.0)
    one = pace_of(replace(texts, new_tokens=1), [100, 200])
    assert one is not None
    assert one.token_ns is None
    assert pace_of(texts, [1, 2]) is None


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (CLASSIFICATION, [300, 3]),
        (CLASSIFICATION, [2, 2]),
        (CLASSIFICATION, [300, 2, 1]),
        (NEXT_TOKEN, [300]),
        (NEXT_TOKEN, [300, 1]),
        (GENERATION, [300, 3]),
        (OUTPUTS, [299, 2]),
    ],
)
def test_answers_to_another_question_are_none(kind: str, shape: list[int]) -> None:
    task = replace(WORK, kind=kind, new_tokens=4 if kind == GENERATION else 0)
    told = pack(kind, "float32", shape, bytes(4 * math.prod(shape)))
    with pytest.raises(BadAnswers, match="which is no answer to tweets/test, 300 examples"):
        read_answers(told, task)
    right = pack(CLASSIFICATION, "float32", [300, 2], bytes(2400))
    assert read_answers(right, WORK).shape == (300, 2)
    with pytest.raises(BadAnswers, match="are classification"):
        read_answers(right, replace(WORK, kind=OUTPUTS))
