"""Comparisons of real runs: a slow-down that was put in is found, none is found where there is none, and undecided
cases are measured on."""

import signal
from pathlib import Path

import pytest

from orchestrator.store import Store
from tests.farming import TestFarm

pytestmark = pytest.mark.integration

ACROSS = ("--include-suspect", "--threshold", "10%", "--across", "options")
"""The machine of the tests is busy, so most runs are suspect; what slows the fake runtime down is an option."""


@pytest.fixture
def local(farm: TestFarm, fake_model: Path) -> TestFarm:
    farm.add_local("kitchen")
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def measure(farm: TestFarm, sleep_ms: float, repeats: int = 5) -> None:
    options = f"{{sleep_ms: {sleep_ms}, jitter: 0.01}}"
    farm.run("run", farm.sweep_of_fakes("kitchen", repeats=repeats, options=options)).ok()


@pytest.mark.timeout(300)
def test_a_slow_down_that_was_put_in_is_found_and_nothing_where_there_is_none(local: TestFarm) -> None:
    for sleep_ms in (20, 20, 30):
        measure(local, sleep_ms)
    same = local.run("compare", "1", "2", *ACROSS, "--json").ok().json
    assert [case["answer"] for case in same["cases"]] in (["same"], ["inconclusive"])
    slower = local.run("compare", "1", "3", *ACROSS, "--fail-on", "regression", "--json").failed(3)
    (case,) = slower.json["cases"]
    assert case["answer"] == "slower"
    assert 1.3 < case["ratio"] < 1.7
    assert "gate: kitchen · fake" in slower.err
    local.run("compare", "3", "1", *ACROSS, "--fail-on", "regression").ok()
    refused = local.run("compare", "1", "3", "--include-suspect").failed(2)
    assert "there with options jitter=0.01, sleep_ms=30" in refused.out


@pytest.mark.timeout(300)
def test_undecided_cases_are_measured_on_in_interleaved_blocks_until_they_are_decided(local: TestFarm) -> None:
    for sleep_ms in (20, 30):
        measure(local, sleep_ms, repeats=1)
    before = local.run("compare", "1", "2", *ACROSS, "--json").ok().json
    assert [case["answer"] for case in before["cases"]] == ["inconclusive"]
    done = local.run("compare", "1", "2", *ACROSS, "--replicate", "until-decided", "--budget", "5m", "--json").ok()
    (case,) = done.json["cases"]
    assert case["answer"] == "slower", done.err
    assert done.json["confidence"] == 0.99
    assert "replication ended: every case is decided; new runs are in sweep 3" in done.err
    with local.store() as store:
        assert_interleaved(store, 3)


def assert_interleaved(store: Store, sweep_id: int) -> None:
    """Each block of the new sweep has each side once, and the sweep says what it is for."""
    record = store.sweep(sweep_id)
    assert (record.name, record.progress.owed) == ("replicate", 0)
    assert record.sweep.notes == "further runs of 1 and 2"
    blocks: dict[int, list[int]] = {}
    for job in store.jobs(sweep_id):
        if job.asked_for:
            blocks.setdefault(job.block, []).append(job.options["sleep_ms"])
    assert blocks
    assert all(sorted(levels) == [20, 30] for levels in blocks.values())


@pytest.mark.timeout(300)
def test_what_cannot_be_run_again_is_said_and_nothing_is_measured(local: TestFarm, fake_model: Path) -> None:
    measure(local, 20, repeats=1)
    measure(local, 20, repeats=1)
    words = ("compare", "1", "2", *ACROSS, "--replicate", "until-decided")
    assert "both sides would be the same job today" in local.run(*words).ok().err
    measure(local, 30, repeats=1)
    fake_model.write_text(fake_model.read_text() + "\n")
    words = ("compare", "1", "3", *ACROSS, "--replicate", "until-decided")
    assert "is gone or changed" in local.run(*words).ok().err
    for name, told in (("soon", "there is no such way"), ("until-decided", "--budget: 'ages' is not a duration")):
        assert told in local.run("compare", "1", "3", "--replicate", name, "--budget", "ages").failed(2).err
    (local.root / "device_profiles" / "kitchen.yaml").unlink()
    assert "there is no profile of kitchen any more" in local.run(*words).ok().err
    with local.store() as store:
        assert len(store.sweeps()) == 3


@pytest.mark.timeout(300)
def test_no_sweep_begins_that_the_time_does_not_suffice_for(local: TestFarm) -> None:
    for sleep_ms in (20, 30):
        measure(local, sleep_ms, repeats=1)
    words = ("compare", "1", "2", *ACROSS, "--replicate", "until-decided", "--budget", "100ms")
    assert "replication ended: the time is over" in local.run(*words).ok().err
    with local.store() as store:
        assert len(store.sweeps()) == 2


@pytest.mark.timeout(300)
def test_whoever_stops_it_keeps_what_was_measured_and_gets_the_comparison(local: TestFarm) -> None:
    for sleep_ms in (20, 21):
        measure(local, sleep_ms, repeats=1)
    words = ("compare", "1", "2", *ACROSS, "--threshold", "0%", "--replicate", "until-decided", "--json")
    watched = local.watch(*words)
    watched.wait_for("look 2 of 5")
    watched.process.send_signal(signal.SIGINT)
    ended = watched.end().failed(130)
    assert "it was stopped" in ended.err
    assert len(ended.json["cases"]) == 1
    with local.store() as store:
        assert store.sweep("last").name == "replicate"
