"""Fixtures that more than one folder of tests needs."""

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import nursery
from tests.boards.board import BoardError
from tests.boards.loopback import LoopbackBoard
from tests.boards.sshd import find_sshd
from tests.farming import TestFarm
from tests.unfinished import drop_unfinished

# A version manager's `python3` is a shell script that takes a tenth of a second at every start of a board's agent.
os.environ["PATH"] = f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}"

# The same examples every time, however loaded the machine is: a finding must not depend on luck. To look for more:
# pytest --hypothesis-profile=searching
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("searching", deadline=None)
settings.load_profile("steady")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """When all tests are over, and before pytest-cov combines what they left: it wraps the same loop further out."""
    result = yield
    controller = getattr(session.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if controller is not None and not hasattr(session.config, "workerinput"):
        drop_unfinished(Path(controller.cov.get_option("run:data_file")))
    return result


@pytest.fixture(scope="session", autouse=True)
def close_nursery() -> Iterator[None]:
    """The process that commands are forked from lives as long as the tests of this worker."""
    yield
    nursery.close()


@pytest.fixture
def make_board(tmp_path: Path) -> Iterator[Callable[[str], LoopbackBoard]]:
    """Starts real sshd boards; at the end each is stopped and must have left nothing running."""
    try:
        find_sshd()
    except BoardError as error:
        pytest.skip(str(error))
    with ExitStack() as stack:

        def make(name: str) -> LoopbackBoard:
            board = LoopbackBoard(tmp_path / "boards" / name, name)
            stack.callback(board.stop)
            return board.start()

        yield make


@pytest.fixture
def farm(tmp_path: Path) -> TestFarm:
    """An empty farm, driven by the real command in processes of its own."""
    root = tmp_path / "farm"
    root.mkdir()
    farm = TestFarm(root)
    farm.run("init").ok()
    return farm


@pytest.fixture
def fake_model(tmp_path: Path) -> Path:
    """A model of the `fake` runtime: no download, any behaviour on demand through options."""
    path = tmp_path / "fake.json"
    declared = {
        "format": "dynofarm-fake",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
    }
    path.write_text(json.dumps(declared))
    return path
