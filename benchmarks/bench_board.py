"""A board to measure on: a real OpenSSH server on this machine, in a folder that goes away again."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.devices import Device, Kind  # noqa: E402 - the checkout comes first
from orchestrator.model_files import read_model  # noqa: E402
from orchestrator.models import Model  # noqa: E402
from tests.boards.loopback import LoopbackBoard  # noqa: E402

MODELS = ROOT / "examples" / "models"


@contextmanager
def folder_for_a_bench() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dynofarm-bench-") as name:
        yield Path(name)


@contextmanager
def loopback_device(folder: Path) -> Iterator[tuple[Device, Path]]:
    """A device on a loopback board below `folder`, and the known_hosts file that trusts it."""
    with LoopbackBoard(folder / "bench", "bench") as board:
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(board.host_key_line + "\n")
        yield (
            Device(
                board.name,
                kind=Kind.LOOPBACK,
                host=board.host,
                user=board.user,
                port=board.port,
                key_file=str(board.key_file),
                work_dir=str(board.work_dir),
            ),
            known_hosts,
        )


def fake_model(folder: Path) -> Model:
    """A model of the `fake` runtime, whose inferences take the time that an option names."""
    path = folder / "fake.json"
    declared = {
        "format": "dynofarm-fake",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}],
        "outputs": [{"name": "output", "dtype": "float32", "shape": [1, 8]}],
    }
    path.write_text(json.dumps(declared))
    return read_model(path)
