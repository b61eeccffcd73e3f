"""A reserved board tells everybody itself: two farms without a common store, and a real sshd."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.devices import Device
from orchestrator.errors import BoardReserved, Unreachable
from orchestrator.events import Event
from orchestrator.farm import find_farm, init_farm
from orchestrator.records import Ending
from orchestrator.store import Store
from orchestrator.visits.checkup import check_devices
from orchestrator.visits.reserving import Visitor, release, reserve
from tests.boards.loopback import LoopbackBoard
from tests.integration.reach import device_of

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
