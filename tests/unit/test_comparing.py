import math
import random
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.comparing import Answer, adjust, compare, correct, noise_floor

TRIALS = 2000
OPPOSITE = {
    Answer.FASTER: Answer.SLOWER,
    Answer.SLOWER: Answer.FASTER,
    Answer.SAME: Answer.SAME,
    Answer.INCONCLUSIVE: Answer.INCONCLUSIVE,
}
QUIET = [100.0, 101.0, 99.0, 100.5, 99.5]

medians = st.floats(1e3, 1e10)
sides = st.lists(medians, min_size=1, max_size=14)
thresholds = st.floats(0, 0.5)


def near_an_edge(low: float, high: float, threshold: float) -> bool:
    """So near that rounding may decide."""
    edges = (1, 1 + threshold, 1 / (1 + threshold))
    return any(abs(bound / edge - 1) < 1e-7 for bound in (low, high) for edge in edges if bound < math.inf)


def test_five_per_cent_on_a_quiet_board_are_slower_and_the_other_way_round_faster() -> None:
    slow = [value * 1.06 for value in QUIET]
    found = compare(QUIET, slow)
    assert (found.answer, found.more_runs, found.first_n, found.second_n) == (Answer.SLOWER, 0, 5, 5)
    assert found.ratio == pytest.approx(1.06)
    assert found.low < 1.06 < found.high
    assert compare(slow, QUIET).answer is Answer.FASTER


def test_an_interval_within_the_threshold_is_the_same_even_where_a_difference_is_certain() -> None:
    found = compare(QUIET, [value * 1.03 for value in QUIET])
    assert found.low > 1
    assert found.p_value < 0.001
    assert found.answer is Answer.SAME
    assert compare(QUIET, [value * 1.03 for value in QUIET], threshold=0.01).answer is Answer.SLOWER


def test_a_wide_interval_is_inconclusive_and_says_how_many_runs_would_settle_it() -> None:
    found = compare([100, 110, 92, 104, 97], [104, 96, 113, 101, 108])
    assert found.answer is Answer.INCONCLUSIVE
    assert found.more_runs is not None
    assert 5 < found.more_runs < 100


def test_welch_agrees_with_a_worked_example() -> None:
    # Student's own sleep data (Biometrika 6, 1908), as logs: t = -1.8608, df = 17.776, p = 0.07939.
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    powers = [[math.exp(value) for value in side] for side in (first, second)]
    found = compare(*powers)
    assert not found.bootstrapped
    assert found.p_value == pytest.approx(0.07939, abs=1e-5)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)


def test_pairing_takes_away_what_the_blocks_have_in_common() -> None:
    drift = [1, 1.06, 1.11, 1.19, 1.24]
    first = [a * b for a, b in zip(QUIET, drift, strict=True)]
    second = [1.05 * a * b for a, b in zip(QUIET[::-1], drift, strict=True)]
    blocks = (range(5), range(5))
    assert compare(first, second).answer is Answer.INCONCLUSIVE
    found = compare(first, second, blocks=blocks)
    assert (found.answer, found.paired) == (Answer.SLOWER, True)


def test_runs_without_a_partner_are_left_out_and_runs_of_one_block_count_once() -> None:
    first, second = [100.0, 101.0, 99.0, 100.0], [105.0, 104.0, 106.0, 104.0, 500.0]
    found = compare(first, second, blocks=([0, 1, 2, 3], [3, 2, 1, 1, 9]))
    # Three of the five of the second side's blocks are common, too few runs are lost.
    assert (found.paired, found.first_n, found.second_n) == (True, 3, 3)
    assert found.ratio < 1.1


@pytest.mark.parametrize("blocks", [([0, 1, 2, 3, 4], [5, 6, 7, 8, 9]), ([0, 1, 2, 3, 4], [0, 1, 7, 8, 9])])
def test_where_pairing_is_not_possible_the_sides_stay_whole(blocks: tuple[list[int], list[int]]) -> None:
    found = compare(QUIET, QUIET, blocks=blocks)
    assert (found.paired, found.first_n, found.second_n) == (False, 5, 5)


def test_a_run_far_out_among_ten_does_not_spoil_the_comparison() -> None:
    chance = random.Random(3)
    first = [chance.lognormvariate(0, 0.01) for _ in range(12)]
    second = [1.08 * chance.lognormvariate(0, 0.01) for _ in range(12)]
    second[4] *= 1.6
    found = compare(first, second)
    assert (found.bootstrapped, found.answer) == (True, Answer.SLOWER)
    assert found.high / found.low < 1.05
    assert found == compare(first, second)
    assert compare(first[:9], second[:9]).bootstrapped is False


def test_two_modes_are_no_outliers() -> None:
    first = [1.0, 1.01, 0.99, 1.005, 0.995, 1.002, 1.2, 1.21, 1.19, 1.2]
    assert compare(first, first).bootstrapped is False


@pytest.mark.parametrize("blocks", [None, ([0], [0])])
def test_one_run_a_side_is_inconclusive_and_asks_for_five(blocks: tuple[list[int], list[int]] | None) -> None:
    found = compare([100], [200], blocks=blocks)
    assert found.ratio == pytest.approx(2)
    assert (found.low, found.high) == (0, math.inf)
    assert (found.answer, found.more_runs, found.p_value) == (Answer.INCONCLUSIVE, 4, 1)


@pytest.mark.parametrize("threshold", [0.0, 0.05])
@pytest.mark.parametrize("value", [3.3, 1e-9, 7e11])
@pytest.mark.parametrize("counts", [(2, 2), (3, 7), (12, 11)])
def test_runs_that_are_all_equal_are_the_same(threshold: float, value: float, counts: tuple[int, int]) -> None:
    found = compare([value] * counts[0], [value] * counts[1], threshold=threshold)
    assert (found.answer, found.ratio, found.low, found.high, found.p_value) == (Answer.SAME, 1, 1, 1, 1)


def test_without_any_spread_a_difference_is_a_difference() -> None:
    found = compare([100, 100], [110, 110])
    assert (found.answer, found.p_value) == (Answer.SLOWER, 0)
    assert compare([100, 100], [110, 110], threshold=0.2).answer is Answer.SAME


def test_what_a_thousand_runs_would_not_settle_has_no_number_of_runs() -> None:
    found = compare([1, 3, 1, 3], [3, 1, 3, 1], threshold=0.001)
    assert (found.answer, found.more_runs) == (Answer.INCONCLUSIVE, None)


@pytest.mark.parametrize(
    ("first", "second", "threshold", "said"),
    [
        ([], [1], 0.05, "no runs"),
        ([1], [], 0.05, "no runs"),
        ([1, 0], [1], 0.05, "above zero"),
        ([1], [-1], 0.05, "above zero"),
        ([1], [math.nan], 0.05, "above zero"),
        ([1], [math.inf], 0.05, "above zero"),
        ([1], [1], -0.01, "threshold"),
        ([1], [1], math.nan, "threshold"),
        ([1], [1], math.inf, "threshold"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    first: list[float], second: list[float], threshold: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        compare(first, second, threshold=threshold)


def test_blocks_must_fit_the_runs() -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        compare([1, 2], [1, 2], blocks=([0], [0, 1]))


@settings(deadline=None)
@given(sides, sides, thresholds)
def test_swapping_the_sides_gives_the_reciprocal(first: list[float], second: list[float], threshold: float) -> None:
    there, back = (compare(*both, threshold=threshold) for both in ((first, second), (second, first)))
    assume(not near_an_edge(there.low, there.high, threshold))
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.low * there.high == pytest.approx(1) or (back.low, there.high) == (0, math.inf)
    assert back.answer is OPPOSITE[there.answer]
    assert back.p_value == pytest.approx(there.p_value, abs=1e-9)


@settings(deadline=None)
@given(sides, sides, thresholds, st.floats(1e-3, 1e3))
def test_the_unit_of_the_values_does_not_matter(
    first: list[float], second: list[float], threshold: float, unit: float
) -> None:
    here = compare(first, second, threshold=threshold)
    there = compare([unit * one for one in first], [unit * one for one in second], threshold=threshold)
    assume(here.bootstrapped == there.bootstrapped)  # a run may lie on the fence
    assume(not near_an_edge(here.low, here.high, threshold))
    assert (there.ratio, there.low, there.high) == pytest.approx((here.ratio, here.low, here.high), rel=1e-6)
    assert there.answer is here.answer


@settings(deadline=None)
@given(sides, sides, thresholds, thresholds)
def test_a_larger_threshold_never_makes_an_alarm_and_never_unmakes_the_same(
    first: list[float], second: list[float], one: float, other: float
) -> None:
    strict = compare(first, second, threshold=min(one, other))
    loose = compare(first, second, threshold=max(one, other))
    assert (strict.ratio, strict.low, strict.high) == (loose.ratio, loose.low, loose.high)
    assert loose.answer in (strict.answer, Answer.SAME)


@settings(deadline=None)
@given(sides, sides, thresholds, st.booleans())
def test_whatever_the_runs_the_figures_make_sense(
    first: list[float], second: list[float], threshold: float, paired: bool
) -> None:
    blocks = (range(len(first)), range(len(second))) if paired else None
    found = compare(first, second, threshold=threshold, blocks=blocks)
    assert 0 <= found.low <= found.ratio * (1 + 1e-12)
    assert found.ratio * (1 - 1e-12) <= found.high
    assert 0 <= found.p_value <= 1
    assert math.isfinite(found.ratio)
    if found.answer is Answer.INCONCLUSIVE:
        assert found.more_runs is None or found.more_runs >= 1
    else:
        assert found.more_runs == 0
    if found.answer in (Answer.SLOWER, Answer.FASTER):
        assert found.p_value <= 0.05


Draw = Callable[[random.Random], float]
SHAPES: dict[str, Draw] = {
    "normal": lambda chance: chance.gauss(0, 0.02),
    "heavy-tailed": lambda chance: 0.02 * chance.gauss(0, 1) / math.sqrt(chance.gammavariate(2.5, 1 / 2.5)),
}


@pytest.mark.parametrize("paired", [False, True], ids=["welch", "paired"])
@pytest.mark.parametrize("runs", [3, 5, 10])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_covers_the_truth_in_95_of_100(shape: str, runs: int, paired: bool) -> None:
    chance, draw, truth = random.Random(f"{shape}/{runs}/{paired}"), SHAPES[shape], 1.07
    blocks = (range(runs), range(runs)) if paired else None
    covered = 0
    for _ in range(TRIALS):
        drift = [chance.gauss(0, 0.05 if paired else 0) for _ in range(runs)]
        first = [math.exp(level + draw(chance)) for level in drift]
        second = [truth * math.exp(level + draw(chance)) for level in drift]
        found = compare(first, second, blocks=blocks)
        covered += found.low <= truth <= found.high
    print(f"{shape}, {runs} runs a side, {'paired' if paired else 'Welch'}: {100 * covered / TRIALS:.1f} %")
    assert 0.93 <= covered / TRIALS <= 0.97


def test_the_bootstrap_covers_the_truth_too_and_is_shorter_than_welch_would_be() -> None:
    chance, truth, covered, trials = random.Random(11), 1.07, 0, 0
    while trials < 400:
        sides = [[math.exp(chance.gauss(0, 0.02)) for _ in range(10)] for _ in range(2)]
        sides[chance.randrange(2)][0] *= math.exp(abs(chance.gauss(0, 0.4)))
        found = compare(sides[0], [truth * value for value in sides[1]])
        if found.bootstrapped:
            trials += 1
            covered += found.low <= truth <= found.high
    assert 0.92 <= covered / trials <= 0.99


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg() -> None:
    # The example of their paper (1995, table 1): of 15 hypotheses the first four are rejected at 5 %.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    p_values += [0.7590, 1.0000]
    adjusted = adjust(p_values)
    assert sum(p <= 0.05 for p in adjusted) == 4
    assert adjusted[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=30), st.randoms())
def test_adjusting_keeps_order_and_bounds_and_does_not_ask_for_order(
    p_values: list[float], chance: random.Random
) -> None:
    adjusted = adjust(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [after for _, after in pairs] == sorted(adjusted)
    chance.shuffle(pairs)
    assert adjust([before for before, _ in pairs]) == pytest.approx([after for _, after in pairs])


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_not_adjusted(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjust([0.5, p])


def test_one_alarm_among_many_comparisons_needs_more_evidence() -> None:
    weak = compare([100, 104, 98, 103, 97], [112, 105, 101, 110, 106])
    assert weak.answer is Answer.SLOWER
    assert 0.01 < weak.p_value < 0.05
    same = [compare(QUIET, QUIET[::-1])] * 9
    corrected = correct([weak, *same])
    assert corrected[0].answer is Answer.INCONCLUSIVE
    assert corrected[0].more_runs is not None
    assert corrected[0].more_runs >= 1
    assert (corrected[0].low, corrected[0].high) == (weak.low, weak.high)
    assert corrected[1:] == same
    assert correct([weak]) == [weak]
    assert correct([]) == []


def test_the_noise_floor_is_what_equals_stay_below_in_95_of_100() -> None:
    chance, beyond = random.Random(5), 0
    for _ in range(TRIALS):
        floor = noise_floor([chance.lognormvariate(20, 0.02) for _ in range(10)])
        first, second = ([chance.lognormvariate(20, 0.02) for _ in range(5)] for _ in range(2))
        ratio = compare(first, second).ratio
        beyond += max(ratio, 1 / ratio) > 1 + floor
    assert 0.035 <= beyond / TRIALS <= 0.065


def test_a_comparison_at_the_noise_floor_alarms_in_at_most_5_of_100() -> None:
    chance, alarms = random.Random(6), 0
    for _ in range(TRIALS):
        floor = noise_floor([chance.lognormvariate(20, 0.02) for _ in range(10)])
        first, second = ([chance.lognormvariate(20, 0.02) for _ in range(5)] for _ in range(2))
        alarms += compare(first, second, threshold=floor).answer in (Answer.SLOWER, Answer.FASTER)
    assert alarms / TRIALS <= 0.05


def test_more_runs_have_a_lower_floor_and_equal_runs_have_none() -> None:
    assert noise_floor(QUIET, runs=20) == pytest.approx(noise_floor(QUIET, runs=5) / 2, rel=0.02)
    assert noise_floor([7.0, 7.0, 7.0]) == 0


@pytest.mark.parametrize(("values", "runs"), [([], 5), ([1], 5), ([1, 2], 0), ([1, -2], 5), ([1, math.nan], 5)])
def test_a_floor_needs_runs(values: list[float], runs: int) -> None:
    with pytest.raises(ValueError, match=r"at least|above zero"):
        noise_floor(values, runs)
