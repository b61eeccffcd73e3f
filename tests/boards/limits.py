"""Memory and processor limits of a board through cgroups, version 1 or 2, and the freezer that comes with them."""

import contextlib
import time
from pathlib import Path

from .board import BoardError

PARENT = "dynofarm-boards"
_PERIOD_US = 50_000


def mounted_controllers(mounts: str) -> dict[str, Path]:
    """Where each controller is mounted, from the text of /proc/self/mounts: `memory`, `cpu`, `freezer`, and `2`."""
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found.setdefault("2", Path(place))
        elif kind == "cgroup":
            for controller in {"memory", "cpu", "freezer"} & set(options.split(",")):
                found.setdefault(controller, Path(place))
    return found


class Cgroup:
    """One board's control group. `missing` says what this machine cannot limit; the rest works."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folders: dict[str, Path] = {}
        """Controller to folder; the single key `2` with version 2."""
        self.missing: list[str] = []
        mounted = mounted_controllers(Path("/proc/self/mounts").read_text())
        self._version1 = {key: place for key, place in mounted.items() if key != "2"}
        unified = mounted.get("2")
        if "memory" not in self._version1 and unified is not None and _can(unified):
            self.folders = {"2": unified / PARENT / name}
        else:
            self.folders = {key: place / PARENT / name for key, place in self._version1.items()}
            self.missing = [key for key in ("memory", "cpu", "freezer") if key not in self._version1]

    def make(self, memory_bytes: int | None, cpus: float | None) -> None:
        """Make the groups and set the limits; None is no limit."""
        for key, folder in self.folders.items():
            if key == "2":
                _delegate(folder)
            folder.mkdir(parents=True, exist_ok=True)
        if memory_bytes is not None:
            self._set("memory", "memory.limit_in_bytes", "memory.max", str(memory_bytes))
            for optional in ("memory.swappiness", "memory.swap.max"):
                self._set_if_there(optional, "0")
        if cpus is not None:
            quota = str(int(cpus * _PERIOD_US))
            if "2" in self.folders:
                self._set("cpu", "", "cpu.max", f"{quota} {_PERIOD_US}")
            elif "cpu" in self.folders:
                self._set("cpu", "cpu.cfs_period_us", "", str(_PERIOD_US))
                self._set("cpu", "cpu.cfs_quota_us", "", quota)

    def add(self, pid: int) -> None:
        """Put a process, and all that it will start, into the groups."""
        for folder in self.folders.values():
            (folder / "cgroup.procs").write_text(str(pid))

    def freeze(self) -> bool:
        """Stop every process of the group at once; False where there is no freezer."""
        return self._turn("FROZEN", "1")

    def thaw(self) -> bool:
        """Undo `freeze`."""
        return self._turn("THAWED", "0")

    def memory_kills(self) -> int:
        """How often the kernel killed a process of the group for memory."""
        for key, name in (("memory", "memory.oom_control"), ("2", "memory.events")):
            if key in self.folders:
                lines = (self.folders[key] / name).read_text().splitlines()
                return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
        return 0

    def remove(self) -> None:
        """Remove the groups; a group whose last process is only just dying is waited for."""
        deadline = time.monotonic() + 5
        for folder in self.folders.values():
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError as error:
                    if time.monotonic() > deadline:
                        raise BoardError(f"{folder}: this control group cannot be removed: {error.strerror}") from None
                    time.sleep(0.02)
            with contextlib.suppress(OSError):  # the last board takes the common parent along
                folder.parent.rmdir()

    def _turn(self, version1: str, version2: str) -> bool:
        for key, name, word in (("freezer", "freezer.state", version1), ("2", "cgroup.freeze", version2)):
            if key in self.folders and (self.folders[key] / name).exists():
                (self.folders[key] / name).write_text(word)
                return True
        return False

    def _set(self, controller: str, version1: str, version2: str, value: str) -> None:
        if "2" in self.folders:
            (self.folders["2"] / version2).write_text(value)
        elif controller in self.folders:
            (self.folders[controller] / version1).write_text(value)

    def _set_if_there(self, name: str, value: str) -> None:
        for folder in self.folders.values():
            if (folder / name).exists():
                (folder / name).write_text(value)


def _can(unified: Path) -> bool:
    try:
        return {"memory", "cpu"} <= set((unified / "cgroup.controllers").read_text().split())
    except OSError:
        return False


def _delegate(folder: Path) -> None:
    """Version 2 gives a group only the controllers that every group above it passes on."""
    parent = folder.parent
    parent.mkdir(exist_ok=True)
    for place in (parent.parent, parent):
        (place / "cgroup.subtree_control").write_text("+memory +cpu")
