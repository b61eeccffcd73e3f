import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.metrics import accuracy, confusion, macro_f1, macro_f1_of, mcnemar, wilson
from orchestrator.metrics.mcnemar import exact_p, paired

CLASSES = 4
LABELS = st.integers(0, CLASSES - 1)
PREDICTED = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # examples of R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_gives_the_published_figures(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 10**6), data=st.data())
def test_wilsons_interval_holds_the_share_and_stays_between_nothing_and_all(n, data):
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    other_low, other_high = wilson(n - successes, n)
    assert (low, high) == pytest.approx((1 - other_high, 1 - other_low), abs=1e-12)


@given(st.integers(1, 1000))
def test_more_examples_make_the_interval_narrower(n):
    few, many = wilson(n, 2 * n), wilson(10 * n, 20 * n)
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(("successes", "n"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_a_share_of_what_is_not_there_is_refused(successes, n):
    with pytest.raises(ValueError, match="is no share"):
        wilson(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, 95.0, math.nan])
def test_a_confidence_in_percent_is_refused(confidence):
    with pytest.raises(ValueError, match="a confidence lies between 0 and 1"):
        wilson(1, 2, confidence)


def test_rows_of_the_table_are_what_was_wanted():
    assert confusion([0, 1, 1, 2], [0, 0, 1, 1], 3) == ((1, 1, 0), (0, 1, 1), (0, 0, 0))


def test_accuracy_counts_by_hand():
    found = accuracy([0, 1, 1, 2, 0], [0, 0, 1, 1, 0], 3)
    assert (found.n, found.value) == (5, 0.6)
    assert (found.low, found.high) == wilson(3, 5)


def test_macro_f1_by_hand():
    # class 0: TP 2, FP 0, FN 1: 4/5; class 1: TP 1, FP 1, FN 1: 1/2; class 2: TP 0, FP 1, FN 0: 0
    assert macro_f1([0, 1, 1, 2, 0], [0, 0, 1, 1, 0], 3).value == pytest.approx((0.8 + 0.5 + 0) / 3)


def test_a_class_that_nobody_wanted_or_predicted_counts_for_nothing():
    three, nine = macro_f1([0, 1, 1], [0, 0, 1], 3), macro_f1([0, 1, 1], [0, 0, 1], 9)
    assert three.value == nine.value == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_always_the_most_frequent_class_has_good_accuracy_and_a_bad_macro_f1():
    wanted = [0] * 90 + [1] * 10
    assert accuracy([0] * 100, wanted, 2).value == 0.9
    assert macro_f1([0] * 100, wanted, 2).value == pytest.approx(2 * 90 / (2 * 90 + 10) / 2)


@settings(deadline=None, max_examples=40)
@given(PREDICTED)
def test_intervals_hold_their_figure_unless_it_lies_at_an_end(pairs):
    predicted, wanted = zip(*pairs, strict=True)
    for found in (accuracy(predicted, wanted, CLASSES), macro_f1(predicted, wanted, CLASSES)):
        assert 0 <= found.low <= found.high <= 1
    assert accuracy(predicted, wanted, CLASSES).value == sum(a == b for a, b in pairs) / len(pairs)


@settings(deadline=None, max_examples=40)
@given(PREDICTED, st.permutations(range(CLASSES)))
def test_renaming_the_classes_changes_nothing(pairs, names):
    predicted, wanted = zip(*pairs, strict=True)
    renamed = [names[one] for one in predicted], [names[one] for one in wanted]
    assert macro_f1(*renamed, CLASSES).value == pytest.approx(macro_f1(predicted, wanted, CLASSES).value)
    assert accuracy(*renamed, CLASSES) == accuracy(predicted, wanted, CLASSES)


@settings(deadline=None, max_examples=30)
@given(PREDICTED, st.randoms())
def test_the_order_of_the_examples_changes_nothing(pairs, random):
    mixed = list(pairs)
    random.shuffle(mixed)
    found, wanted = [
        macro_f1([one for one, _ in some], [other for _, other in some], CLASSES) for some in (pairs, mixed)
    ]
    assert found == wanted


def test_perfect_predictions_have_no_doubt_about_their_macro_f1():
    found = macro_f1([0, 1, 2] * 20, [0, 1, 2] * 20, 3)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_the_bootstrap_interval_is_about_as_wide_as_theory_says():
    # Two classes of equal size, right in 80 of 100 each: macro-F1 is then nearly accuracy.
    random = np.random.default_rng(1)
    wanted = random.integers(0, 2, 2000)
    predicted = np.where(random.random(2000) < 0.8, wanted, 1 - wanted)
    one, other = macro_f1(predicted, wanted, 2), accuracy(predicted, wanted, 2)
    assert one.high - one.low == pytest.approx(other.high - other.low, rel=0.1)
    assert one.low < one.value < one.high


@pytest.mark.parametrize(
    ("predicted", "wanted", "classes", "words"),
    [
        ([], [], 2, "no predictions and labels to judge"),
        ([0], [0, 1], 2, "different numbers of examples: 1 and 2"),
        ([0, 2], [0, 1], 2, "predictions: example 1 has class 2, and there are 2"),
        ([0, 1], [0, -1], 2, "labels: example 1 has class -1"),
        ([0.5, 1], [0, 1], 2, "predictions must be whole numbers, not float64"),
        ([0, math.nan], [0, 1], 2, "predictions must be whole numbers"),
        ([0, None], [0, 1], 2, "predictions must be whole numbers"),
        (["a", "b"], [0, 1], 2, "predictions must be whole numbers"),
        ([True, False], [0, 1], 2, "predictions must be whole numbers, not bool"),
        ([[0, 1], [1, 0]], [0, 1], 2, r"one class an example, not an array of shape \(2, 2\)"),
        ([0], [0], 0, "there are no 0 classes"),
    ],
)
@pytest.mark.parametrize("metric", [accuracy, macro_f1, confusion])
def test_garbage_is_one_clear_sentence(metric, predicted, wanted, classes, words):
    with pytest.raises(ValueError, match=words):
        metric(predicted, wanted, classes)


@pytest.mark.parametrize("table", [[], [[1, 2]], [[1.0, 2.0], [0.0, 1.0]], [[1, -2], [0, 4]], [1, 2]])
def test_a_table_that_is_none_is_refused(table):
    with pytest.raises(ValueError, match="a confusion table is square and holds counts"):
        macro_f1_of(table)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="the confusion table is empty"):
        macro_f1_of([[0, 0], [0, 0]])


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (0, 5, 2 / 32), (1, 5, 14 / 64), (0, 10, 2 / 1024), (3, 9, 0.14599609375)],
)
def test_mcnemars_p_by_hand(gained, lost, p):
    assert exact_p(gained, lost) == exact_p(lost, gained) == pytest.approx(p, rel=1e-15)


@pytest.mark.parametrize("counts", [(480, 521), (400, 605), (2, 1100), (0, 1001), (30_000, 30_400)])
def test_many_differences_give_the_same_p_as_whole_numbers(counts):
    n, least = sum(counts), min(counts)
    wanted = 2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n if n < 2000 else None
    if wanted is None:  # the normal distribution with correction for continuity is near enough for so many
        wanted = math.erfc((abs(counts[0] - counts[1]) - 1) / math.sqrt(n) / math.sqrt(2))
    assert exact_p(*counts) == pytest.approx(wanted, rel=1e-11 if n < 2000 else 1e-3)


def test_a_model_is_compared_with_its_parent_example_by_example():
    found = mcnemar([0, 1, 1, 0, 2, 0], [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 1], 3)
    assert (found.both, found.gained, found.lost, found.neither, found.n) == (3, 1, 1, 1, 6)
    assert (found.difference, found.p_value) == (0, 1)


def test_wrong_in_different_ways_is_no_difference():
    found = mcnemar([1, 1], [2, 2], [0, 0], 3)
    assert (found.neither, found.difference, found.p_value) == (2, 0, 1)


COUNTS = st.integers(0, 300)


@settings(max_examples=300)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_interval_of_a_difference_holds_it_and_turns_round_with_it(both, gained, lost, neither):
    if both + gained + lost + neither == 0:
        return
    found, turned = paired(both, gained, lost, neither), paired(both, lost, gained, neither)
    assert -1 - 1e-12 <= found.low <= found.difference + 1e-12
    assert found.difference - 1e-12 <= found.high <= 1 + 1e-12
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low), abs=1e-12)
    assert 0 < found.p_value <= 1


def test_the_interval_of_a_difference_agrees_with_its_test_on_the_whole():
    for lost in range(60):
        found = paired(700, 20, lost, 300 - 20 - lost)
        if found.p_value < 0.02:
            assert not found.low <= 0 <= found.high
        if found.p_value > 0.12:
            assert found.low <= 0 <= found.high


@pytest.mark.parametrize(
    ("counts", "low", "high"), [((36, 12, 2, 0), 0.0569, 0.3404), ((1, 1, 7, 12), -0.5069, -0.0256)]
)
def test_the_interval_of_a_difference_gives_published_figures(counts, low, high):
    # examples of R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, and of M. W. Fagerland et al. (2014)
    found = paired(*counts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_two_models_that_never_differ_still_leave_some_doubt():
    found = paired(90, 0, 0, 10)
    assert found.difference == 0
    assert -0.1 < found.low < 0 < found.high < 0.1


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (-1, 2, 3, 4), (5, 0, -1, 0)])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(ValueError, match="are no counts of examples"):
        paired(*counts)


def test_predictions_of_another_number_of_examples_are_refused():
    with pytest.raises(ValueError, match="2 and 2 and 3"):
        mcnemar([0, 1], [0, 1], [0, 1, 1], 2)
