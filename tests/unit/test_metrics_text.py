import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics import agreement, best_span, best_spans, exact_match, perplexity, score, token_f1
from orchestrator.metrics.questions import normalised, versus

TEXT = st.text(st.sampled_from("aAtThe nd.,!'éß1 -"), max_size=20)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The  Cat, sat!", "cat sat"),
        ("an apple a day", "apple day"),
        ("U.S.A.", "usa"),
        ("well-known", "wellknown"),
        ("theatre and band", "theatre and band"),
        ("“quoted” — dash", "“quoted” — dash"),
        ("a\u00a0b", "b"),
        ("the", ""),
        ("A.", ""),
        ("a-n", ""),
    ],
)
def test_answers_are_compared_without_case_punctuation_articles_and_spaces(text, plain):
    assert normalised(text) == plain


@pytest.mark.parametrize(
    ("prediction", "answers", "exact", "f1"),
    [
        ("Denver Broncos", ["Denver Broncos", "The Denver Broncos!"], True, 1),
        ("the Denver Broncos team", ["Denver Broncos"], False, 0.8),
        ("Broncos", ["Denver Broncos", "Broncos of Denver"], False, 2 / 3),
        ("gold gold gold", ["gold"], False, 0.5),
        ("gold", ["gold gold gold"], False, 0.5),
        ("silver", ["gold"], False, 0),
        ("", ["gold"], False, 0),
        ("", [], True, 1),
        ("the", [], True, 1),
        ("gold", [], False, 0),
        ("a", ["The"], True, 0),
    ],
)
def test_a_prediction_is_judged_against_the_best_of_the_answers(prediction, answers, exact, f1):
    assert exact_match(prediction, answers) is exact
    assert token_f1(prediction, answers) == pytest.approx(f1)


def test_scores_are_means_over_questions():
    found = score(["gold", "the silver", "", "x"], [["gold"], ["silver spoon"], [], ["y"]])
    assert (found.exact.n, found.exact.value) == (4, 0.5)
    assert found.f1.value == pytest.approx((1 + 2 / 3 + 1 + 0) / 4)
    assert found.f1.low <= found.f1.value <= found.f1.high


@given(TEXT, st.lists(TEXT, max_size=4))
def test_one_more_answer_never_lowers_a_score(prediction, answers):
    assert 0 <= token_f1(prediction, answers) <= 1
    if answers:
        assert token_f1(prediction, [*answers, "gold"]) >= token_f1(prediction, answers)
        assert exact_match(prediction, [*answers, prediction])


@given(TEXT, TEXT)
def test_overlap_is_the_same_from_both_sides(left, right):
    assert token_f1(left, [right]) == token_f1(right, [left])


@given(TEXT, TEXT)
def test_an_exact_match_of_words_has_an_f1_of_one(prediction, answer):
    if exact_match(prediction, [answer]) and normalised(answer):
        assert token_f1(prediction, [answer]) == 1


@pytest.mark.parametrize(
    ("predictions", "answers", "words"),
    [
        ([], [], "no predictions and answers to judge"),
        (["a"], [["a"], ["b"]], "different numbers of examples: 1 and 2"),
        (["gold"], ["gold"], "a list, not the text 'gold'"),
    ],
)
def test_questions_and_answers_that_do_not_fit_are_refused(predictions, answers, words):
    with pytest.raises(ValueError, match=words):
        score(predictions, answers)


def test_the_best_span_begins_and_ends_in_the_passage():
    found = best_span([9, 0, 5, 1, 4], [9, 0, 1, 6, 2], [False, False, True, True, True])
    assert found is not None
    assert (found.start, found.end, found.score, found.empty_score) == (2, 3, 11, 18)


def test_a_span_never_ends_before_it_begins():
    found = best_span([0, 0, 9], [9, 0, 0], [True] * 3)
    assert found is not None
    assert (found.start, found.end) in {(2, 2), (0, 0)}
    assert found.score == 9


def test_a_span_is_no_longer_than_allowed():
    found = best_span([9, 0, 0, 0], [0, 0, 1, 9], [True] * 4, longest=3)
    assert found is not None
    assert (found.start, found.end) == (0, 2)


def test_a_span_does_not_reach_across_a_gap():
    found = best_span([9, 0, 0], [0, 0, 9], [True, False, True])
    assert found is not None
    assert (found.start, found.end) == (0, 0)


def test_of_equal_spans_the_earlier_and_shorter_counts():
    found = best_span([1, 1, 1], [1, 1, 1], [True] * 3)
    assert found is not None
    assert (found.start, found.end) == (0, 0)


def test_without_a_passage_there_is_no_span():
    assert best_span([1, 2], [1, 2], [False, False]) is None


LOGITS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5), st.booleans()), min_size=1, max_size=14)


@settings(deadline=None)
@given(LOGITS, st.integers(1, 16))
def test_no_other_span_is_better_than_the_best(tokens, longest):
    starts, ends, allowed = zip(*tokens, strict=True)
    found = best_span(starts, ends, allowed, longest)
    spans = [
        (-starts[one] - ends[other], one, other)
        for one in range(len(tokens))
        for other in range(one, min(one + longest, len(tokens)))
        if all(allowed[one : other + 1])
    ]
    wanted = min(spans, default=None)
    assert (found and (-found.score, found.start, found.end)) == wanted


@pytest.mark.parametrize(
    ("starts", "ends", "allowed", "longest", "words"),
    [
        ([], [], [], 30, "they must be as many"),
        ([1], [1, 2], [True], 30, "1 start logits, 2 end logits and 1 marks"),
        ([1, math.nan], [1, 2], [True] * 2, 30, "the start logit of token 1 is nan"),
        ([1, 2], [math.inf, 2], [True] * 2, 30, "the end logit of token 0 is inf"),
        ([1], [1], [True], 0, "at least one token"),
    ],
)
def test_logits_that_point_nowhere_are_refused(starts, ends, allowed, longest, words):
    with pytest.raises(ValueError, match=words):
        best_span(starts, ends, allowed, longest)


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32))
def test_many_examples_at_once_are_each_alone(n, tokens, longest, seed):
    random = np.random.default_rng(seed)
    starts, ends = random.integers(-3, 4, (2, n, tokens)).astype("float32")
    allowed = random.random((n, tokens)) < 0.7
    found = best_spans(starts, ends, allowed, longest)
    for row in random.integers(0, n, 5).tolist():
        alone = best_span(starts[row].tolist(), ends[row].tolist(), allowed[row].tolist(), longest)
        told = (found.start[row], found.end[row], found.score[row], found.empty_score[row])
        assert told[:2] == (-1, -1) if alone is None else told == vars_of(alone)


def vars_of(span):
    return span.start, span.end, span.score, span.empty_score


@pytest.mark.parametrize(
    ("starts", "ends", "allowed", "words"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), np.ones((2, 3)), "start logits of"),
        (np.zeros((0, 3)), np.zeros((0, 3)), np.ones((0, 3)), "start logits of"),
        (np.zeros(3), np.zeros(3), np.ones(3), "start logits of"),
        (np.zeros((600, 2)), np.vstack([np.zeros((599, 2)), [[0, math.nan]]]), np.ones((600, 2)),
         "the end logit of token 1 of example 599 is nan"),
    ],
)  # fmt: skip
def test_tables_of_logits_that_point_nowhere_are_refused(starts, ends, allowed, words):
    with pytest.raises(ValueError, match=words):
        best_spans(starts, ends, allowed)


def test_a_model_is_compared_with_its_parent_question_by_question():
    found = versus(
        ["gold", "silver", "", "x"], ["gold", "silver spoon", "y", "z"], [["gold"], ["silver spoon"], [], ["w"]]
    )
    assert (found.exact.both, found.exact.gained, found.exact.lost, found.exact.neither) == (1, 1, 1, 1)
    assert found.f1.value == pytest.approx((0 + (2 / 3 - 1) + 1 + 0) / 4)
    assert found.f1.low <= found.f1.value <= found.f1.high


def test_a_model_that_answers_as_its_parent_does_is_not_certain_to_do_so_always():
    """Nothing differs, so nothing can be drawn: the interval says how many questions there were."""
    few, many = (versus(["x"] * n, ["x"] * n, [["x"]] * n).f1 for n in (3, 300))
    assert few.value == many.value == 0
    assert -1 <= few.low < many.low < 0 < many.high < few.high <= 1


def test_scores_that_are_all_equal_still_have_an_interval():
    assert score(["x"] * 5, [["x"]] * 5).f1.low < 0.6
    assert score(["x"] * 5, [["y"]] * 5).f1.high > 0.4
    middle = score(["x y"] * 5, [["y z"]] * 5).f1
    assert middle.low < middle.value == pytest.approx(0.5)
    assert middle.high > middle.value


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, max_size=2)), min_size=1, max_size=20))
def test_to_change_sides_changes_the_sign(rows):
    mine, parents, answers = zip(*rows, strict=True)
    there, back = versus(mine, parents, answers), versus(parents, mine, answers)
    assert there.f1.value == pytest.approx(-back.f1.value)
    assert (there.exact.gained, there.exact.lost) == (back.exact.lost, back.exact.gained)


def test_a_model_that_guesses_evenly_has_as_much_perplexity_as_there_are_tokens():
    found = perplexity([10 * math.log(1 / 50), 4 * math.log(1 / 50)], [10, 4])
    assert found.value == pytest.approx(50)
    assert (found.texts, found.tokens) == (2, 14)


def test_a_long_text_weighs_more_than_a_short_one():
    found = perplexity([3 * math.log(1 / 2), math.log(1 / 16)], [3, 1])
    assert found.value == pytest.approx(2 ** ((3 + 4) / 4))


def test_certainty_has_a_perplexity_of_one_and_rounding_does_not_go_below():
    assert perplexity([0.0], [5]).value == 1
    assert perplexity([1e-6], [5]).value == 1


def test_what_is_beyond_a_double_is_infinite():
    assert perplexity([-1e6], [2]).value == math.inf


def test_numbers_of_numpy_are_numbers():
    assert perplexity(np.array([-1.0, -2.0]), np.array([1, 2])).nats == 1


@given(st.lists(st.tuples(st.floats(-50, 0), st.integers(1, 50)), min_size=1))
def test_perplexity_lies_between_that_of_the_best_and_of_the_worst_text(texts):
    found = perplexity(*zip(*texts, strict=True))
    alone = [perplexity([value], [count]).value for value, count in texts]
    assert min(alone) * (1 - 1e-9) <= found.value <= max(alone) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("sums", "counts", "words"),
    [
        ([], [], "0 log-likelihoods for 0 texts"),
        ([-1.0], [1, 2], "1 log-likelihoods for 2 texts"),
        ([-1.0, math.nan], [1, 1], "the log-likelihood of text 1 is nan"),
        ([-math.inf], [1], "the log-likelihood of text 0 is -inf"),
        ([0.5], [1], "above 0 it is none"),
        ([-1.0], [0], "text 0 has 0 tokens"),
        ([-1.0], [1.5], r"text 0 has 1\.5 tokens"),
    ],
)
def test_likelihoods_that_are_none_are_refused(sums, counts, words):
    with pytest.raises(ValueError, match=words):
        perplexity(sums, counts)


def test_equal_outputs_agree():
    found = agreement([[1, 2], [4, 3]], [[1, 2], [4, 3]], 0.0)
    assert (found.same.value, found.largest, found.within, found.unexplained) == (1, 0, True, 0)


def test_a_difference_is_judged_against_the_spread():
    found = agreement([[0, 10], [5, 1]], [[0, 10], [5, 1.5]], 0.05)
    assert (found.largest, found.worst, found.share, found.within) == (0.5, 1, 0.05, True)
    assert not agreement([[0, 10], [5, 1]], [[0, 10], [5, 1.6]], 0.05).within


def test_a_near_tie_may_fall_either_way_and_a_clear_answer_may_not():
    first = [[0, 10], [5.0, 4.9], [9, 1]]
    found = agreement(first, [[0, 10], [4.9, 5.0], [1, 9]], 0.05)
    assert found.same.value == pytest.approx(1 / 3)
    assert (found.unexplained, found.worst, found.within) == (1, 2, False)


def test_zeros_from_a_kernel_that_misread_its_file_are_found():
    random = np.random.default_rng(1)
    good = random.normal(size=(50, 3))
    found = agreement(good, np.zeros((50, 3)), 0.15)
    assert not found.within
    assert found.unexplained > 0


def test_outputs_without_any_spread_agree_only_with_themselves():
    assert agreement([[1, 1]], [[1, 1]], 0.1).within
    assert not agreement([[1, 1]], [[1, 1.001]], 0.1).within


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**32))
def test_what_lies_within_the_tolerance_leaves_nothing_unexplained(n, classes, seed):
    random = np.random.default_rng(seed)
    first = random.normal(size=(n, classes))
    spread = first.max() - first.min()
    second = first + random.uniform(-0.099, 0.099, first.shape) * spread
    found = agreement(first, second, 0.1)
    assert found.within
    assert found.unexplained == 0


@pytest.mark.parametrize(
    ("first", "second", "tolerance", "words"),
    [
        ([], [], 0.1, "no outputs to judge"),
        ([[1, 2]], [[1, 2], [3, 4]], 0.1, "different numbers of examples: 1 and 2"),
        ([[1, 2]], [[1, 2, 3]], 0.1, "outputs of 2 and of 3 classes"),
        ([[1, math.nan]], [[1, 2]], 0.1, "the first side's output for example 0 holds NaN"),
        ([[1, 2]], [[1, math.inf]], 0.1, "the second side's output for example 0 holds NaN or infinity"),
        ([[1, 2], [3]], [[1, 2], [3, 4]], 0.1, "the first side's outputs are no table of numbers"),
        ([["a", "b"]], [[1, 2]], 0.1, "no table of numbers"),
        ([1, 2], [1, 2], 0.1, r"have the shape \(2,\)"),
        ([[]], [[]], 0.1, r"have the shape \(1, 0\)"),
        ([[1, 2]], [[1, 2]], 1.0, "a tolerance is a share"),
        ([[1, 2]], [[1, 2]], math.nan, "a tolerance is a share"),
    ],
)
def test_outputs_that_cannot_be_compared_are_refused(first, second, tolerance, words):
    with pytest.raises(ValueError, match=words):
        agreement(first, second, tolerance)
