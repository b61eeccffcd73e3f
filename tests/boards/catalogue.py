"""The boards below one farm folder, started, found again in another process, and stopped."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from . import profiles
from .board import BoardError, Login
from .loopback import LoopbackBoard
from .namespaced import Limits, NamespacedBoard
from .vm import VirtualMachine


class Board(Protocol):
    """What all tiers have in common; faults are methods that a tier has or has not."""

    @property
    def kind(self) -> str: ...

    @property
    def login(self) -> Login: ...

    @property
    def pid(self) -> int | None: ...

    def start(self) -> Any: ...

    def stop(self) -> None: ...

    def leftovers(self) -> list[str]: ...


@dataclass(frozen=True)
class Tier:
    """How boards of one kind are made, and what their profile says."""

    make: Callable[[Path, str], Board]
    work_dir: str
    notes: str
    tags: tuple[str, ...] = ()


ROOM_FOR_BUNDLES = Limits(memory_bytes=2**30, disk_bytes=256 * 2**20)
"""A bundle of wheels is 22 MB packed and 73 MB unpacked, and an emulated interpreter is large."""

TIERS: dict[str, Tier] = {
    "loopback": Tier(LoopbackBoard, "~/work", "an sshd on this machine, made by scripts/boards", ("loopback",)),
    "namespace": Tier(
        NamespacedBoard,
        NamespacedBoard.work_dir,
        "a namespaced board on this machine's own processor, made by scripts/boards",
        ("emulated", "namespace"),
    ),
    "arm64": Tier(
        partial(NamespacedBoard, architecture="arm64", limits=ROOM_FOR_BUNDLES),
        NamespacedBoard.work_dir,
        "a namespaced board whose programs qemu-user runs, made by scripts/boards",
        ("emulated", "arm64"),
    ),
    "vm": Tier(
        VirtualMachine,
        VirtualMachine.work_dir,
        "a whole aarch64 machine under qemu, made by scripts/boards",
        ("emulated", "arm64", "vm"),
    ),
}

FAULTS = {
    "freeze": "freeze",
    "thaw": "thaw",
    "drop": "kill_sessions",
    "kill-agent": "kill_agents",
    "kill-worker": "kill_workers",
    "refuse": "refuse",
    "listen": "listen",
    "change-key": "change_host_key",
    "unplug": "unplug",
    "plug": "plug",
    "power-off": "power_off",
}


def start(farm: Path, name: str, tier_name: str) -> tuple[Board, float]:
    """Start a board, enrol it in the farm; the board and the seconds to its SSH banner."""
    tier = TIERS[tier_name]
    folder = farm / "boards" / name
    began = time.monotonic()
    board = tier.make(folder, name)
    board.start()
    took_s = time.monotonic() - began
    profiles.write_state(folder, {"tier": tier_name, "address": f"{board.login.host}:{board.login.port}"})
    profiles.enrol(
        farm,
        name,
        board.login,
        kind=board.kind,
        work_dir=tier.work_dir,
        python="python3",
        tags=tier.tags,
        notes=tier.notes,
    )
    return board, took_s


def find(farm: Path, name: str) -> Board:
    """A board that another process started."""
    states = profiles.read_states(farm)
    if name not in states:
        raise BoardError(f"there is no board {name!r}; there are: {', '.join(states) or 'none'}", "scripts/boards list")
    return TIERS[states[name]["tier"]].make(farm / "boards" / name, name)


def find_all(farm: Path) -> dict[str, Board]:
    """All boards of a farm, running or not."""
    return {name: find(farm, name) for name in profiles.read_states(farm)}


def stop(farm: Path, name: str) -> None:
    """End a board for good; `BoardError` names what would not go."""
    board = find(farm, name)
    login = board.login
    board.stop()
    left = board.leftovers()
    if left:
        raise BoardError(f"{name}: still running: {'; '.join(left)}", "end them by these process ids")
    profiles.withdraw(farm, name, login)
    (farm / "boards" / name / profiles.STATE).unlink()


def inflict(farm: Path, name: str, fault: str) -> str:
    """Do a fault to a board; what it touched, for people."""
    board = find(farm, name)
    act = getattr(board, FAULTS[fault], None)
    if act is None:
        able = ", ".join(word for word, method in FAULTS.items() if hasattr(board, method))
        raise BoardError(f"a board like {name} cannot {fault}; it can: {able}")
    touched = act()
    if isinstance(touched, set):
        return f"{len(touched)} processes"
    return str(touched) if touched is not None else "done"
