"""What is said of a comparison besides its answers, and what a gate makes of it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.comparing import Answer
from orchestrator.comparing.measured import Axis, Host, Measured
from orchestrator.comparing.pairing import Terms
from orchestrator.comparing.verdicts import Compared, FailOn, case_text, compare_sides, failing
from orchestrator.runs import RunStatus
from tests.comparisons import measured, runs_of

QUIET = (10.0, 10.05, 9.95, 10.02, 9.98)
HOST = Host("0" * 32, "Raspberry Pi 4", "6.1.21-v8+", "Debian GNU/Linux 12")


def compare(first: Sequence[Measured], second: Sequence[Measured], terms: Terms | None = None, **more: Any) -> Compared:
    return compare_sides(("A", first), ("B", second), terms or Terms(), **({"floors": {}} | more))


# ----------------------------------------------------------------------------------------------- did the board move


STILL = [1.4e6, 1.41e6, 1.39e6]


def moved(
    looks: dict[tuple[str, int], list[float]], second_sweep: int = 2, **more: Any
) -> tuple[float | None, list[str]]:
    after = runs_of(*(one * 1.1 for one in QUIET), sweep_id=second_sweep, **more)
    terms = Terms(frozenset({Axis.DEVICE, Axis.MODEL}))
    compared = compare(runs_of(*QUIET), after, terms, looks=looks)
    (case,) = compared.cases
    return round(case.moved.ratio, 3) if case.moved else None, failing(compared, [FailOn.REGRESSION])


def test_where_the_reference_model_became_slower_too_the_board_is_named() -> None:
    ratio, (fault,) = moved({("kitchen", 1): STILL, ("kitchen", 2): [one * 1.1 for one in STILL]})
    assert ratio == 1.1
    assert fault.endswith(
        "; the reference model was 10.0 % slower on kitchen in the sweeps of the second side: the board itself changed"
    )


def test_where_it_did_not_move_or_nobody_looked_the_board_is_not_blamed() -> None:
    assert moved({("kitchen", 1): STILL, ("kitchen", 2): STILL})[0] is None
    assert moved({("kitchen", 1): STILL, ("kitchen", 2): [one * 1.02 for one in STILL]})[0] is None
    assert moved({("kitchen", 1): STILL, ("attic", 2): [2e6]})[0] is None
    assert moved({("kitchen", 1): STILL[:1], ("kitchen", 2): [2e6]})[0] is None, "single looks have no interval"
    assert moved({})[0] is None


def test_one_sweep_and_two_boards_tell_nothing_of_it() -> None:
    assert moved({("kitchen", 1): STILL}, 1, model="roberta")[0] is None
    assert moved({("kitchen", 1): STILL, ("attic", 2): [one * 2 for one in STILL]}, device="attic")[0] is None


# --------------------------------------------------------------------------------------------------------- gates


def test_a_gate_for_regressions_lets_a_small_slow_down_pass_and_one_for_slower_does_not() -> None:
    quiet = [10.0, 10.001, 9.999, 10.0005, 9.9995]
    after = [one * (1.049 + 0.0015 * (index - 2)) for index, one in enumerate(quiet)]
    compared = compare(runs_of(*quiet), runs_of(*after, sweep_id=2))
    assert [case.comparison.answer for case in compared.cases] == [Answer.SLOWER]
    assert failing(compared, [FailOn.REGRESSION]) == []
    (told,) = failing(compared, [FailOn.SLOWER])
    assert "slower, +4.9 %" in told
    faster = compare(runs_of(*after), runs_of(*quiet, sweep_id=2))
    assert failing(faster, list(FailOn)) == []


def test_a_gate_that_compared_nothing_fails() -> None:
    compared = compare(runs_of(*QUIET), runs_of(*QUIET, device="attic"))
    assert failing(compared, [FailOn.REGRESSION]) == ["nothing was compared"]


def test_a_gate_for_certainty_fails_where_there_is_no_answer() -> None:
    before = [*runs_of(*QUIET), *runs_of(*QUIET, device="attic"), *runs_of(10, device="cellar")]
    after = [*runs_of(*QUIET, sweep_id=2), *runs_of(10, sweep_id=2, device="cellar")]
    compared = compare(before, after)
    assert failing(compared, [FailOn.REGRESSION, FailOn.SLOWER]) == []
    assert failing(compared, [FailOn.INCONCLUSIVE]) == [
        "cellar · bert · litert · 1 thread: inconclusive, +0.0 % [not known]",
        "attic · bert · litert · 1 thread: not measured on the second side; there with device kitchen, cellar "
        "(two boards are never paired)",
    ]


def test_a_gate_that_compared_nothing_fails_whatever_it_is_for() -> None:
    broken = [measured(None, sweep_id=2)]
    compared = compare(runs_of(*QUIET), broken)
    assert failing(compared, [FailOn.SLOWER]) == ["nothing was compared"]
    (fault,) = failing(compared, [FailOn.REGRESSION])
    assert "crashed on the second side" in fault


@pytest.mark.parametrize("status", [RunStatus.CRASHED, RunStatus.WRONG_OUTPUT, RunStatus.OUT_OF_MEMORY])
def test_a_model_that_fails_now_and_then_is_a_regression_although_it_can_still_be_timed(status: RunStatus) -> None:
    after = [*runs_of(*QUIET[:3], sweep_id=2), *(measured(None, sweep_id=2, block=n, status=status) for n in (3, 4))]
    compared = compare(runs_of(*QUIET), after)
    assert [case.comparison.answer for case in compared.cases] == [Answer.SAME]
    (fault,) = failing(compared, [FailOn.REGRESSION])
    told = f"2 runs failed on the second side and none on the first: {status.replace('_', ' ')}"
    assert fault == f"kitchen · bert · litert · 1 thread: {told}"
    assert failing(compared, [FailOn.SLOWER]) == []


def test_what_failed_before_as_well_or_was_only_lost_is_no_regression() -> None:
    def some(status: RunStatus, sweep_id: int) -> list[Measured]:
        return [*runs_of(*QUIET, sweep_id=sweep_id), measured(None, sweep_id=sweep_id, block=7, status=status)]

    both = compare(some(RunStatus.CRASHED, 1), some(RunStatus.TIMED_OUT, 2))
    lost = compare(runs_of(*QUIET), some(RunStatus.LOST, 2))
    mended = compare(some(RunStatus.CRASHED, 1), runs_of(*QUIET, sweep_id=2))
    assert [failing(one, [FailOn.REGRESSION]) for one in (both, lost, mended)] == [[], [], []]


def test_what_failed_under_another_version_is_not_laid_to_this_one() -> None:
    after = [
        *runs_of(*QUIET, sweep_id=2),
        *runs_of(*QUIET, sweep_id=2, version="2.4.0"),
        measured(None, sweep_id=2, version="2.4.0"),
    ]
    before = [*runs_of(*QUIET), *runs_of(*QUIET, version="2.4.0")]
    (fault,) = failing(compare(before, after), [FailOn.REGRESSION])
    assert fault.startswith("kitchen · bert · litert · 1 thread · version 2.4.0: 1 run failed")


# ---------------------------------------------------------------------------------------------------------- names


def test_cases_that_only_the_manner_of_measuring_tells_apart_have_names_that_tell_it() -> None:
    sides = [
        [*runs_of(*QUIET, sweep_id=number), *runs_of(*QUIET, sweep_id=number, version="2.2.0", governor="powersave")]
        for number in (1, 2)
    ]
    compared = compare(*sides)
    assert {case_text(case) for case in compared.cases} == {
        "kitchen · bert · litert · 1 thread · version 2.3.0, governor performance",
        "kitchen · bert · litert · 1 thread · version 2.2.0, governor powersave",
    }
    alone = compare(sides[0], sides[1][:5])
    (one,) = alone.unpaired
    assert one.manner == "version 2.2.0, governor powersave"
    assert [case_text(case) for case in compare(runs_of(*QUIET), runs_of(*QUIET, sweep_id=2)).cases] == [
        "kitchen · bert · litert · 1 thread"
    ]


def test_thousands_of_cases_without_a_partner_do_not_look_at_each_other() -> None:
    """When each looked at all others, these took minutes; 60 s is what a test may take."""
    before = [measured(10, device=f"a{number}", threads=threads) for number in range(1500) for threads in (1, 4)]
    after = [replace(run, job_id=f"b{run.job_id}", model="other") for run in before]
    compared = compare(before, after)
    assert len(compared.unpaired) == 6000
    assert {one.because for one in compared.unpaired} == {
        "not measured on the second side; there with model other",
        "not measured on the first side; there with model bert",
    }


# ---------------------------------------------------------------------------------------------------------- notes


CHANGES = {
    "machine id 000000000000 → 111111111111": replace(HOST, machine_id="1" * 32),
    "kernel 6.1.21-v8+ → 6.6.0-v8+": replace(HOST, kernel="6.6.0-v8+"),
    "system Debian GNU/Linux 12 → Debian GNU/Linux 13": replace(HOST, system="Debian GNU/Linux 13"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_machine_or_system_under_the_name_of_a_board_is_told(change: str) -> None:
    (case,) = compare(runs_of(*QUIET, host=HOST), runs_of(*QUIET, sweep_id=2, host=CHANGES[change])).cases
    assert case.notes == (f"kitchen itself is another: {change}",)


def test_a_board_that_changed_in_the_middle_of_a_side_is_told() -> None:
    after = [*runs_of(*QUIET, sweep_id=2, host=HOST), *runs_of(*QUIET, sweep_id=3, host=replace(HOST, kernel="6.6"))]
    (case,) = compare(runs_of(*QUIET, host=HOST), after).cases
    assert case.notes == ("kitchen itself is another: kernel 6.1.21-v8+ → 6.1.21-v8+ and 6.6",)


def test_a_board_that_never_said_what_it_is_and_two_boards_are_not_told_of() -> None:
    silent = replace(HOST, machine_id="")
    for before, after in ((HOST, None), (HOST, silent), (HOST, HOST)):
        (case,) = compare(runs_of(*QUIET, host=before), runs_of(*QUIET, sweep_id=2, host=after)).cases
        assert case.notes == ()
    elsewhere = runs_of(*QUIET, device="attic", host=replace(HOST, machine_id="1" * 32))
    (case,) = compare(runs_of(*QUIET, host=HOST), elsewhere, Terms(frozenset({Axis.DEVICE}))).cases
    assert case.notes == ()


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"kind": "emulated", "emulated": "qemu-user"}, "qemu-user"), ({"kind": "loopback"}, "loopback")],
)
def test_what_is_no_real_board_says_so_beside_every_ratio(fields: dict[str, Any], told: str) -> None:
    (case,) = compare(runs_of(*QUIET, **fields), runs_of(*QUIET, sweep_id=2, **fields)).cases
    assert case.notes == (f"not a real board: {told}",)
