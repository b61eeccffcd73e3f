"""Reservations and the audit trail, as stored: one wins, time ends it, and everything is written down."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

from orchestrator.records import Ending, LeaseKind, LeaseRecord
from orchestrator.store import Store
from orchestrator.store.read_only import run_sql
from tests.making import MOMENT, make_job, make_model
from tests.store.conftest import SWEEP

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)
ANNA, BEN = "anna@lab", "ben@lab"


def keep(store: Store, owner: str = ANNA, *devices: str, hours: float = 2, at: float = 0) -> dict[str, LeaseRecord]:
    now = MOMENT + at * HOUR
    return store.reservations.reserve(devices or ["kitchen"], owner, "debugging", now, now + hours * HOUR)


def test_what_is_reserved_is_told_with_owner_time_and_reason(store: Store) -> None:
    record = keep(store)["kitchen"]
    assert (record.owner, record.why, record.until) == (ANNA, "debugging", MOMENT + 2 * HOUR)
    assert store.reservations.active(MOMENT) == {"kitchen": record}


def test_the_second_reads_who_has_it(store: Store) -> None:
    first = keep(store)["kitchen"]
    held = keep(store, BEN, "kitchen", "attic", at=1)
    assert held["kitchen"] == first
    assert held["attic"].owner == BEN


def test_of_many_who_reserve_at_the_same_moment_one_wins(store: Store, database: Path) -> None:
    gate = threading.Barrier(8)
    read: dict[str, str] = {}

    def ask(owner: str) -> None:
        with Store.open(database) as mine:
            gate.wait(60)
            read[owner] = keep(mine, owner)["kitchen"].owner

    threads = [threading.Thread(target=ask, args=(f"user{number}@lab",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(read.values())
    assert winner in read
    assert len(store.reservations.history(MOMENT)) == 1


def test_one_that_was_met_on_a_board_and_is_of_this_store_after_all_ends_here(store: Store) -> None:
    record = keep(store)["kitchen"]
    store.reservations.keep_foreign(record.over(MOMENT + HOUR, Ending.FORCED, BEN))
    assert store.reservations.active(MOMENT + HOUR) == {}
    (ended,) = store.reservations.history(MOMENT + HOUR)
    assert (ended.key, ended.owner, ended.ending, ended.ended_by) == (record.key, ANNA, Ending.FORCED, BEN)


def test_a_reservation_ends_by_itself(store: Store) -> None:
    keep(store)
    assert store.reservations.active(MOMENT + 2 * HOUR) == {}
    assert keep(store, BEN, at=2)["kitchen"].owner == BEN
    newest, oldest = store.reservations.history(MOMENT + 2 * HOUR)
    assert newest.ending is None
    assert (oldest.ended, oldest.ending, oldest.ended_by) == (MOMENT + 2 * HOUR, Ending.EXPIRED, None)


def test_the_owner_may_reserve_again_and_the_last_word_counts(store: Store) -> None:
    keep(store)
    record = keep(store, hours=5, at=1)["kitchen"]
    assert store.reservations.active(MOMENT + HOUR)["kitchen"] == record
    oldest = store.reservations.history(MOMENT + HOUR)[-1]
    assert (oldest.ending, oldest.ended_by) == (Ending.EXTENDED, ANNA)


def test_who_ended_it_and_how_is_written_down(store: Store) -> None:
    key = keep(store)["kitchen"].key
    assert store.reservations.end(key, BEN, Ending.FORCED, MOMENT + HOUR)
    assert store.reservations.active(MOMENT + HOUR) == {}
    (record,) = store.reservations.history(MOMENT + HOUR)
    assert (record.owner, record.ended, record.ended_by, record.ending) == (ANNA, MOMENT + HOUR, BEN, Ending.FORCED)


def test_what_is_over_cannot_be_ended_again(store: Store) -> None:
    key = keep(store)["kitchen"].key
    assert not store.reservations.end(key, ANNA, Ending.RELEASED, MOMENT + 3 * HOUR), "time ended it already"
    assert store.reservations.end(key, ANNA, Ending.RELEASED, MOMENT + HOUR)
    assert not store.reservations.end(key, BEN, Ending.FORCED, MOMENT + HOUR)
    assert not store.reservations.end("no such key", BEN, Ending.FORCED, MOMENT)


def test_a_board_is_told_of_what_ended_early_until_it_would_have_ended_anyway(store: Store) -> None:
    key = keep(store)["kitchen"].key
    assert store.reservations.lifted(MOMENT) == {}
    store.reservations.end(key, ANNA, Ending.RELEASED, MOMENT + HOUR)
    assert store.reservations.lifted(MOMENT + HOUR) == {"kitchen": (key,)}
    assert store.reservations.lifted(MOMENT + 2 * HOUR) == {}


def test_when_the_board_heard_of_it_is_written_down_once(store: Store) -> None:
    key = keep(store)["kitchen"].key
    store.reservations.note_told([key], MOMENT + HOUR / 2)
    store.reservations.note_told([key], MOMENT + HOUR)
    assert store.reservations.active(MOMENT)["kitchen"].told == MOMENT + HOUR / 2


def test_the_end_of_a_reservation_of_another_store_is_written_down(store: Store) -> None:
    made = LeaseRecord("kitchen", LeaseKind.RESERVATION, ANNA, "x", MOMENT, "f" * 32, MOMENT + HOUR, told=MOMENT)
    store.reservations.keep_foreign(made.over(MOMENT, Ending.FORCED, BEN))
    assert store.reservations.history(MOMENT) == [made.over(MOMENT, Ending.FORCED, BEN)]
    assert store.reservations.lifted(MOMENT) == {"kitchen": ("f" * 32,)}


def test_the_visit_of_a_sweep_is_in_the_trail_from_its_lease_to_its_end(store: Store) -> None:
    sweep_id = store.create_sweep(SWEEP, [make_job()], [make_model()], MOMENT)
    leases = store.lease_boards(
        ["attic", "kitchen"], "anna@lab, process 1", owner=ANNA, why="nightly", sweep_id=sweep_id
    )
    running = store.reservations.history(MOMENT, ["kitchen"])
    assert [(one.kind, one.sweep_id, one.ending) for one in running] == [(LeaseKind.SWEEP, sweep_id, None)]
    ways = {"attic": Ending.DONE, "kitchen": Ending.FAILED}
    store.release_all([(lease, MOMENT + HOUR, ways[lease.device]) for lease in leases])
    found = {one.device: (one.owner, one.why, one.ended, one.ending) for one in store.reservations.history(MOMENT)}
    assert found == {name: (ANNA, "nightly", MOMENT + HOUR, way) for name, way in ways.items()}


def test_whoever_holds_the_boards_own_lock_takes_the_lease_over(store: Store) -> None:
    (first,) = store.lease_boards(["kitchen"], "one", owner=ANNA, why="a", sweep_id=None)
    (second,) = store.lease_boards(["kitchen"], "two", owner=BEN, why="b", sweep_id=None)
    store.release_all([(first, MOMENT, Ending.FAILED)])
    assert [one.ending for one in store.reservations.history(MOMENT)] == [None, Ending.TAKEN_OVER]
    store.release_all([(second, MOMENT, Ending.DONE)])
    assert [one.ending for one in store.reservations.history(MOMENT)] == [Ending.DONE, Ending.TAKEN_OVER]


def test_the_visit_of_a_killed_process_is_told_as_such_before_and_after_the_next_one(
    store: Store, database: Path
) -> None:
    code = (
        "import os, signal, sys\n"
        "from orchestrator.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "store.lease_boards(['kitchen'], 'doomed', owner='ben@lab', why='nightly', sweep_id=None)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(database)], cwd=ROOT, timeout=60, check=False)
    assert died.returncode == -9
    (record,) = store.reservations.history(MOMENT)
    assert (record.owner, record.ending, record.ended) == (BEN, Ending.DIED, None)
    store.lease_boards(["kitchen"], "next", owner=ANNA, why="nightly", sweep_id=None)
    newest, oldest = store.reservations.history(MOMENT)
    assert (newest.ending, oldest.ending) == (None, Ending.DIED)
    assert oldest.ended is not None


def test_a_reservation_does_not_hinder_the_lease_of_a_process_that_runs_already(store: Store) -> None:
    store.lease_boards(["kitchen"], "one", owner=BEN, why="nightly", sweep_id=None)
    assert keep(store)["kitchen"].owner == ANNA
    found = {(one.kind, one.owner, one.ending) for one in store.reservations.history(MOMENT)}
    assert found == {(LeaseKind.SWEEP, BEN, None), (LeaseKind.RESERVATION, ANNA, None)}


def test_the_trail_can_be_narrowed_and_is_newest_first(store: Store) -> None:
    for hour in range(4):
        keep(store, f"user{hour}@lab", "kitchen", "attic", hours=1, at=hour)
    found = store.reservations.history(MOMENT, ["kitchen"], limit=2)
    assert [(one.device, one.owner) for one in found] == [("kitchen", "user3@lab"), ("kitchen", "user2@lab")]


def test_the_view_tells_what_is_over_although_nobody_wrote_it_down(store: Store, database: Path) -> None:
    keep(store)  # long ago
    names, rows = run_sql(database, "select * from leases_view", 10)
    (row,) = [dict(zip(names, row, strict=True)) for row in rows]
    assert (row["ending"], row["ended"], row["owner"]) == ("expired", row["until"], ANNA)
    assert row["until"] == (MOMENT + 2 * HOUR).strftime("%Y-%m-%d %H:%M:%S.%f")


def test_very_many_boards_are_leased_and_given_back_at_once(store: Store) -> None:
    names = [f"board-{number:03}" for number in range(600)]
    leases = store.lease_boards(names, "one", owner=ANNA, why="wide", sweep_id=None)
    assert store.lease_boards(names, "two", owner=BEN, why="wide", sweep_id=None)[-1].token == 2
    store.release_all([(lease, MOMENT, Ending.DONE) for lease in leases])
    assert sum(one.ending is Ending.TAKEN_OVER for one in store.reservations.history(MOMENT)) == 600
