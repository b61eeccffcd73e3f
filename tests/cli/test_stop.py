"""`stop`: what it says where nobody runs a sweep, where several run, and where nobody answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.claims import myself
from orchestrator.records import MUTE_AFTER
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import MOMENT, make_job, make_run


@pytest.fixture
def store(farm: Path) -> Iterator[Store]:
    """Of a farm with two sweeps, of which the first is not finished."""
    keep_runs(farm, [make_run(make_job("a" * 32))], more=[make_job("b" * 32)], name="early")
    keep_runs(farm, [make_run(make_job("c" * 32))], name="late")
    with Store.open(farm / "results.db") as opened:
        yield opened


def test_where_no_sweep_runs_there_is_nothing_to_stop(dynofarm: Dynofarm, store: Store) -> None:
    assert dynofarm("stop").ok().err == "no sweep runs\n"
    told = dynofarm("stop", "--json").ok().json
    assert told == {"sweep": None, "state": "not_running", "owed": None, "sittings": []}


def test_a_sweep_that_nobody_runs_is_told_with_how_to_go_on(dynofarm: Dynofarm, store: Store) -> None:
    said = dynofarm("stop", "early").ok()
    assert said.err == "nobody runs sweep 1\n  next: to go on with it: dynofarm run --resume 1\n"
    assert dynofarm("stop", "2").ok().err == "nobody runs sweep 2\n"
    told = dynofarm("stop", "1", "--json").ok().json
    assert told == {"sweep": 1, "state": "not_running", "owed": 1, "sittings": []}


def test_of_several_that_run_one_must_be_named(dynofarm: Dynofarm, store: Store) -> None:
    for sweep_id in (1, 2):
        store.sittings.begin(sweep_id, "anna@lab", MOMENT)
    said = dynofarm("stop").failed(2)
    assert "several sweeps run: 1, 2" in said.err
    assert "next: say which one, for example: dynofarm stop 2" in said.err
    assert [one.asked for one in store.sittings.now()] == [None, None]
    assert "sweep 2 runs now; to stop it: dynofarm stop 2\nsweep 1 runs now" in dynofarm("sweeps").ok().err


def test_whoever_does_not_wait_is_told_that_it_has_not_stopped_yet(dynofarm: Dynofarm, store: Store) -> None:
    store.sittings.begin(1, "anna@lab (dynofarm, process 7)", MOMENT)
    said = dynofarm("stop", "--wait", "0s", "--json").failed(1)
    assert "sweep 1 is asked to stop\n" in said.err
    assert f"{myself()} asked at " in said.err
    assert "anna@lab (dynofarm, process 7) has not heard it yet" in said.err
    assert "next: to wait on: dynofarm stop 1" in said.err
    assert said.json["state"] == "stopping"
    (sitting,) = said.json["sittings"]
    assert (sitting["asked_by"], sitting["heard"], sitting["ended"], sitting["died"]) == (myself(), None, None, False)


def test_a_process_that_does_not_answer_is_named_and_not_waited_for(
    dynofarm: Dynofarm, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.sittings.begin(1, "anna@lab (dynofarm, process 7)", MOMENT)
    monkeypatch.setattr("orchestrator.records.MUTE_AFTER", timedelta(seconds=0.3))
    said = dynofarm("stop", "1", "--json").failed(1)
    assert "anna@lab (dynofarm, process 7) does not answer: " in said.err
    assert "it hangs, or it is gone and cannot be seen from here" in said.err
    assert said.json["state"] == "no_answer"


def test_a_sweep_whose_process_does_not_answer_is_offered_to_be_resumed(dynofarm: Dynofarm, store: Store) -> None:
    store.sittings.begin(1, "anna@lab", MOMENT)
    store.sittings.ask(1, "ben@lab", datetime.now(UTC) - MUTE_AFTER - timedelta(seconds=1))
    assert "sweep 1 is not finished; next: dynofarm run --resume 1" in dynofarm("sweeps").ok().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("9",), "there is no sweep '9'"),
        (("erly",), "there is no sweep 'erly'"),
        (("--wait", "soon"), "--wait: 'soon'"),
        (("--wait", "99999999d"), "--wait: '99999999d' is longer than 200 years"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_next_step(
    dynofarm: Dynofarm, store: Store, words: tuple[str, ...], told: str
) -> None:
    said = dynofarm("stop", *words).failed(2)
    assert told in said.err
    assert "next: " in said.err
