"""The zeroth model, on texts whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.tweets.rows import Row
from orchestrator.tweets.zeroth import train_zeroth
from orchestrator.tweets.zeroth.features import learn_vocabulary
from orchestrator.tweets.zeroth.logistic import fit, minimise

GOOD = ["so kind", "kind crew and so good", "good seat", "a good day", "kind", "good good", "so good", "kind and good"]
BAD = ["so late", "late crew and so bad", "bad seat", "a bad day", "late", "bad bad", "so bad", "late and bad"]
ROWS = [Row(text, "good") for text in GOOD] + [Row(text, "bad") for text in BAD]


def dense(matrix):
    full = np.zeros((len(matrix.starts) - 1, matrix.width))
    for row in range(len(full)):
        span = slice(matrix.starts[row], matrix.starts[row + 1])
        full[row, matrix.columns[span]] = matrix.values[span]
    return full


def test_words_that_tell_the_classes_apart_are_learnt():
    model = train_zeroth(ROWS, ROWS, ("bad", "good"))
    assert model.predict(["a kind day", "a late day", "GOOD!", "bad?"]) == ["good", "bad", "good", "bad"]
    assert model.predict([]) == []


def test_a_text_of_unknown_words_and_an_empty_one_get_an_answer():
    model = train_zeroth(ROWS, ROWS, ("bad", "good"))
    assert set(model.predict(["zzz", "", "\U0001f600", "\x00" * 50, "x" * 100_000])) <= {"bad", "good"}


def test_the_same_rows_give_the_same_weights():
    one, other = (train_zeroth(ROWS, ROWS, ("bad", "good")) for _ in range(2))
    assert one.weights.tobytes() == other.weights.tobytes()


def test_the_weights_of_words_are_those_of_the_formula():
    vocabulary = learn_vocabulary(["a b a", "a c", "b"])
    matrix = dense(vocabulary.matrix(["a a b", "zzz"]))
    assert list(vocabulary.columns) == ["a", "b"]
    idf_a, idf_b = (np.log(4 / 3) + 1,) * 2
    raw = np.array([(1 + np.log(2)) * idf_a, idf_b])
    assert matrix[0] == pytest.approx([*raw / np.linalg.norm(raw), 1.0])
    assert matrix[1].tolist() == [0, 0, 1]


def test_products_with_the_sparse_matrix_are_those_with_the_whole_one():
    vocabulary = learn_vocabulary(GOOD + BAD)
    matrix = vocabulary.matrix([*GOOD, "zzz", *BAD])
    whole, random = dense(matrix), np.random.default_rng(3)
    weights, rows = random.standard_normal((matrix.width, 3)), random.standard_normal((len(whole), 3))
    assert matrix.times(weights) == pytest.approx(whole @ weights)
    assert matrix.transposed_times(rows) == pytest.approx(whole.T @ rows)


@given(st.integers(0, 1000))
def test_the_minimum_of_a_bowl_is_found(seed):
    random = np.random.default_rng(seed)
    root = random.standard_normal((6, 6))
    bowl, centre = root @ root.T + 0.1 * np.eye(6), random.standard_normal(6)

    def loss(point):
        away = point - centre
        return float(0.5 * away @ bowl @ away), bowl @ away

    assert minimise(loss, np.zeros(6)) == pytest.approx(centre, abs=1e-3)


def test_at_the_minimum_the_gradient_is_nothing():
    vocabulary = learn_vocabulary(GOOD + BAD)
    matrix = vocabulary.matrix(GOOD + BAD)
    labels = np.array([1] * len(GOOD) + [0] * len(BAD))
    weights = fit(matrix, labels, 2, 0.01)
    scores = matrix.times(weights)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    slope = matrix.transposed_times((shares - np.eye(2)[labels]) / len(labels))
    slope[:-1] += 0.01 * weights[:-1]
    assert np.abs(slope).max() < 1e-4
    assert weights.sum(axis=1) == pytest.approx(0, abs=1e-6)  # two classes pull with equal strength


@pytest.mark.parametrize(("train", "dev"), [([], ROWS), (ROWS[:3], ROWS), (ROWS, [])])
def test_nothing_to_learn_is_one_sentence(train, dev):
    with pytest.raises(UsageError, match="fewer than two labels"):
        train_zeroth(train, dev, ("bad", "good"))
