"""`dynofarm device power-cycle`, what a sweep tells of lost boards, and how both look when something is wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.claims import myself
from orchestrator.records import FaultKind, LinkFault, PowerCycle
from orchestrator.report.link_faults import faults_lines, power_lines
from orchestrator.runs import RunStatus
from orchestrator.store import Store
from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import MOMENT, make_job, make_run

FAULT = LinkFault(1, "kitchen", MOMENT, FaultKind.LOST, "kitchen: the link broke", "tried again after 0.4 s", 1)
BACK = MOMENT + timedelta(seconds=40)


def switch(farm: Path, name: str, text: str) -> str:
    path = farm / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return f"power=[{path}, '{{device}}']"


def cycles(farm: Path) -> list[PowerCycle]:
    with Store.open(farm / "results.db") as store:
        return store.power_cycles()


def test_a_board_is_switched_and_waited_for_and_that_is_written_down(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", 'echo "outlet of $1"')).ok()
    dynofarm("device", "edit", "local", "--set", f"work_dir={farm / 'work'}").ok()
    done = dynofarm("device", "power-cycle", "local", "--yes", "--json").ok().json
    assert (done["device"], done["exit_status"], done["back"]) == ("local", 0, True)
    (cycle,) = cycles(farm)
    assert (cycle.sweep_id, cycle.output, cycle.fault) == (None, "outlet of local", "")
    assert "@" in cycle.holder


def test_nobody_waits_who_does_not_want_to(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", "true")).ok()
    done = dynofarm("device", "power-cycle", "local", "--yes", "--no-wait").ok()
    assert "local: switched off and on in" in done.err


def test_it_asks_before_and_a_script_is_told_the_way(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", "true")).ok()
    asked = dynofarm("device", "power-cycle", "local").failed(2)
    assert "dynofarm device power-cycle local --yes" in asked.err
    assert not (farm / "results.db").exists() or cycles(farm) == []


def test_a_board_without_a_switch_is_told_how_to_get_one(farm: Path, dynofarm: Dynofarm) -> None:
    told = dynofarm("device", "power-cycle", "local", "--yes").failed(2)
    assert "local: its profile has no `power` command" in told.err
    assert "dynofarm device edit local --set" in told.err


@pytest.mark.parametrize(
    ("text", "told"), [("echo 'outlet 7 is locked'; exit 3", "ended with status 3: outlet 7 is locked")]
)
def test_a_switch_that_fails_is_one_sentence_and_written_down(
    farm: Path, dynofarm: Dynofarm, text: str, told: str
) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", text)).ok()
    failed = dynofarm("device", "power-cycle", "local", "--yes").failed(4)
    assert told in failed.err
    assert "try it by hand" in failed.err
    assert [cycle.exit_status for cycle in cycles(farm)] == [3]


def test_a_missing_program_is_one_sentence(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", "power=[no-such-pdu]").ok()
    failed = dynofarm("device", "power-cycle", "local", "--yes").failed(4)
    assert "local: its power command cannot start: there is no program no-such-pdu" in failed.err


def test_asking_for_power_cycles_where_no_board_has_a_switch_is_refused(farm: Path, dynofarm: Dynofarm) -> None:
    with Store.open(farm / "results.db", create=True):
        keep_runs(farm, [make_run()])
    told = dynofarm("run", "bert", "--on", "local", "--power-cycle").failed(2)
    assert "none of these boards has a `power` command" in told.err


def test_a_refused_power_cycle_owes_no_failed_job_again(farm: Path, dynofarm: Dynofarm) -> None:
    crashed = make_run(make_job("a" * 32, device="local"), status=RunStatus.CRASHED, result=None)
    sweep_id = keep_runs(farm, [crashed])
    told = dynofarm("run", "--resume", "1", "--retry", "crashed", "--power-cycle").failed(2)
    assert "none of these boards has a `power` command" in told.err
    with Store.open(farm / "results.db") as store:
        assert store.owed_jobs(sweep_id) == []


def reserve(farm: Path, owner: str) -> None:
    """In the store, as where the board hangs."""
    now = datetime.now(UTC)
    with Store.open(farm / "results.db", create=True) as store:
        store.reservations.reserve(["local"], owner, "flashing it", now, now + timedelta(hours=2))


def test_a_board_that_somebody_else_has_reserved_keeps_its_power(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", f"touch {farm / 'off'}")).ok()
    dynofarm("device", "edit", "local", "--set", f"work_dir={farm / 'work'}").ok()
    reserve(farm, "anna@lab")
    told = dynofarm("device", "power-cycle", "local", "--yes", "--no-wait").failed(4)
    assert "local is reserved by anna@lab until " in told.err
    assert "(flashing it)" in told.err
    assert "ask anna@lab; to take it all the same: dynofarm device release local --force" in told.err
    assert not (farm / "off").exists()
    assert cycles(farm) == []
    dynofarm("device", "release", "local", "--force").ok()
    dynofarm("device", "power-cycle", "local", "--yes", "--no-wait").ok()
    assert (farm / "off").exists()


def test_ones_own_reserved_board_is_switched(farm: Path, dynofarm: Dynofarm) -> None:
    dynofarm("device", "edit", "local", "--set", switch(farm, "pdu", "true")).ok()
    reserve(farm, myself())
    dynofarm("device", "power-cycle", "local", "--yes", "--no-wait").ok()
    assert len(cycles(farm)) == 1


def test_the_losses_of_a_sweep_are_listed(farm: Path, dynofarm: Dynofarm) -> None:
    sweep_id = keep_runs(farm, [make_run()])
    assert f"no board was lost in sweep {sweep_id}" in dynofarm("sweeps", "--faults", "last").ok().err
    with Store.open(farm / "results.db") as store:
        store.note_fault(FAULT)
        store.note_back(sweep_id, "kitchen", BACK)
    shown = dynofarm("sweeps", "--faults", "last").ok()
    assert "kitchen: the link broke" in shown.out
    assert "1 board was lost 1 time and came back" in shown.err
    (fault,) = dynofarm("sweeps", "--faults", "1", "--json").ok().json["faults"]
    assert (fault["kind"], fault["next"], fault["attempt"]) == ("lost", "tried again after 0.4 s", 1)
    assert dynofarm("sweeps", "--json").ok().json[0]["link_faults"] == 1
    assert "zzz" in dynofarm("sweeps", "--faults", "zzz").failed(2).err


def fault(device: str, kind: FaultKind = FaultKind.UNREACHABLE, *, back: bool = False) -> LinkFault:
    return LinkFault(1, device, MOMENT, kind, "", "", 1, BACK if back else None)


def test_the_end_of_a_run_says_who_was_lost_and_who_came_back() -> None:
    lost = FaultKind.LOST
    faults = [fault("a", lost, back=True), fault("a", back=True), fault("b", lost, back=True)]
    assert faults_lines(faults) == ["2 boards were lost 3 times and came back"]
    gone = [fault("c", lost, back=True), fault("c", lost), fault("c")]
    assert faults_lines(gone) == ["1 board was lost 3 times and did not come back: c"]
    assert faults_lines([fault("d"), fault("d"), fault("e")]) == ["2 boards could not be reached: d, e"]
    assert len(faults_lines([*faults, *gone, fault("d")])) == 3
    assert faults_lines([]) == []


def test_what_kept_no_board_from_the_sweep_is_no_loss() -> None:
    drops = [
        fault("a", FaultKind.DROPPED, back=True),
        fault("a", FaultKind.DROPPED),
        fault("b", FaultKind.RELAY, back=True),
    ]
    assert faults_lines(drops) == [
        "hung up on early, and tried again at once: a",
        "sent files straight, past the relay of their site: b",
    ]
    assert faults_lines([*drops, fault("a", back=True)])[0] == "1 board was lost 1 time and came back"


def test_the_end_of_a_run_says_whose_power_was_switched() -> None:
    done = PowerCycle(1, "a", MOMENT, "me", ("pdu",), 0, 1.0)
    failed = PowerCycle(1, "b", MOMENT, "me", ("pdu",), 1, 1.0, "b: its power command ended with status 1")
    assert power_lines([done, failed]) == ["switched off and on: a", "b: its power command ended with status 1"]
    assert power_lines([]) == []
