"""From the runs of a sweep to what each knows of its neighbours."""

import random
from datetime import timedelta

import pytest

from orchestrator.runs import Role
from orchestrator.trust.contexts import Visit, contexts_of
from orchestrator.trust.evidence import Context, Glance, Neighbour
from orchestrator.trust.restlessness import judge_references, move_limit, restlessness
from tests.making import MOMENT

MS = 1_000_000.0


def visit(
    name: str,
    at_s: float,
    median_ns: float | None = MS,
    *,
    lasts_s: float = 5.0,
    role: Role = Role.CASE,
    device: str = "kitchen",
    sweep_id: int = 1,
    version: str | None = "2.3.0",
    boot_id: str | None = "boot",
) -> Visit:
    began = MOMENT + timedelta(seconds=at_s)
    ended = began + timedelta(seconds=lasts_s)
    return Visit((name, 1), sweep_id, device, role, began, ended, median_ns, version, boot_id)


def reference(name: str, at_s: float, median_ns: float = MS, **more: str) -> Visit:
    return visit(name, at_s, median_ns, role=Role.REFERENCE, lasts_s=1.0, **more)


def context(visits: list[Visit], name: str) -> Context:
    return contexts_of(visits, 1)[name, 1]


def test_a_run_lies_between_two_references() -> None:
    visits = [reference("r0", 0), visit("a", 1), reference("r1", 10, 1.01 * MS), visit("b", 11), reference("r2", 20)]
    found = context(visits, "a")
    assert (found.before, found.after, found.usual_ns) == (Glance(MS, False), Glance(1.01 * MS, False), MS)
    assert context(visits, "b").after == Glance(MS, False)
    first = context(visits, "r0")
    assert (first.before, first.after) == (None, Glance(1.01 * MS, False)), "a reference is not beside itself"


def test_the_runs_around_a_reference_that_moved_are_told() -> None:
    medians = [MS, 1.001 * MS, 1.3 * MS, 0.999 * MS, 1.002 * MS]
    visits = [reference(f"r{index}", index * 10, median) for index, median in enumerate(medians)]
    visits += [visit(f"c{index}", index * 10 + 1) for index in range(4)]
    moved = []
    for index in range(4):
        found = context(visits, f"c{index}")
        moved.append([glance is not None and glance.moved for glance in (found.before, found.after)])
    assert moved == [[False, False], [False, True], [True, False], [False, False]]


def test_a_board_without_references_has_an_empty_context() -> None:
    assert context([visit("a", 0)], "a") == Context()
    elsewhere = [visit("a", 1), reference("r", 0, device="attic", boot_id="other")]
    assert context(elsewhere, "a") == Context()


def test_references_of_another_sweep_are_none() -> None:
    other = visit("r", 0, role=Role.REFERENCE, sweep_id=2)
    assert context([other, visit("a", 10)], "a") == Context()


def test_references_of_two_versions_are_not_compared() -> None:
    visits = [reference("r0", 0), visit("a", 1), reference("r1", 10, 2 * MS, version="2.4.0")]
    found = context(visits, "a")
    assert found.before == Glance(MS, False)
    assert found.after == Glance(2 * MS, False)


def test_of_two_references_that_differ_nobody_knows_the_usual_one() -> None:
    visits = [reference("r0", 0), visit("a", 1), reference("r1", 10, 1.2 * MS)]
    found = context(visits, "a")
    assert (found.before, found.after, found.usual_ns) == (Glance(MS, True), Glance(1.2 * MS, True), 1.2 * MS)


def test_runs_that_measured_nothing_have_no_context_and_are_no_reference() -> None:
    visits = [visit("r", 0, None, role=Role.REFERENCE), visit("crashed", 1, None), visit("a", 10)]
    found = contexts_of(visits, 1)
    assert set(found) == {("a", 1)}
    assert found["a", 1] == Context()


def test_another_board_of_the_same_machine_at_the_same_time_is_a_neighbour() -> None:
    visits = [visit("a", 0), visit("b", 3, device="attic"), visit("c", 6, device="shed", boot_id="other")]
    assert context(visits, "a").neighbours == (Neighbour("attic", 2.0),)
    assert context(visits, "b").neighbours == (Neighbour("kitchen", 2.0),)
    assert context(visits, "c").neighbours == ()


def test_runs_one_after_the_other_are_no_neighbours() -> None:
    visits = [visit("a", 0), visit("b", 5, device="attic"), visit("c", 10)]
    assert all(found.neighbours == () for found in contexts_of(visits, 1).values())


def test_a_run_of_another_sweep_is_a_neighbour_too() -> None:
    visits = [visit("a", 0), visit("other", 1, device="attic", sweep_id=2)]
    assert context(visits, "a").neighbours == (Neighbour("attic", 4.0),)
    assert set(contexts_of(visits, 1)) == {("a", 1)}


def test_a_run_that_failed_kept_its_machine_busy_as_well() -> None:
    visits = [
        visit("earlier", -50, device="attic"),
        visit("hung", 0, None, device="attic", boot_id=None),
        visit("a", 2),
    ]
    assert context(visits, "a").neighbours == (Neighbour("attic", 3.0),)


def test_boards_that_tell_no_boot_are_nobodys_neighbours() -> None:
    visits = [visit("a", 0, boot_id=None), visit("b", 0, device="attic", boot_id=None)]
    assert all(found.neighbours == () for found in contexts_of(visits, 1).values())


# -------------------------------------------------------------------------------------------- restless boards


def test_too_few_runs_tell_nothing_of_restlessness() -> None:
    assert restlessness([MS] * 19) is None
    assert restlessness([MS] * 20) == 0.0


def test_a_board_that_goes_to_and_fro_is_restless_and_one_that_changed_once_is_not() -> None:
    rng = random.Random(1)
    swings = [MS * rng.choice((1.0, 1.4)) for _ in range(50)]
    assert (restlessness(swings) or 0) > 0.2
    changed = [MS * rng.gauss(1.0 if index < 25 else 1.4, 0.005) for index in range(50)]
    assert (restlessness(changed) or 0) < 0.02


def test_one_run_of_many_that_had_moved_does_not_make_a_board_restless() -> None:
    medians = [MS * (1 + index % 3 / 1000) for index in range(30)]
    medians[12] *= 1.5
    assert (restlessness(medians) or 0) < 0.01


def test_normal_scatter_hardly_ever_counts_as_a_move() -> None:
    rng = random.Random(2)
    alarms = 0
    for _ in range(300):
        history = [MS * rng.lognormvariate(0, 0.1) for _ in range(50)]
        own = [MS * rng.lognormvariate(0, 0.1) for _ in range(4)]
        alarms += any(judge_references(own, restlessness(history)))
    assert alarms <= 6, "2 % of sweeps on a board that scatters by 10 %"


def test_a_restless_history_raises_the_limit_and_a_quiet_one_does_not() -> None:
    assert move_limit(None) == move_limit(0.01) == 0.05
    assert move_limit(0.1) == pytest.approx(0.2)
    history = {"kitchen": [MS if index % 3 else 1.3 * MS for index in range(60)]}
    visits = [reference("r0", 0), visit("a", 1), reference("r1", 10, 1.2 * MS)]
    found = contexts_of(visits, 1, history)["a", 1]
    assert found.restless == pytest.approx(0.204, abs=0.001)
    assert found.before == Glance(MS, False)


def test_a_long_sweep_tells_of_its_own_board_where_there_is_no_history() -> None:
    visits = [reference(f"r{index}", index * 10.0, MS * (1.2 if index % 2 else 1.0)) for index in range(21)]
    assert (context([*visits, visit("a", 5)], "a").restless or 0) > 0.1
    assert context([*visits[:10], visit("a", 5)], "a").restless is None
