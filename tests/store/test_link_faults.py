"""Losses of links and power cycles, as stored and as seen by SQL."""

from dataclasses import replace
from datetime import timedelta

from orchestrator.records import FaultKind, LinkFault, PowerCycle
from orchestrator.store import Store
from tests.making import MOMENT
from tests.store.conftest import Planner

LATER = MOMENT + timedelta(seconds=40)
FAULT = LinkFault(1, "kitchen", MOMENT, FaultKind.LOST, "kitchen: the link broke", "tried again after 0.4 s", 1)
CYCLE = PowerCycle(1, "kitchen", MOMENT, "me@here", ("pdu", "7", "o'clock"), 0, 1.5, "", "done")


def test_a_fault_is_open_until_the_board_is_back(store: Store, planned: Planner) -> None:
    planned("a1")
    other = replace(FAULT, device="attic", kind=FaultKind.UNREACHABLE)
    for fault in (FAULT, replace(FAULT, attempt=2, at=LATER), other):
        store.note_fault(fault)
    assert [fault.back for fault in store.link_faults(1)] == [None, None, None]
    store.note_back(1, "kitchen", LATER)
    faults = store.link_faults(1)
    assert [(fault.device, fault.back) for fault in faults] == [("kitchen", LATER), ("attic", None), ("kitchen", LATER)]
    assert replace(faults[0], back=None) == FAULT


def test_a_time_of_return_stays_when_the_board_is_lost_again(store: Store, planned: Planner) -> None:
    planned("a1")
    store.note_fault(FAULT)
    store.note_back(1, "kitchen", MOMENT)
    store.note_fault(replace(FAULT, at=LATER))
    store.note_back(1, "kitchen", LATER)
    assert [fault.back for fault in store.link_faults(1)] == [MOMENT, LATER]


def test_each_sweep_has_its_own(store: Store, planned: Planner) -> None:
    planned("a1")
    planned("b1")
    store.note_fault(FAULT)
    store.note_fault(replace(FAULT, sweep_id=2))
    store.note_fault(replace(FAULT, sweep_id=2))
    store.note_back(2, "kitchen", LATER)
    assert store.link_fault_counts() == {1: 1, 2: 2}
    assert [fault.back for fault in store.link_faults(1)] == [None]


def begun(cycle: PowerCycle) -> PowerCycle:
    """What is known of it until it ends."""
    return replace(cycle, exit_status=None, took_s=0.0, fault="how it ended was not heard", output="")


def test_power_cycles_are_found_by_sweep_and_by_board(store: Store, planned: Planner) -> None:
    planned("a1")
    by_hand = replace(CYCLE, sweep_id=None, device="attic", at=LATER, exit_status=None, fault="attic: no program")
    for cycle in (by_hand, CYCLE):
        assert store.begin_power_cycle(begun(cycle))
        store.end_power_cycle(cycle)
    assert store.power_cycles() == [CYCLE, by_hand]
    assert store.power_cycles(1) == [CYCLE]
    assert store.power_cycles(device="attic") == [by_hand]


def test_a_board_has_one_turn_in_a_sweep_and_any_number_by_hand(store: Store, planned: Planner) -> None:
    planned("a1")
    planned("b1")
    assert store.begin_power_cycle(begun(CYCLE))
    assert not store.begin_power_cycle(begun(replace(CYCLE, at=LATER)))
    assert store.power_cycles() == [begun(CYCLE)]
    assert store.begin_power_cycle(replace(CYCLE, sweep_id=2))
    assert store.begin_power_cycle(replace(CYCLE, device="attic"))
    for _ in range(2):
        assert store.begin_power_cycle(replace(CYCLE, sweep_id=None))


def test_both_are_seen_by_sql(store: Store, planned: Planner) -> None:
    planned("a1")
    store.note_fault(FAULT)
    store.begin_power_cycle(CYCLE)
    with store._database.read() as connection:
        fault = connection.exec_driver_sql("SELECT * FROM link_faults_view").mappings().one()
        cycle = connection.exec_driver_sql("SELECT * FROM power_cycles_view").mappings().one()
    assert (fault["sweep_id"], fault["kind"], fault["next"], fault["back"]) == (1, "lost", FAULT.what_next, None)
    assert (cycle["holder"], cycle["command"]) == ("me@here", '["pdu", "7", "o\'clock"]')
