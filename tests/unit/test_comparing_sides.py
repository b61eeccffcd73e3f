"""Which runs stand against which, and what is said of them: sides whose truth is known."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.comparing import Answer
from orchestrator.comparing.measured import Axis, Measured
from orchestrator.comparing.pairing import Terms, Why, pair_cases
from orchestrator.comparing.verdicts import (
    Basis,
    Compared,
    FailOn,
    case_text,
    change_text,
    compare_sides,
    failing,
    run_text,
)
from orchestrator.errors import UsageError
from orchestrator.runs import RunStatus
from orchestrator.runtimes import usual_delegate
from orchestrator.trust.verdicts import Verdict
from tests.comparisons import measured, runs_of, scattered

QUIET = (10.0, 10.05, 9.95, 10.02, 9.98)
OPPOSITE = {Answer.FASTER: Answer.SLOWER, Answer.SLOWER: Answer.FASTER}


def compare(first: Sequence[Measured], second: Sequence[Measured], terms: Terms | None = None, **more: Any) -> Compared:
    return compare_sides(("A", first), ("B", second), terms or Terms(), **({"floors": {}} | more))


def answers(compared: Compared) -> dict[str, Answer]:
    return {case.text("device"): case.comparison.answer for case in compared.cases}


# ------------------------------------------------------------------------------------------------ who is paired


def test_two_boards_are_never_paired_whichever_is_faster() -> None:
    """A peer's table has the Jetson's times as the Raspberry Pi's, because both were the second row of their file."""
    before = [*runs_of(100, 101, 99, device="raspberry"), *runs_of(10, 10.1, 9.9, device="jetson")]
    after = [*runs_of(10, 10.1, 9.9, sweep_id=2, device="jetson"), *runs_of(50, 51, 49, sweep_id=2, device="odroid")]
    compared = compare(before, after)
    assert answers(compared) == {"jetson": Answer.SAME}
    told = {one.run.fingerprint.device: one.because for one in compared.unpaired}
    assert set(told) == {"raspberry", "odroid"}
    assert "two boards are never paired" in told["raspberry"]
    with pytest.raises(UsageError, match="two boards are never paired"):
        Terms(across=frozenset({"device"}))


def test_nobody_is_paired_by_the_order_of_rows() -> None:
    devices = [f"board-{number}" for number in range(8)]
    before = [
        run for level, name in enumerate(devices, 1) for run in runs_of(*(level * one for one in QUIET), device=name)
    ]
    after = [replace(run, job_id=f"b{run.job_id}", sweep_id=2) for run in before]
    random.Random(3).shuffle(after)
    compared = compare(before, after)
    assert answers(compared) == dict.fromkeys(devices, Answer.SAME)
    assert all(case.comparison.ratio == pytest.approx(1) for case in compared.cases)


def test_what_is_compared_may_differ_and_nothing_else() -> None:
    before = runs_of(*QUIET, model="bert", digest="a" * 64)
    after = runs_of(*(one * 1.2 for one in QUIET), model="roberta", digest="b" * 64, sweep_id=2)
    assert not compare(before, after).cases
    by_model = Terms(frozenset({Axis.MODEL}))
    compared = compare(before, after, by_model)
    assert [case.comparison.answer for case in compared.cases] == [Answer.SLOWER]
    assert case_text(compared.cases[0]) == "kitchen · bert → roberta · litert · 1 thread"
    four = [replace(run, fingerprint=replace(run.fingerprint, threads=4)) for run in after]
    other = compare(before, four, by_model)
    assert not other.cases
    assert [one.because for one in other.unpaired] == [
        "not measured on the second side; there with threads 4",
        "not measured on the first side; there with threads 1",
    ]


MANNERS = {
    "version": "2.4.0",
    "inputs": ("int32 1x128",),
    "protocol": "standard",
    "governor": "powersave",
    "held_clock_khz": 600_000,
    "scope": "end_to_end",
}


@pytest.mark.parametrize("field", MANNERS)
def test_another_manner_of_measuring_is_refused_by_name_until_it_is_allowed_by_name(field: str) -> None:
    before, after = runs_of(*QUIET), runs_of(*QUIET, sweep_id=2, **{field: MANNERS[field]})
    compared = compare(before, after)
    assert not compared.cases
    (refused,) = compared.unpaired
    assert (refused.why, refused.fields) == (Why.REFUSED, (field,))
    assert refused.because.startswith(f"{field}: ")
    assert answers(compare(before, after, Terms(across=frozenset({field})))) == {"kitchen": Answer.SAME}


@pytest.mark.parametrize(("field", "value"), [("kind", "loopback"), ("emulated", "qemu-user")])
def test_real_and_other_boards_never_stand_in_one_ratio(field: str, value: str) -> None:
    before, after = runs_of(*QUIET), runs_of(*QUIET, sweep_id=2, **{field: value, "device": "attic"})
    (refused,) = compare(before, after, Terms(frozenset({Axis.DEVICE}))).unpaired
    assert refused.fields == (field,)
    with pytest.raises(UsageError, match="never stand in one ratio"):
        Terms(across=frozenset({field}))


def test_a_field_that_does_not_exist_is_an_error_that_lists_the_fields() -> None:
    with pytest.raises(UsageError) as error:
        Terms(across=frozenset({"colour"}))
    assert "governor" in error.value.hint
    assert "device" not in error.value.hint


def test_two_runtimes_are_compared_each_with_what_it_does_by_itself() -> None:
    before = runs_of(*QUIET)
    after = runs_of(*QUIET, sweep_id=1, runtime="onnxruntime", version="1.20.0", delegate=usual_delegate("onnxruntime"))
    found = pair_cases(before, after, Terms(frozenset({Axis.RUNTIME})))
    assert len(found.pairs) == 1
    other = [replace(run, fingerprint=replace(run.fingerprint, delegate="none")) for run in before]
    assert not pair_cases(other, after, Terms(frozenset({Axis.RUNTIME}))).pairs


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "2.4.0"}, "the first side has more than one version: 2.3.0, 2.4.0"),
        ({"digest": "e" * 64}, "the first side has more than one artifact of bert: dddddddddddd, eeeeeeeeeeee"),
    ],
)
def test_a_side_of_two_things_has_no_figure(change: dict[str, Any], told: str) -> None:
    before = [*runs_of(*QUIET), *runs_of(*QUIET, sweep_id=3, **change)]
    (mixed,) = compare(before, runs_of(*QUIET, sweep_id=2), Terms(across=frozenset({"version"}))).unpaired
    assert (mixed.why, mixed.because) == (Why.MIXED, told)


def test_of_two_versions_on_one_side_the_other_is_told_apart() -> None:
    before = [*runs_of(*QUIET), *runs_of(*QUIET, sweep_id=3, version="2.2.0")]
    compared = compare(before, runs_of(*QUIET, sweep_id=2))
    assert answers(compared) == {"kitchen": Answer.SAME}
    (alone,) = compared.unpaired
    assert (alone.why, alone.on_first, alone.on_second) == (Why.MISSING, True, False)


def test_blocks_of_one_sweep_on_one_board_are_pairs_and_those_of_two_boards_are_not() -> None:
    drifting = [10.0, 12.0, 9.0, 14.0, 11.0]
    before = runs_of(*drifting)
    after = runs_of(*(one * 1.1 for one in drifting), threads=2)
    (case,) = compare(before, after, Terms(frozenset({Axis.THREADS}))).cases
    assert (case.comparison.paired, case.comparison.answer) == (True, Answer.SLOWER)
    elsewhere = [replace(run, fingerprint=replace(run.fingerprint, device="attic", threads=1)) for run in after]
    (case,) = compare(before, elsewhere, Terms(frozenset({Axis.DEVICE}))).cases
    assert (case.comparison.paired, case.comparison.answer) == (False, Answer.INCONCLUSIVE)
    assert case.devices == ("kitchen", "attic")


# --------------------------------------------------------------------------------------------- what is believed


def test_suspect_runs_are_left_out_unless_they_are_wanted_and_invalid_ones_always() -> None:
    doubt = {"verdict": Verdict.SUSPECT, "reasons": ("throttled",)}
    after = [*runs_of(*QUIET, sweep_id=2), *runs_of(20, 21, 22, sweep_id=3, **doubt)]
    (case,) = compare(runs_of(*QUIET), after).cases
    assert case.comparison.answer is Answer.SAME
    assert case.notes == ("second side: 3 runs left out, suspect: throttled",)
    (case,) = compare(runs_of(*QUIET), after, Terms(include_suspect=True)).cases
    assert case.comparison.second_n == 8
    assert case.notes == ("with 3 runs that are suspect: throttled",)
    broken = [replace(run, verdict=Verdict.INVALID) for run in after]
    (none,) = compare(runs_of(*QUIET), broken, Terms(include_suspect=True)).unpaired
    assert (none.why, none.because) == (Why.SUSPECT, "all runs of the second side are invalid: throttled")


def test_a_side_that_is_suspect_as_a_whole_is_told_with_its_reasons() -> None:
    after = runs_of(*QUIET, sweep_id=2, verdict=Verdict.SUSPECT, reasons=("throttled", "others_ran"))
    (one,) = compare(runs_of(*QUIET), after).unpaired
    assert one.because == "all runs of the second side are suspect: throttled, others_ran"
    assert (one.on_first, one.on_second) == (True, False)


def test_what_somebody_vouched_for_counts_although_it_is_suspect() -> None:
    before = runs_of(*QUIET, verdict=Verdict.SUSPECT, reasons=("throttled",), vouched=True)
    assert answers(compare(before, runs_of(*QUIET, sweep_id=2))) == {"kitchen": Answer.SAME}


def test_a_case_that_fails_now_is_a_regression_and_one_that_was_not_tried_is_none() -> None:
    broken = [measured(None, sweep_id=2, message="Segmentation fault", version=None)]
    compared = compare(runs_of(*QUIET), broken)
    (one,) = compared.unpaired
    assert (one.why, one.broke) == (Why.FAILED, True)
    assert one.because == "crashed on the second side: Segmentation fault"
    assert failing(compared, [FailOn.REGRESSION]) == [f"{run_text(one.run)}: {one.because}"]
    for status in (RunStatus.LOST, RunStatus.SKIPPED):
        (one,) = compare(runs_of(*QUIET), [replace(broken[0], status=status)]).unpaired
        assert not one.broke, status
    (both,) = compare(broken, [replace(run, sweep_id=3) for run in broken]).unpaired
    assert not both.broke


def test_runs_that_failed_beside_others_are_told() -> None:
    after = [*runs_of(*QUIET, sweep_id=2), measured(None, sweep_id=2, status=RunStatus.OUT_OF_MEMORY, block=9)]
    (case,) = compare(runs_of(*QUIET), after).cases
    assert case.notes == ("second side: 1 run gave no measurement: out of memory",)


def test_another_artifact_under_the_same_name_is_compared_and_told() -> None:
    (case,) = compare(runs_of(*QUIET), runs_of(*QUIET, sweep_id=2, digest="e" * 64)).cases
    assert case.notes == ("another artifact of bert: dddddddddddd → eeeeeeeeeeee",)


# ---------------------------------------------------------------------------------------------------- thresholds


def test_the_threshold_is_the_boards_noise_floor_unless_one_is_given() -> None:
    before, after = runs_of(*QUIET), runs_of(*(one * 1.03 for one in QUIET), sweep_id=2)
    (case,) = compare(before, after).cases
    assert (case.comparison.answer, case.basis, case.comparison.threshold) == (Answer.SAME, Basis.USUAL, 0.05)
    (case,) = compare(before, after, floors={"kitchen": 0.01, "attic": 0.5}).cases
    assert (case.comparison.answer, case.basis, case.comparison.threshold) == (Answer.SLOWER, Basis.NOISE_FLOOR, 0.01)
    (case,) = compare(before, after, floors={"kitchen": 0.01}, threshold=0.1).cases
    assert (case.comparison.answer, case.basis, case.comparison.threshold) == (Answer.SAME, Basis.GIVEN, 0.1)


def test_of_two_boards_the_noisier_one_says_what_is_noise() -> None:
    after = runs_of(*QUIET, sweep_id=2, device="attic")
    by_device = Terms(frozenset({Axis.DEVICE}))
    (case,) = compare(runs_of(*QUIET), after, by_device, floors={"kitchen": 0.01, "attic": 0.03}).cases
    assert case.comparison.threshold == 0.03
    (case,) = compare(runs_of(*QUIET), after, by_device, floors={"kitchen": 0.01}).cases
    assert case.basis is Basis.USUAL


def test_among_a_hundred_equals_hardly_one_alarms() -> None:
    alarms = 0
    for seed in range(20):
        before = [
            run for number in range(25) for run in scattered(100 * seed + number, device=f"b{number}", spread=0.02)
        ]
        after = [
            run
            for number in range(25)
            for run in scattered(5000 + 100 * seed + number, device=f"b{number}", spread=0.02, sweep_id=2)
        ]
        found = compare(before, after, threshold=0.01)
        alarms += found.count(Answer.SLOWER) + found.count(Answer.FASTER) > 0
    assert alarms <= 2, "of 20 comparisons of 25 equal cases each"


# ----------------------------------------------------------------------------------------------------- properties


medians = st.lists(st.floats(1, 1000), min_size=1, max_size=8)


@given(first=medians, second=medians)
@settings(max_examples=60)
def test_swapping_the_sides_inverts_the_ratio_and_the_answer(first: list[float], second: list[float]) -> None:
    sides = runs_of(*first), runs_of(*second, sweep_id=2)
    (there,), (back,) = compare(*sides).cases, compare(*sides[::-1]).cases
    assert there.comparison.ratio == pytest.approx(1 / back.comparison.ratio)
    expected = OPPOSITE.get(there.comparison.answer, there.comparison.answer)
    near = any(
        abs(one - edge) < 1e-7 for one in (there.comparison.low, there.comparison.high) for edge in (1, 1.05, 1 / 1.05)
    )
    assert near or back.comparison.answer is expected


@given(values=st.lists(st.floats(1, 1000), min_size=2, max_size=8))
@settings(max_examples=60)
def test_what_took_equally_long_block_by_block_is_the_same(values: list[float]) -> None:
    side = runs_of(*values)
    twin = [replace(run, job_id=f"b{run.job_id}") for run in side]
    (case,) = compare(side, twin).cases
    assert case.comparison.ratio == pytest.approx(1)
    if len(values) >= 3:
        assert case.comparison.answer is Answer.SAME


@given(order=st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_the_order_of_the_runs_changes_nothing(order: random.Random) -> None:
    before = [run for name in "abc" for run in scattered(ord(name), device=name)]
    after = [run for name in "bcd" for run in scattered(7 * ord(name), device=name, sweep_id=2)]
    expected = compare(before, after)
    shuffled = [*before], [*after]
    for side in shuffled:
        order.shuffle(side)
    found = compare(*shuffled)
    assert [(one.text("device"), one.comparison.answer) for one in found.cases] == [
        (one.text("device"), one.comparison.answer) for one in expected.cases
    ]
    assert [one.run.fingerprint.device for one in found.unpaired] == ["a", "d"]


@given(
    first=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([1, 2]), st.sampled_from(["x", "y"])), max_size=12),
    second=st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([1, 2]), st.sampled_from(["x", "y"])), max_size=12
    ),
)
@settings(max_examples=60)
def test_every_case_of_both_sides_is_told_once(first: list[Any], second: list[Any]) -> None:
    sides = [
        [
            measured(10, sweep_id=number, block=block, device=d, threads=t, governor=g)
            for block, (d, t, g) in enumerate(side)
        ]
        for number, side in enumerate((first, second))
    ]
    found = pair_cases(sides[0], sides[1], Terms())
    for pair in found.pairs:
        assert (
            len(
                {
                    (run.fingerprint.device, run.fingerprint.threads, run.fingerprint.governor)
                    for run in (*pair.first, *pair.second)
                }
            )
            == 1
        )
    told = {(pair.first[0].fingerprint.device, pair.first[0].fingerprint.threads) for pair in found.pairs}
    told |= {(one.run.fingerprint.device, one.run.fingerprint.threads) for one in found.unpaired}
    assert told == {(d, t) for d, t, _ in (*first, *second)}


def test_runs_on_both_sides_are_no_evidence() -> None:
    runs = runs_of(*QUIET)
    with pytest.raises(UsageError, match="3 runs stand on both sides"):
        compare(runs, runs[2:])
    with pytest.raises(UsageError, match="both sides are the same 5 runs"):
        compare(runs, runs[::-1])


def test_a_change_without_an_interval_says_so() -> None:
    (case,) = compare(runs_of(10), runs_of(11, sweep_id=2)).cases
    assert change_text(case.comparison) == "+10.0 % [not known]"
    assert case.comparison.more_runs == 4
