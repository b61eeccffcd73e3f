"""Baselines in the store, and runs as comparisons see them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import MeasureProtocol
from orchestrator.comparing.baselines import check_name, choose
from orchestrator.comparing.measured import Host
from orchestrator.comparing.selectors import parse_selector
from orchestrator.errors import UnknownName, UsageError
from orchestrator.fingerprint import fingerprint_of
from orchestrator.purpose import Purpose
from orchestrator.records import RunFilter
from orchestrator.runs import Role, RunStatus
from orchestrator.store import Store
from orchestrator.store.measured import BUILT_IN
from orchestrator.store.reading import open_reader
from orchestrator.sweep import PROTOCOLS, RuntimeChoice
from orchestrator.trust.verdicts import Verdict
from tests.comparisons import keep_sweep, measured, runs_of
from tests.making import make_conditions, make_facts, make_model

QUIET = (10.0, 10.05, 9.95)


def put(store: Store, name: str, sweep: int, **filters: Any) -> int:
    runs = store.measured_runs(RunFilter(sweep=sweep, **filters))
    return store.set_baseline(name, {run.job_id: False for run in runs})


def sweeps_in(store: Store, name: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for run in store.baseline_runs(name):
        found.setdefault(run.fingerprint.device, set()).add(run.sweep_id)
    return found


# ------------------------------------------------------------------------------------------- as comparisons see it


@pytest.mark.parametrize(
    ("jobs", "runs"),
    [
        ({}, {}),
        ({"options": {"level": "all", "fast": True}, "runtime": RuntimeChoice("onnxruntime", "1.20.0")}, {}),
        ({}, {"facts": make_facts(emulated="qemu-user"), "device_kind": "emulated"}),
        ({}, {"facts": None}),
        ({"threads": 4}, {"result": {"details": {"held_clock_khz": 1_000_000}}}),
        ({}, {"result": {"conditions_before": make_conditions(governor=None)}}),
    ],
)
def test_a_stored_run_has_the_fingerprint_of_the_run_itself(
    tmp_path: Path, jobs: dict[str, Any], runs: dict[str, Any]
) -> None:
    keep_sweep(tmp_path, {"kitchen": [10.0]}, jobs=jobs, runs=runs)
    with Store.open(tmp_path / "results.db") as store:
        (found,) = store.measured_runs(RunFilter())
        stored = store.run(found.job_id)
        assert found.fingerprint == fingerprint_of(stored.run, make_model())
        assert found.median_ns == stored.summary.median_ns
        assert (found.digest, found.model) == (make_model().digest, "bert")
        assert (found.verdict, found.reasons, found.vouched) == (Verdict.TRUSTED, (), False)
        facts = stored.run.facts
        assert found.host == (facts and Host(facts.machine_id, facts.board, facts.kernel, facts.system))


def test_two_protocols_of_one_name_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    for least in (8, 1000):
        own = MeasureProtocol("custom", 5, 0.5, 2.0, least, 0.0, 60.0)
        keep_sweep(tmp_path, {"kitchen": QUIET}, jobs={"protocol": own})
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        found = [store.measured_runs(RunFilter(sweep=sweep))[0].fingerprint.protocol for sweep in (1, 2, 3)]
    rest = "warmup_inferences 5, warmup_limit_s 2, warmup_s 0.5"
    assert found == [f"custom (max_s 60, min_inferences {least}, min_s 0, {rest})" for least in (8, 1000)] + ["quick"]
    assert set(BUILT_IN) == set(PROTOCOLS)


def test_failed_runs_are_there_with_why(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": [10.0]}, status=RunStatus.CRASHED)
    with Store.open(tmp_path / "results.db") as store:
        (found,) = store.measured_runs(RunFilter())
    assert (found.status, found.message, found.is_measured) == (RunStatus.CRASHED, "it broke", False)
    assert found.fingerprint.governor is None


# ------------------------------------------------------------------------------------------------------- the table


def test_a_baseline_keeps_its_runs_and_takes_new_ones_case_by_case(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET, "attic": QUIET})
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        assert put(store, "main", 1) == 0
        assert sweeps_in(store, "main") == {"kitchen": {1}, "attic": {1}}
        assert put(store, "main", 2) == 3
        assert sweeps_in(store, "main") == {"kitchen": {2}, "attic": {1}}
        (record,) = store.baselines()
        assert (record.name, record.devices, record.sweeps) == ("main", ("attic", "kitchen"), (1, 2))
        assert (record.cases, record.runs, record.forced) == (2, 6, 0)
        assert record.added >= record.created
    with Store.open(tmp_path / "results.db") as again:
        assert len(again.baseline_runs("main")) == 6


def test_a_rebuilt_model_takes_the_place_of_the_old_file_however_its_runtime_was_asked_for(tmp_path: Path) -> None:
    rebuilt = {"model_digest": "e" * 64, "runtime": RuntimeChoice("litert", "2.3.0")}
    keep_sweep(tmp_path, {"kitchen": QUIET, "attic": QUIET})
    keep_sweep(tmp_path, {"kitchen": QUIET}, jobs=rebuilt, models=[make_model(digest="e" * 64)])
    with Store.open(tmp_path / "results.db") as store:
        put(store, "main", 1)
        assert put(store, "main", 2) == 3
        assert sweeps_in(store, "main") == {"kitchen": {2}, "attic": {1}}


def test_two_versions_of_a_runtime_are_two_cases_of_a_baseline(tmp_path: Path) -> None:
    older = {"result": {"runtime_version": "2.2.0"}}
    keep_sweep(tmp_path, {"kitchen": QUIET}, jobs={"runtime": RuntimeChoice("litert", "2.2.0")}, runs=older)
    keep_sweep(tmp_path, {"kitchen": QUIET}, jobs={"runtime": RuntimeChoice("litert", "2.3.0")})
    with Store.open(tmp_path / "results.db") as store:
        assert [put(store, "main", number) for number in (1, 2, 2)] == [0, 0, 3]
        assert sweeps_in(store, "main") == {"kitchen": {1, 2}}


def test_the_last_sweep_is_the_last_that_was_run_for_its_results(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    keep_sweep(tmp_path, {"kitchen": QUIET}, name="noise", purpose=Purpose.NOISE)
    with open_reader(tmp_path / "results.db") as reader:
        for text, sweep in (("last", 1), ("sweep:last", 1), ("noise", 2)):
            found = reader.runs_of_side(parse_selector(text, datetime.now(UTC)))
            assert {run.sweep_id for run in found} == {sweep}, text


def test_a_number_beyond_all_numbers_is_no_sweep(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with open_reader(tmp_path / "results.db") as reader:
        for digits in (19, 5000):
            with pytest.raises(UnknownName, match="there is no sweep"):
                reader.runs_of_side(parse_selector("9" * digits, datetime.now(UTC)))


def test_setting_a_baseline_twice_changes_nothing(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        put(store, "main", 1)
        before = store.baseline_runs("main")
        assert put(store, "main", 1) == 3
        assert store.baseline_runs("main") == before


def test_a_run_may_belong_to_two_baselines_and_removing_one_leaves_the_other(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET, "attic": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        put(store, "main", 1)
        put(store, "v1.0", 1)
        assert store.remove_baseline("main", ["attic"]) == 3
        assert sweeps_in(store, "main") == {"kitchen": {1}}
        assert store.remove_baseline("main") == 3
        assert [one.name for one in store.baselines()] == ["v1.0"]
        assert len(store.runs()) == 6


def test_a_baseline_without_a_run_left_is_gone(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        put(store, "main", 1)
        assert store.remove_baseline("main", ["attic"]) == 0
        assert store.remove_baseline("main", ["kitchen"]) == 3
        assert store.baselines() == []


def test_a_baseline_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        put(store, "main", 1)
        for ask in (store.baseline_runs, store.remove_baseline):
            with pytest.raises(UnknownName, match="near: main"):
                ask("mian")


def test_what_was_not_measured_is_no_baseline(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        good = store.measured_runs(RunFilter())[0].job_id
        with pytest.raises(UnknownName, match="no measurement"):
            store.set_baseline("main", {good: False, "f" * 32: False})
        assert store.baselines() == []


def test_the_view_shows_what_is_in_a_baseline(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with Store.open(tmp_path / "results.db") as store:
        (first, *_) = store.measured_runs(RunFilter())
        store.set_baseline("main", {first.job_id: True})
        with store._database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT baseline, forced, job_id, sweep_id, device, model FROM baselines_view"
            )
            assert rows.all() == [("main", 1, first.job_id, 1, "kitchen", "bert")]


def test_the_looks_at_a_board_are_those_of_its_sweep(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET, "attic": QUIET}, jobs={"role": Role.REFERENCE})
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with open_reader(tmp_path / "results.db") as reader:
        looks = reader.reference_medians([1, 2, 3])
    expected = [pytest.approx(one * 1e6) for one in QUIET]
    assert looks == {("kitchen", 1): expected, ("attic", 1): expected}


def test_the_newest_noise_floor_counts(tmp_path: Path) -> None:
    keep_sweep(tmp_path, {"kitchen": QUIET})
    with open_reader(tmp_path / "results.db") as reader:
        assert reader.noise_floors() == {}
        assert reader.is_sweep("nightly")
        assert not reader.is_sweep("weekly")


# ----------------------------------------------------------------------------------------------- what is let in


def test_trusted_runs_stand_for_a_case_and_suspect_ones_do_not() -> None:
    doubt = {"verdict": Verdict.SUSPECT, "reasons": ("throttled",)}
    runs = [*runs_of(*QUIET), *runs_of(20, 21, sweep_id=2, **doubt)]
    choice = choose(runs, force=False)
    assert {run.job_id for run in choice.kept} == {run.job_id for run in runs[:3]}
    assert (choice.left_out, choice.refused, choice.forced, choice.single) == (2, (), frozenset(), ())


def test_a_case_that_is_suspect_itself_is_refused_unless_it_is_forced() -> None:
    doubt = {"verdict": Verdict.SUSPECT, "reasons": ("throttled",)}
    runs = [*runs_of(10.0), *runs_of(20, 21, sweep_id=2, **doubt)]
    (refused,) = choose(runs, force=False).refused
    assert len(refused) == 3
    forced = choose(runs, force=True)
    assert (len(forced.kept), len(forced.forced), forced.refused) == (3, 2, ())


def test_invalid_runs_never_stand_for_anything() -> None:
    runs = runs_of(*QUIET, verdict=Verdict.INVALID, reasons=("impossible",))
    for force in (False, True):
        choice = choose(runs, force=force)
        assert (choice.kept, len(choice.refused)) == ((), 1)


def test_a_case_with_one_run_is_taken_with_a_word_and_one_without_is_not_there() -> None:
    choice = choose([measured(10.0), measured(None, device="attic")], force=False)
    assert (len(choice.kept), len(choice.single), choice.refused) == (1, 1, ())


@pytest.mark.parametrize(
    "name", ["", "41", "last", "2026-11-03", "a b", "a,b", "a:b", "-x", "main\n", "ä", "x" * 65, "../x", "a\x00b"]
)
def test_a_name_that_a_side_could_not_be_told_by_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a baseline"):
        check_name(name)


@pytest.mark.parametrize("name", ["main", "v1.0", "x" * 64, "pi-4_litert", "0.1"])
def test_ordinary_names_are_names(name: str) -> None:
    check_name(name)
    assert parse_selector(name, datetime.now(UTC)).words == (name,)
