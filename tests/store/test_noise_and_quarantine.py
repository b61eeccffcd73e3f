"""Noise floors, quarantine, and the history of the reference model, as stored."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.records import NoiseRecord, RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.sweep import QUICK, REFERENCE, Purpose, Sweep
from tests.making import MOMENT, make_job, make_model, make_result, make_run

HOUR = timedelta(hours=1)
MODEL = make_model("dynofarm-reference")


def keep_sweep(
    store: Store,
    job_id: str,
    *,
    purpose: Purpose = Purpose.HEALTH,
    role: Role = Role.CASE,
    hours: int = 0,
    **changes: object,
) -> int:
    """A sweep of one job of the reference model that was measured."""
    named = {"model": MODEL.name, "model_digest": MODEL.digest, "protocol": REFERENCE, "role": role}
    job = make_job(job_id, **(named | changes))
    sweep = Sweep(str(purpose), (MODEL.name,), ("all",), purpose=purpose)
    sweep_id = store.create_sweep(sweep, [job], [MODEL], MOMENT)
    assert store.save_run(make_run(job, started=MOMENT + hours * HOUR, finished=MOMENT + hours * HOUR))
    return sweep_id


def floor(sweep_id: int, share: float, hours: int = 0, device: str = "kitchen") -> NoiseRecord:
    return NoiseRecord(device, sweep_id, MOMENT + hours * HOUR, "bert", 5, share, {"medians_ns": [1.0, 2.0]})


def test_the_newest_floor_is_the_one_that_counts(store: Store) -> None:
    sweep_id = keep_sweep(store, "a" * 32, purpose=Purpose.NOISE)
    other = keep_sweep(store, "b" * 32, purpose=Purpose.NOISE)
    assert store.noise_floor("kitchen") is None
    store.keep_noise(floor(other, 0.03, hours=2))
    store.keep_noise(floor(sweep_id, 0.02))
    assert store.noise_floor("kitchen") == floor(other, 0.03, hours=2)
    assert store.noise_floor("attic") is None


def test_a_sweep_that_is_reckoned_again_has_one_floor(store: Store) -> None:
    sweep_id = keep_sweep(store, "a" * 32, purpose=Purpose.NOISE)
    store.keep_noise(floor(sweep_id, 0.03, hours=5))
    store.keep_noise(floor(sweep_id, 0.02))
    assert store.noise_floor("kitchen") == floor(sweep_id, 0.02)


def test_a_board_is_out_until_it_is_released(store: Store) -> None:
    assert store.quarantine("kitchen", "12 % slow", MOMENT)
    assert list(store.quarantined()) == ["kitchen"]
    assert store.quarantined()["kitchen"].reason == "12 % slow"
    released = store.release_board("kitchen", "new power supply", MOMENT + HOUR)
    assert released is not None
    assert (released.released, released.released_why) == (MOMENT + HOUR, "new power supply")
    assert store.quarantined() == {}
    assert store.quarantines("kitchen") == [released]


def test_the_first_reason_stays_while_a_board_is_out(store: Store) -> None:
    assert store.quarantine("kitchen", "12 % slow", MOMENT)
    assert not store.quarantine("kitchen", "20 % slow", MOMENT + HOUR)
    assert store.quarantined()["kitchen"].reason == "12 % slow"


def test_a_board_may_be_out_more_than_once(store: Store) -> None:
    for hours, reason in ((0, "slow"), (2, "fast")):
        assert store.quarantine("kitchen", reason, MOMENT + hours * HOUR)
        assert store.release_board("kitchen", "mended", MOMENT + (hours + 1) * HOUR)
    assert [record.reason for record in store.quarantines("kitchen")] == ["slow", "fast"]


def test_a_board_that_was_not_out_cannot_be_released(store: Store) -> None:
    assert store.release_board("kitchen", "why not", MOMENT) is None


def test_the_history_has_the_reference_runs_of_sweeps_and_of_health_in_order(store: Store) -> None:
    second = keep_sweep(store, "a" * 32, hours=2)
    first = keep_sweep(store, "b" * 32, purpose=Purpose.RESULTS, role=Role.REFERENCE, hours=1)
    runs = store.reference_runs("kitchen", MODEL.digest, REFERENCE.name)
    assert [run.sweep_id for run in runs] == [first, second]
    assert runs[0].runtime_version == "2.3.0"
    assert runs[0].started == MOMENT + HOUR


def test_other_protocols_boards_models_and_runs_apart_are_no_history(store: Store) -> None:
    keep_sweep(store, "a" * 32, protocol=QUICK)
    keep_sweep(store, "b" * 32, device="attic")
    keep_sweep(store, "c" * 32, role=Role.ENERGY)
    keep_sweep(store, "d" * 32, role=Role.PROFILE)
    failed = make_job("e" * 32, model=MODEL.name, model_digest=MODEL.digest, protocol=REFERENCE)
    store.create_sweep(Sweep("health", ("x",), ("all",), purpose=Purpose.HEALTH), [failed], [MODEL], MOMENT)
    store.save_run(make_run(failed, RunStatus.CRASHED))
    assert store.reference_runs("kitchen", MODEL.digest, REFERENCE.name) == []


def test_a_new_baseline_leaves_the_history_before_it_out(store: Store) -> None:
    keep_sweep(store, "a" * 32, hours=0)
    newer = keep_sweep(store, "b" * 32, hours=2)
    store.begin_baseline("kitchen", MOMENT + HOUR)
    assert [run.sweep_id for run in store.reference_runs("kitchen", MODEL.digest, REFERENCE.name)] == [newer]


def test_circumstances_are_those_of_the_runs_asked_for(store: Store) -> None:
    keep_sweep(store, "a" * 32)
    wanted = keep_sweep(store, "b" * 32, hours=3)
    (stood,) = store.circumstances("kitchen", MODEL.digest, REFERENCE.name, [wanted])
    assert (stood.sweep_id, stood.started) == (wanted, MOMENT + 3 * HOUR)
    result = make_result()
    assert (stood.before, stood.after) == (result.conditions_before, result.conditions_after)
    assert stood.facts is not None
    assert stood.loop_wall_s == result.timing.loop_wall_ns / 1e9


@pytest.mark.parametrize("purpose", [Purpose.NOISE, Purpose.HEALTH])
def test_noise_and_health_are_nobodys_results(store: Store, purpose: Purpose) -> None:
    sweep_id = keep_sweep(store, "a" * 32, purpose=purpose)
    assert store.runs() == []
    assert len(store.runs(RunFilter(purposes=()))) == 1
    assert len(store.runs(RunFilter(sweep=sweep_id))) == 1
    assert store.models() == [], "the built-in model is in the list"


def test_a_model_of_the_users_stays_in_the_list_after_its_noise_was_measured(store: Store) -> None:
    store.add_model(make_model())
    sweep = Sweep("noise", ("bert",), ("all",), purpose=Purpose.NOISE)
    store.create_sweep(sweep, [make_job()], [make_model()], MOMENT)
    assert [model.name for model in store.models()] == ["bert"]


def test_an_unfinished_health_check_is_not_taken_up_again(store: Store) -> None:
    owed = make_job("a" * 32)
    nightly = Sweep("nightly", ("bert",), ("all",))
    sweep_id = store.create_sweep(nightly, [owed], [make_model()], MOMENT)
    later = replace(nightly, name="health", purpose=Purpose.HEALTH)
    store.create_sweep(later, [make_job("b" * 32)], [make_model()], MOMENT)
    assert store.last_unfinished_sweep().sweep_id == sweep_id
