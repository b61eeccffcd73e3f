"""What is said to boards about reservations, and the stay of a sweep in the audit trail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.protocol import LONGEST_S, Reservation
from orchestrator import tenancy
from orchestrator.claims import Claim, kept_out, myself
from orchestrator.errors import BoardReserved, DynofarmError, StoreError
from orchestrator.events import BoardDone, BoardFailed, Connected, Event, Waiting
from orchestrator.launch import open_links
from orchestrator.links import Link
from orchestrator.records import Ending, LeaseKind, LeaseRecord
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.tenancy import Claims, Tenancy
from tests.leaks import no_leaks
from tests.making import MOMENT, make_facts, make_job, make_model
from tests.unit.this_machine import Bench

HOUR = timedelta(hours=1)
KEPT = LeaseRecord("kitchen", LeaseKind.RESERVATION, "anna@lab", "x", MOMENT, "a" * 32, MOMENT + 2 * HOUR)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "results.db", create=True) as opened:
        yield opened


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def stay(store: Store, heard: list[Event]) -> Tenancy:
    store.create_sweep(Sweep("nightly", ("bert",), ("all",)), [make_job()], [make_model()], MOMENT)
    return Tenancy(store, "anna@lab (process 1)", heard.append)


def trail(store: Store) -> dict[str, LeaseRecord]:
    return {record.device: record for record in store.reservations.history(datetime.now(UTC))}


def test_a_stay_begins_where_the_board_was_reached_and_ends_as_its_part_ended(
    store: Store, stay: Tenancy, heard: list[Event]
) -> None:
    with stay:
        for name in ("attic", "cellar", "kitchen"):
            stay.notify(Connected(name, make_facts()))
        stay.begin(1)
        assert {record.ending for record in trail(store).values()} == {None}
        stay.notify(Connected("roof", make_facts()))  # reached late
        stay.notify(Connected("kitchen", make_facts()))  # again, after a loss
        stay.notify(BoardDone("kitchen"))
        stay.notify(BoardFailed("attic", "gone", "", 1))
        stay.notify(BoardFailed("never", "not reached", "", 1))
    found = trail(store)
    assert {name: record.ending for name, record in found.items()} == {
        "attic": Ending.FAILED,
        "cellar": Ending.STOPPED,
        "kitchen": Ending.DONE,
        "roof": Ending.STOPPED,
    }
    assert {(record.owner, record.why, record.sweep_id) for record in found.values()} == {(myself(), "nightly", 1)}
    assert len(heard) == 8, "every event is passed on"


def test_a_sweep_that_was_never_planned_leaves_no_trace(store: Store, stay: Tenancy) -> None:
    with stay:
        stay.notify(Connected("kitchen", make_facts()))
    assert trail(store) == {}


def test_what_failed_first_is_what_the_user_reads(store: Store, stay: Tenancy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_ended: object) -> None:
        raise StoreError("no room for the trail")

    def run(error: DynofarmError | None) -> None:
        with stay:
            stay.notify(Connected("kitchen", make_facts()))
            stay.begin(1)
            if error is not None:
                raise error

    monkeypatch.setattr(store, "release_all", full)
    with pytest.raises(DynofarmError, match="the disk is full"):
        run(DynofarmError("the disk is full"))
    with pytest.raises(StoreError, match="no room for the trail"):
        run(None)


def test_a_board_is_told_of_its_visitors_own_reservation_and_of_all_that_are_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    mine = store.reservations.reserve(["kitchen"], myself(), "x", now, now + HOUR)["kitchen"]
    his = store.reservations.reserve(["attic"], "ben@desk", "y", now, now + HOUR)["attic"]
    claim = Claims(store)
    assert claim("kitchen") == Claim(myself(), mine)
    assert claim("attic") == Claim(myself(), others=his)
    store.reservations.end(his.key, "carl@desk", Ending.FORCED, now)
    assert Claims(store)("attic") == Claim(myself(), lifted=(his.key,))
    monkeypatch.setattr(tenancy, "CURRENT_S", 0.0)
    assert claim("attic") == Claim(myself(), lifted=(his.key,))


def test_a_board_that_comes_back_is_not_told_of_a_reservation_that_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy, "CURRENT_S", 0.0)
    with no_leaks():
        bench = Bench.below(tmp_path)
        with bench.store as store:
            device, now = bench.device(), datetime.now(UTC)
            mine = store.reservations.reserve([device.name], myself(), "x", now, now + HOUR)[device.name]
            (link,) = open_links(bench.farm, [device], bench.notify, bench.stop, Claims(store))
            link.open(0.0)
            assert link.reserved is not None
            link.close(politely=False)
            store.reservations.end(mine.key, myself(), Ending.RELEASED, datetime.now(UTC))
            link.open(20.0)
            assert link.reserved is None
            link.close(politely=True)


def test_the_store_is_asked_once_for_all_boards_and_each_time_that_one_asks_again(store: Store) -> None:
    claim = Claims(store)
    assert claim("kitchen") == Claim(myself())
    now = datetime.now(UTC)
    his = store.reservations.reserve(["kitchen", "attic"], "ben@desk", "y", now, now + HOUR)
    assert claim("attic") == Claim(myself()), "within a second after the other"
    assert claim("attic") == Claim(myself(), others=his["attic"])
    assert claim("kitchen") == Claim(myself(), others=his["kitchen"])
    store.reservations.end(his["attic"].key, "ben@desk", Ending.RELEASED, datetime.now(UTC))
    assert claim("kitchen") == Claim(myself(), others=his["kitchen"])
    assert claim("attic") == Claim(myself(), lifted=(his["attic"].key,)), "also within a second after another board"


def test_a_reservation_in_the_store_reads_as_one_on_the_board() -> None:
    error = Claim("ben@desk", others=KEPT).kept_out(MOMENT + HOUR)
    assert error is not None
    assert error.message == kept_out("kitchen", Reservation(KEPT.key, "anna@lab", 3600.0, "x"), MOMENT + HOUR).message
    assert error.message.startswith("kitchen is reserved by anna@lab until ")
    assert (error.key, error.owner, error.why, error.until) == (KEPT.key, "anna@lab", "x", MOMENT + 2 * HOUR)
    assert "dynofarm device release kitchen --force" in error.hint
    assert Claim("ben@desk", others=KEPT).kept_out(MOMENT + 2 * HOUR) is None
    assert Claim("anna@lab", KEPT).kept_out(MOMENT) is None


def test_a_board_hears_how_much_is_left_and_nothing_of_what_is_over() -> None:
    claim = Claim("anna@lab", KEPT)
    assert claim.reservation(MOMENT + HOUR) == Reservation("a" * 32, "anna@lab", 3600.0, "x")
    assert claim.reservation(MOMENT + 2 * HOUR) is None
    assert claim.reservation(MOMENT - 1000 * HOUR) == Reservation("a" * 32, "anna@lab", LONGEST_S, "x")
    assert Claim("anna@lab").reservation(MOMENT) is None


@pytest.mark.parametrize("left_s", [-1e300, 7200.0, 1e300])
def test_whatever_a_board_says_of_its_reservation_can_be_told(left_s: float) -> None:
    error = kept_out("kitchen", Reservation("a", "anna\n@lab", left_s, "w\n" * 500), MOMENT)
    assert error.message.startswith("kitchen is reserved by anna @lab until ")
    assert "\n" not in error.message
    assert len(error.message) < 300


def test_a_reserved_board_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    with no_leaks():
        bench = Bench.below(tmp_path)
        with bench.store:
            device, now = bench.device(), datetime.now(UTC)
            plain = bench.link(device)
            args = (device, plain._connect, plain._archive, "a test", bench.notify, bench.stop, None)
            until = now + timedelta(hours=2)
            record = LeaseRecord(device.name, LeaseKind.RESERVATION, "anna@lab", "debugging", now, "a" * 32, until)
            owner = Link(*args, lambda _device: Claim("anna@lab", record))
            stranger = Link(*args, lambda _device: Claim("ben@desk"))
            owner.open(0.0)
            owner.close(politely=True)
            assert owner.reserved is not None
            with pytest.raises(BoardReserved, match=r"bench is reserved by anna@lab until .* \(debugging\)"):
                stranger.open(120.0)
            assert bench.told(Waiting) == []
            assert stranger.session is None
