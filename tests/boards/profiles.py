"""Boards as a farm that dynofarm can use at once: device profiles, known_hosts and what `down` needs to know."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.devices import Device, Kind
from orchestrator.farm import init_farm
from orchestrator.profiles import write_profile
from orchestrator.transport.hostkeys import accept, forget

from .board import Login

STATE = "board.json"


def make_farm(folder: Path) -> None:
    """Make `folder` a farm, so that `dynofarm -C folder …` works, and nobody below a checkout finds another."""
    init_farm(folder)


def enrol(
    folder: Path, name: str, login: Login, *, kind: str, work_dir: str, python: str, tags: tuple[str, ...], notes: str
) -> Path:
    """Write the profile of a board in the place of any other, and accept its host key."""
    withdraw(folder, name, login)
    device = Device(
        name=name,
        kind=Kind(kind),
        host=login.host,
        user=login.user,
        port=login.port,
        key_file=str(login.key_file),
        python=python,
        work_dir=work_dir,
        tags=tags,
        # Emulated or not, all of them compute on the processors of this machine.
        group="this-machine",
        connect_timeout_s=20.0,
        notes=notes,
    )
    accept(folder / "known_hosts", login.known_hosts_line)
    return write_profile(folder / "device_profiles", device)


def withdraw(folder: Path, name: str, login: Login | None = None) -> None:
    """Remove the profile of a board and its host key."""
    (folder / "device_profiles" / f"{name}.yaml").unlink(missing_ok=True)
    if login is not None:
        forget(folder / "known_hosts", login.host, login.port)


def write_state(board_folder: Path, state: Mapping[str, Any]) -> None:
    """Keep what is needed to find a board again."""
    (board_folder / STATE).write_text(json.dumps(state, indent=2, default=str) + "\n")


def read_states(folder: Path) -> dict[str, dict[str, Any]]:
    """The boards below a farm, by name."""
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob(f"boards/*/{STATE}"))}
