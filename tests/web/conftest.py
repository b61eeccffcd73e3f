"""A farm in a browser: the application itself over a real store, asked as a browser asks it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.devices import Device, Link
from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.profiles import write_profile
from orchestrator.store import Store
from orchestrator.store.looking import Window
from orchestrator.web.access import Access
from orchestrator.web.app import make_app
from orchestrator.web.site import Site
from tests.web.asking import ORIGIN, TOKEN, Client


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: to run all migrations for each test would take longer than the tests."""
    path = tmp_path_factory.mktemp("empty") / "results.db"
    Store.open(path, create=True).close()
    return path


@pytest.fixture
def served(tmp_path: Path, empty_store: Path) -> Farm:
    """A farm with one board called kitchen, and an empty store."""
    root = tmp_path / "farm"
    init_farm(root)
    (root / "device_profiles" / "local.yaml").unlink()
    write_profile(root / "device_profiles", Device("kitchen", link=Link.LOCAL))
    found = find_farm(root)
    shutil.copyfile(empty_store, found.database)
    return found


@pytest.fixture
def store(served: Farm) -> Iterator[Store]:
    with Store.open(served.database) as opened:
        yield opened


@pytest.fixture
def serve(served: Farm) -> Iterator[Callable[..., Client]]:
    """A client of a server of that farm; values of `Site` may be given."""
    clients: list[Client] = []

    def client(**changes: Any) -> Client:
        site = Site(served, Window(served.database), **changes)
        made = Client(make_app(site), base_url=ORIGIN, follow_redirects=False, raise_server_exceptions=False)
        made.__enter__()
        clients.append(made)
        return made

    yield client
    for one in clients:
        one.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    """Somebody who may look."""
    return serve()


@pytest.fixture
def holder(serve: Callable[..., Client]) -> Client:
    """Somebody who has logged in."""
    found = serve(access=Access(TOKEN))
    answer = found.post("/login", data={"token": TOKEN, "next": "/"}, headers={"Origin": ORIGIN})
    assert answer.status_code == 303
    return found
