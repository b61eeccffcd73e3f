"""A reserved board tells everybody itself: two farms without a common store, and a real sshd."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.devices import Device
from orchestrator.errors import BoardReserved, Unreachable
from orchestrator.events import BoardFailed, Connected, Event, Waiting
from orchestrator.farm import find_farm, init_farm
from orchestrator.launch import Launcher, open_links
from orchestrator.model_files import read_model
from orchestrator.records import Ending
from orchestrator.runs import Job
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.tenancy import Claims
from orchestrator.visits.checkup import check_devices
from orchestrator.visits.reserving import Visitor, release, reserve
from tests.boards.loopback import LoopbackBoard
from tests.integration.reach import device_of
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


class User:
    """Somebody with a farm and a store of their own, on this machine."""

    def __init__(self, name: str, root: Path, known_hosts: Path, device: Device) -> None:
        init_farm(root)
        self.name = name
        self.device = device
        self.farm = replace(find_farm(root), known_hosts=known_hosts)
        self.store = Store.open(root / "results.db", create=True)
        self.heard: list[Event] = []
        self.stop = threading.Event()
        self.visitor = Visitor(self.farm, self.store, self.heard.append, self.stop)

    def check(self) -> Exception | None:
        """What stands against a visit."""
        (found,) = check_devices(self.farm, self.store, [self.device], self.heard.append, self.stop)
        return found.error


@pytest.fixture
def users(tmp_path: Path, board: LoopbackBoard, known_hosts: Path) -> Iterator[tuple[User, User]]:
    device = device_of(board, work_dir=str(board.work_dir))
    with ExitStack() as stores:
        made = [User(name, tmp_path / name, known_hosts, device) for name in ("anna", "ben")]
        for user in made:
            stores.callback(user.store.close)
        yield made[0], made[1]


def test_another_orchestrator_with_another_store_hears_from_the_board_who_has_it(
    users: tuple[User, User], board: LoopbackBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben = users

    def become(user: User) -> None:
        monkeypatch.setenv("LOGNAME", user.name)

    become(anna)
    (made,) = reserve(anna.visitor, [anna.device], 7200.0, "debugging")
    assert (made.done, made.told) == (True, True)

    become(ben)
    error = ben.check()
    assert isinstance(error, BoardReserved)
    assert error.message.startswith("kitchen is reserved by anna@")
    assert error.message.endswith("(debugging)")
    (refused,) = reserve(ben.visitor, [ben.device], 60.0, "mine")
    assert not refused.done
    assert refused.record is not None
    assert refused.record.owner.startswith("anna@")
    assert [record.ending for record in ben.store.reservations.history(error.until)] == [Ending.REFUSED]

    # What the owner gives back while the board is away, it hears of at the next visit.
    become(anna)
    assert anna.check() is None
    board.refuse()
    (freed,) = release(anna.visitor, [anna.device], force=False)
    assert (freed.done, freed.told) == (True, False)
    assert isinstance(anna.check(), Unreachable)
    board.listen()
    become(ben)
    assert isinstance(ben.check(), BoardReserved)
    become(anna)
    assert anna.check() is None
    become(ben)
    assert ben.check() is None


def reserve_unheard(user: User) -> None:
    """By somebody who shares the user's store, while the board does not answer."""
    now = datetime.now(UTC)
    user.store.reservations.reserve([user.device.name], "anna@lab", "flashing it", now, now + timedelta(hours=2))


def test_a_sweep_leaves_a_board_alone_that_comes_when_somebody_has_reserved_it(
    users: tuple[User, User], board: LoopbackBoard, fake_model: Path
) -> None:
    """The board itself knows nothing of it: its owner could only start it again by hand."""
    _, ben = users
    model = read_model(fake_model, "fake")
    ben.store.add_model(model)
    sweep = Sweep("fakes", ("fake",), ("all",), runtimes=(RuntimeChoice("fake"),), repeats=1, reference=False)

    class Quiet:
        def notify(self, event: Event) -> None:
            ben.heard.append(event)

        def expect(self, jobs: Sequence[Job]) -> None: ...
        def stop_asked(self, by: str) -> None: ...

    board.refuse()
    launcher = Launcher(ben.farm, ben.store, Quiet(), ben.stop)
    with ThreadPoolExecutor(1) as pool:
        launched = pool.submit(launcher.launch, sweep, [model], [ben.device])
        wait_until(lambda: any(isinstance(event, Waiting) for event in ben.heard))
        reserve_unheard(ben)
        board.listen()
        outcome = launched.result(90)
    (failed,) = [event for event in ben.heard if isinstance(event, BoardFailed)]
    assert failed.message.startswith("kitchen is reserved by anna@lab until ")
    assert not any(isinstance(event, Connected) for event in ben.heard)
    assert (outcome.owed, outcome.reached) == (1, False)


def test_a_board_that_is_reserved_while_its_lock_is_waited_for_is_free_for_its_owner(users: tuple[User, User]) -> None:
    anna, ben = users
    carol, link = (
        open_links(ben.farm, [ben.device], user.heard.append, ben.stop, Claims(ben.store))[0] for user in (anna, ben)
    )
    carol.open(0.0)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(link.open, 60.0)
        wait_until(lambda: any(isinstance(event, Waiting) for event in ben.heard))
        reserve_unheard(ben)
        carol.close(politely=True)
        error = opened.exception(60)
    assert isinstance(error, BoardReserved)
    assert error.owner == "anna@lab"
    assert anna.check() is None, "nobody holds the board's lock any more, and the board knows of no reservation"
