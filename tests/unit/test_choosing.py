"""What fits, what is best of it, and why the others fell out: on candidates whose truth is known."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.choosing import Candidate, Choice, Objective, State, choose, parse_limits
from orchestrator.choosing.asking import Answer
from orchestrator.choosing.candidates import Place, join_places, worst_of
from orchestrator.choosing.front import dominates, front_of, is_better
from orchestrator.choosing.limits import ACCURACY, FILE, LIMITS, MEMORY, P50
from orchestrator.errors import UsageError
from orchestrator.report.best import best_sheet, best_values, boards_sheet
from orchestrator.report.best_words import headline, notes
from orchestrator.study import Figure
from orchestrator.study.failures import Failure, Kind
from orchestrator.study.figures import between_runs, exactly
from tests.choices import candidate, latency, on_boards, row, share


def chosen(
    *candidates: Candidate, on: Sequence[str] = ("pi",), objective: Objective = Objective.LATENCY, **limits: str
) -> Choice:
    return choose(candidates, on, parse_limits(limits), objective, {})


def said(choice: Choice) -> str:
    answer = Answer(choice, "model", None, (), include_suspect=False)
    return "\n".join([*headline(answer), *notes(answer)])


def best(choice: Choice) -> str | None:
    return choice.winners.first.model if choice.winners else None


def states(choice: Choice) -> dict[str, State]:
    return {fit.candidate.model: fit.state for fit in choice.fits}


def test_a_candidate_fits_when_the_whole_interval_holds() -> None:
    found = chosen(
        candidate("fast"),
        candidate("near", p90_ns=latency(49.9)),
        candidate("slow", p90_ns=latency(60)),
        max_p90="50ms",
    )
    assert states(found) == {"fast": State.FEASIBLE, "near": State.UNDECIDED, "slow": State.OUT}
    assert best(found) == "fast"


def test_what_is_undecided_says_how_many_more_runs_would_decide_it() -> None:
    found = chosen(candidate("near", p90_ns=latency(49.9)), max_p90="50ms")
    assert found.winners is None
    (check,) = found.undecided[0].telling
    assert "more runs would probably decide it" in check.because


def test_one_run_holds_nothing() -> None:
    alone = between_runs([10e6])
    assert states(chosen(candidate("once", p90_ns=alone), max_p90="50ms")) == {"once": State.UNDECIDED}


@pytest.mark.parametrize(
    ("limit", "missing"),
    [
        ("max_energy", "energy_j_per_item"),
        ("min_accuracy", "accuracy"),
        ("max_p99", "p99_ns"),
        ("max_rss", "peak_rss_bytes"),
    ],
)
def test_what_was_not_measured_fulfils_no_limit(limit: str, missing: str) -> None:
    asked = {"max_energy": "1J", "min_accuracy": "0.1", "max_p99": "10s", "max_rss": "1TB"}[limit]
    found = chosen(candidate("mini", **{missing: None}), **{limit: asked})
    assert states(found) == {"mini": State.UNMEASURED}
    assert "not measured" in found.unmeasured[0].telling[0].text


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Kind.INFEASIBLE, State.OUT),
        (Kind.FAILED, State.OUT),
        (Kind.UNSUPPORTED, State.OUT),
        (Kind.INVALID, State.UNMEASURED),
        (Kind.MISSING, State.UNMEASURED),
    ],
)
def test_what_never_ran_fits_nowhere_even_without_limits(kind: Kind, state: State) -> None:
    bare: dict[str, Any] = {"p50_ns": None, "p90_ns": None, "peak_rss_bytes": None, "runs": 0}
    found = chosen(candidate("mini", failure=Failure(kind, "out of memory", ""), **bare))
    assert states(found) == {"mini": state}
    assert found.winners is None


def test_without_limits_everything_measured_fits_and_the_objective_decides() -> None:
    small = candidate("small", file_bytes=1000, p50_ns=latency(30))
    fast = candidate("fast", file_bytes=9000)
    assert best(chosen(small, fast)) == "fast"
    assert best(chosen(small, fast, objective=Objective.SIZE)) == "small"


@pytest.mark.parametrize(
    ("objective", "better"),
    [
        (Objective.ACCURACY, {"accuracy": share(0.9)}),
        (Objective.ENERGY, {"energy_j_per_item": Figure(0.001, 0.0009, 0.0011, 3)}),
        (Objective.MEMORY, {"peak_rss_bytes": 10_000_000}),
        (Objective.SIZE, {"file_bytes": 1_000_000}),
        (Objective.LATENCY, {"p50_ns": latency(5)}),
    ],
)
def test_each_objective_has_its_own_figure_and_way(objective: Objective, better: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"accuracy": share(0.7), "energy_j_per_item": Figure(0.002, 0.0019, 0.0021, 3)}
    found = chosen(candidate("worse", **plain), candidate("better", **(plain | better)), objective=objective)
    assert best(found) == "better"
    assert found.winners is not None
    assert found.winners.others == ()


def test_what_the_intervals_cannot_tell_apart_is_named_and_the_smaller_is_taken() -> None:
    large = candidate("large", p50_ns=latency(10.0, 0.05), file_bytes=9_000_000)
    small = candidate("small", p50_ns=latency(10.1, 0.05), file_bytes=1_000_000)
    slow = candidate("slow", p50_ns=latency(20.0, 0.05), file_bytes=500_000)
    found = chosen(large, small, slow)
    assert best(found) == "small"
    assert found.winners is not None
    assert [one.model for one in found.winners.others] == ["large"]
    assert "same within the noise: small, litert 2.3.0, 1 thread, xnnpack; large" in said(found)
    assert "the smaller is small" in said(found)


def test_equals_in_everything_are_told_as_such() -> None:
    found = chosen(candidate("a"), candidate("b"))
    assert found.winners is not None
    assert (found.winners.first.model, found.winners.because) == ("a", "")
    assert "nothing else tells them apart" in said(found)


def test_of_one_file_run_in_two_ways_the_faster_way_is_the_best_in_size() -> None:
    slow, fast = candidate(threads=1, p50_ns=latency(20)), candidate(threads=4, p50_ns=latency(10))
    found = chosen(slow, fast, objective=Objective.SIZE)
    assert found.winners is not None
    assert found.winners.first.threads == 4
    assert found.winners.because == "faster"
    assert "same size" in said(found)


def test_many_rivals_are_all_compared_at_once() -> None:
    """Nine in ten of a hundred equals must not be beaten by the luckiest of them."""
    dice = random.Random(5)
    equals = [
        candidate(f"m{index}", p50_ns=between_runs([10e6 * dice.lognormvariate(0, 0.02) for _ in range(5)]))
        for index in range(100)
    ]
    found = chosen(*equals)
    assert found.winners is not None
    assert len(found.winners.others) >= 90


def test_an_objective_that_nobody_measured_gives_no_best() -> None:
    found = chosen(candidate("mini"), objective=Objective.ENERGY)
    assert found.winners is None
    assert len(found.feasible) == 1
    assert "of nothing that fits on pi is the energy known: 1 fits" in said(found)


def test_an_undecided_candidate_that_looks_better_is_named() -> None:
    sure = candidate("sure", p50_ns=latency(20), p90_ns=latency(22))
    unsure = candidate("unsure", p50_ns=latency(10), p90_ns=between_runs([12e6]))
    assert "undecided, but it looks better: unsure" in said(chosen(sure, unsure, max_p90="50ms"))


def test_the_nearest_miss_is_said_with_its_interval() -> None:
    near = candidate("tweets-int8", p90_ns=Figure(54e6, 52e6, 56e6, 5))
    far = candidate("bert", p90_ns=latency(500))
    found = chosen(far, near, max_p90="50ms")
    assert [fit.candidate.model for fit in found.out] == ["tweets-int8", "bert"]
    assert "nothing fits on pi: 2 fell out" in said(found)
    assert "nearest: tweets-int8, litert 2.3.0, 1 thread, xnnpack misses p90 by 4.00 ms [2.00, 6.00]" in said(found)


def test_the_miss_of_an_accuracy_counts_downwards() -> None:
    found = chosen(candidate("mini", accuracy=share(0.70, 0.01)), min_accuracy="74%")
    (miss,) = found.nearest
    assert (miss.amount.value, miss.amount.low, miss.amount.high) == pytest.approx((0.04, 0.03, 0.05))
    assert "misses accuracy by 4.00 points [3.0, 5.0]" in said(found)


def test_what_was_measured_whole_is_nearer_than_what_lacks_a_figure() -> None:
    lacks = candidate("lacks", peak_rss_bytes=201_000_000, p90_ns=None)
    whole = candidate("whole", peak_rss_bytes=300_000_000)
    found = chosen(lacks, whole, max_rss="200MB", max_p90="50ms")
    assert found.nearest[0].fit.candidate.model == "whole"
    assert states(found) == {"lacks": State.OUT, "whole": State.OUT}


def test_a_candidate_must_hold_on_every_board_and_the_worst_counts() -> None:
    both = on_boards("both", pi={}, jetson={"p90_ns": latency(40), "p50_ns": latency(35)})
    one = on_boards("one", pi={}, jetson={"p90_ns": latency(60)})
    alone = on_boards("alone", pi={"p90_ns": latency(1)})
    found = chosen(both, one, alone, on=("jetson", "pi"), max_p90="50ms")
    assert states(found) == {"both": State.FEASIBLE, "one": State.OUT, "alone": State.UNMEASURED}
    worst = worst_of(both, P50, ("pi", "jetson"))
    assert worst is not None
    assert worst.device == "jetson"
    assert "on jetson, where it is worst" in said(found)
    answer = Answer(found, "model", None, (), include_suspect=False)
    table = boards_sheet(answer)
    assert [row[1:3] for row in table.rows[:2]] == [("jetson", "feasible"), ("pi", "feasible")]


def test_a_worst_of_some_boards_is_none() -> None:
    found = on_boards("mini", pi={"accuracy": share(0.8)}, jetson={})
    assert worst_of(found, ACCURACY, ("pi", "jetson")) is None
    assert worst_of(found, ACCURACY, ("pi",)) is not None
    assert worst_of(found, P50, ("pi", "attic")) is None


def test_boards_may_run_different_versions_of_what_was_asked_for() -> None:
    places = [Place(row(device="pi"), 1), Place(row(device="old", runtime_version="2.1.0"), 1)]
    (joined,) = join_places(places)
    assert joined.version is None
    assert joined.text == "mini, litert, 1 thread, xnnpack"
    axis = [*places, Place(row(device="pi", runtime_version="2.1.0"), 1)]
    assert {(one.version, tuple(one.places)) for one in join_places(axis)} == {
        ("2.3.0", ("pi",)),
        ("2.1.0", ("old", "pi")),
    }


def test_a_board_without_any_result_is_named() -> None:
    assert "nothing at all was measured on attic" in said(chosen(candidate(), on=("attic", "pi")))


def test_a_board_that_is_not_real_is_labelled() -> None:
    assert "pi (emulated)" in said(chosen(candidate(device_kind="emulated")))


def test_the_front_keeps_what_nothing_beats_in_everything() -> None:
    small = candidate("small", file_bytes=1000, p50_ns=latency(30))
    fast = candidate("fast", file_bytes=9000, p50_ns=latency(10))
    beaten = candidate("beaten", file_bytes=9000, p50_ns=latency(40))
    noisy = candidate("noisy", file_bytes=9000, p50_ns=latency(10.01, 0.2))
    found = chosen(small, fast, beaten, noisy)
    assert {one.fit.candidate.model: one.on_front for one in found.feasible} == {
        "small": True,
        "fast": True,
        "beaten": False,
        "noisy": True,
    }
    assert found.axes == (P50, FILE, MEMORY)


def test_an_axis_that_some_candidate_lacks_is_left_out_and_named() -> None:
    found = chosen(candidate("a", accuracy=share(0.8)), candidate("b"))
    assert ACCURACY in found.left_out
    assert "not measured on all: accuracy, energy" in said(found)


@pytest.mark.parametrize(
    ("name", "text", "bound"),
    [
        ("max_p90", "50ms", 50.0),
        ("max_p50", "1.5 s", 1500.0),
        ("max_rss", "200MB", 200e6),
        ("max_size", "1 MiB", 2**20),
        ("max_energy", "5mJ", 0.005),
        ("max_energy", "0.2 J", 0.2),
        ("min_accuracy", "0.74", 0.74),
        ("min_accuracy", "74 %", 0.74),
        ("min_items_per_s", "20", 20.0),
    ],
)
def test_limits_are_read_with_their_units(name: str, text: str, bound: float) -> None:
    (limit,) = parse_limits({name: text})
    assert limit.bound == pytest.approx(bound)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("max_p90", "50", "has no unit"),
        ("max_p90", "fast", "is not a duration"),
        ("max_p90", "-5ms", "is not a duration"),
        ("max_p90", "50ms on any device", "is not a duration"),
        ("max_rss", "200 bananas", "is not a size"),
        ("max_energy", "5", "is not an energy"),
        ("max_energy", "5 kWh", "is not an energy"),
        ("min_accuracy", "74", "is not a share"),
        ("min_accuracy", "101%", "is not a share"),
        ("min_items_per_s", "20/s", "is not a number"),
        ("min_items_per_s", "nan", "is not a number"),
        ("max_size", "", "is not a size"),
        ("max_p99", "9" * 400, "has no unit"),
    ],
)
def test_a_limit_that_is_none_names_its_option(name: str, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}: .*{told}"):
        parse_limits({name: text})


def test_an_unknown_limit_lists_the_known_ones_and_numbers_are_taken_where_they_are_clear() -> None:
    with pytest.raises(UsageError, match="there is no limit 'max_speed'") as caught:
        parse_limits({"max_speed": "1"})
    assert "max_p90" in caught.value.hint
    assert [limit.bound for limit in parse_limits({"max_rss": 200_000_000, "min_accuracy": 0.74})] == [2e8, 0.74]
    with pytest.raises(UsageError, match="--max-p90: '50' has no unit"):
        parse_limits({"max_p90": 50})


@given(st.sampled_from(sorted(LIMITS)), st.text(max_size=20))
def test_whatever_is_typed_is_a_limit_or_a_usage_error(name: str, text: str) -> None:
    try:
        (limit,) = parse_limits({name: text})
    except UsageError:
        return
    assert limit.bound >= 0


def made(numbers: tuple[float, float, int, int]) -> dict[str, Figure]:
    middle, spread, size, memory = numbers
    return {P50: latency(middle, spread), FILE: exactly(size), MEMORY: exactly(memory)}


FIGURES = st.tuples(
    st.sampled_from([1.0, 1.01, 1.5, 2.0, 10.0]),
    st.sampled_from([0.0, 0.01, 0.1]),
    st.sampled_from([1000, 2000, 3000]),
    st.sampled_from([10**6, 10**6 + 4096, 2 * 10**6]),
)


@given(st.lists(FIGURES, max_size=12))
def test_the_front_is_exactly_what_no_other_dominates(numbers: list[tuple[float, float, int, int]]) -> None:
    some = [made(one) for one in numbers]
    front = set(front_of(some))
    for place, one in enumerate(some):
        beaten = any(dominates(other, one) for at, other in enumerate(some) if at != place)
        assert (place in front) is not beaten
    assert bool(front) is bool(some), "something is always on it"


@given(FIGURES, FIGURES)
def test_of_two_at_most_one_dominates_the_other(
    first: tuple[float, float, int, int], second: tuple[float, float, int, int]
) -> None:
    one, other = made(first), made(second)
    assert not (dominates(one, other) and dominates(other, one))
    assert not dominates(one, one)


@given(st.floats(1.0, 100.0), st.floats(1.0, 100.0), st.floats(0.9, 0.9999))
def test_more_confidence_tells_less_apart(first: float, second: float, confidence: float) -> None:
    sides = latency(first), latency(second)
    if is_better(P50, *sides, confidence=confidence):
        assert is_better(P50, *sides, confidence=0.9)


CANDIDATES = st.lists(st.tuples(FIGURES, st.sampled_from([None, 0.7, 0.75, 0.8])), min_size=1, max_size=8)


def built(numbers: list[tuple[tuple[float, float, int, int], float | None]]) -> list[Candidate]:
    return [
        candidate(
            f"m{place}",
            p50_ns=latency(one[0], one[1]),
            p90_ns=latency(one[0] * 1.2, one[1]),
            file_bytes=one[2],
            peak_rss_bytes=one[3],
            accuracy=None if right is None else share(right),
        )
        for place, (one, right) in enumerate(numbers)
    ]


@given(CANDIDATES, st.sampled_from([1.0, 1.2, 1.8, 2.4]), st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_a_tighter_limit_never_makes_more_feasible(numbers: Any, limit_ms: float, factor: float) -> None:
    some = built(numbers)
    loose = {one.fit.candidate.model for one in chosen(*some, max_p90=f"{limit_ms:.6f}ms").feasible}
    tight = {one.fit.candidate.model for one in chosen(*some, max_p90=f"{limit_ms * factor:.6f}ms").feasible}
    assert tight <= loose


@given(CANDIDATES, st.randoms(use_true_random=False), st.sampled_from(list(Objective)))
def test_the_order_of_candidates_does_not_matter(numbers: Any, dice: random.Random, objective: Objective) -> None:
    some = built(numbers)
    turned = list(some)
    dice.shuffle(turned)
    assert chosen(*some, objective=objective, max_p90="2ms") == chosen(*turned, objective=objective, max_p90="2ms")


@given(CANDIDATES, st.sampled_from(list(Objective)))
def test_every_candidate_is_told_once_and_the_best_is_one_that_fits(numbers: Any, objective: Objective) -> None:
    some = built(numbers)
    found = chosen(*some, objective=objective, max_p90="2ms", min_accuracy="0.6")
    assert sorted(fit.candidate.model for fit in found.fits) == sorted(one.model for one in some)
    fitting = {one.fit.candidate.model for one in found.feasible}
    if found.winners is not None:
        assert {found.winners.first.model, *(one.model for one in found.winners.others)} <= fitting
    assert {one.fit.candidate.model for one in found.feasible if one.on_front} <= fitting


def test_every_candidate_has_a_row_in_the_table_and_in_the_values() -> None:
    found = chosen(
        candidate("fast"), candidate("slow", p90_ns=latency(60)), candidate("bare", p90_ns=None), max_p90="50ms"
    )
    answer = Answer(found, "model", "tweets/test", ("mail/test",), include_suspect=False)
    sheet, values = best_sheet(answer), best_values(answer)
    assert [row[0] for row in sheet.rows] == ["best", "out", "not measured"]
    assert [one["state"] for one in values["candidates"]] == ["feasible", "out", "not measured"]
    assert values["candidates"][1]["boards"][0]["checks"][0]["state"] == "out"
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)
    assert "there are answers on mail/test; choose with --data" in "\n".join(notes(answer))


def test_hostile_names_stay_text() -> None:
    nasty = '<script>alert("x")</script>|`[red]\u202e'
    answer = Answer(chosen(candidate(nasty)), "model", None, (), include_suspect=False)
    assert best_values(answer)["best"].startswith(nasty)
    assert any(nasty in cell for row in best_sheet(answer).rows for cell in row)


def test_runs_of_one_board_are_compared_block_by_block() -> None:
    """A drift that both share falls out where blocks are known."""
    from orchestrator.choosing.ties import winners

    first, second = candidate("first", p50_ns=latency(10, 0.3)), candidate("second", p50_ns=latency(11, 0.3))
    assert winners([first, second], Objective.LATENCY, ["pi"], {}) is not None
    without = winners([first, second], Objective.LATENCY, ["pi"], {})
    assert without is not None
    assert len(without.others) == 1
    drift = (0.7, 0.85, 1.0, 1.15, 1.3)
    paired = [
        replace(
            one,
            places={
                "pi": replace(
                    one.places["pi"], runs=tuple(_run(middle * factor, block) for block, factor in enumerate(drift))
                )
            },
        )
        for one, middle in ((first, 10.0), (second, 11.0))
    ]
    with_blocks = winners(paired, Objective.LATENCY, ["pi"], {"pi": 0.02})
    assert with_blocks is not None
    assert (with_blocks.first.model, with_blocks.others) == ("first", ())


def _run(median_ms: float, block: int) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(sweep_id=1, block=block, median_ns=median_ms * 1e6)
