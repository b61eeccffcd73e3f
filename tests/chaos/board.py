"""One board of the storm: a loopback sshd, its cable, its disk and its clock."""

import contextlib
import resource
from pathlib import Path

from orchestrator.devices import Device, Kind
from orchestrator.profiles import write_profile
from orchestrator.transport.hostkeys import accept
from tests.boards.board import known_hosts_line
from tests.boards.keys import read_public_key
from tests.boards.loopback import LoopbackBoard
from tests.chaos.disk import SmallDisk
from tests.chaos.forwarder import Cable, Wiring
from tests.chaos.wall_clock import WallClock

DISK_BYTES = 8_000_000
WORK_LOG = "measured.log"


class StormBoard:
    """`machine`: boards of one take turns. `small_disks`: its work folder may be a tmpfs; else a full disk is a limit
    on the size of its agent's files."""

    def __init__(
        self, folder: Path, name: str, machine: str, wiring: Wiring, library: Path | None, *, small_disks: bool
    ) -> None:
        folder.mkdir(parents=True)
        self.name = name
        self.machine = machine
        self.clock = WallClock(folder / "wall_clock", library) if library is not None else None
        environment = self.clock.environment if self.clock is not None else {}
        self.sshd = LoopbackBoard(folder, name, environment=environment).start()
        self.disk = SmallDisk(self.sshd.work_dir, DISK_BYTES) if small_disks else None
        self.spool = self.sshd.work_dir / "spool"
        self.log_file = self.sshd.home / WORK_LOG
        self.cable = Cable(wiring, self.sshd.host, self.sshd.port)
        self.log_suffered = False
        """Whether a limit on files may have kept workers from writing their log."""

    def enrol(self, farm: Path, site: str | None = None, *, relay: bool = False) -> None:
        """Write its profile into a farm, and accept its host key."""
        line = known_hosts_line(self.cable.host, self.cable.port, read_public_key(self.sshd.host_key_file))
        accept(farm / "known_hosts", line)
        write_profile(
            farm / "device_profiles",
            Device(
                self.name,
                kind=Kind.LOOPBACK,
                host=self.cable.host,
                port=self.cable.port,
                user=self.sshd.user,
                key_file=str(self.sshd.key_file),
                work_dir=str(self.sshd.work_dir),
                group=self.machine,
                thermal_auto=False,
                site=site,
                relay=relay,
            ),
        )

    def fill_disk(self) -> bool:
        """Whether there was something to be hit."""
        if self.disk is not None:
            self.disk.fill()
            return True
        agents = self.sshd.agents()
        self.log_suffered = self.log_suffered or bool(agents)
        for pid in agents:
            _limit_files(pid, 1000)
        return bool(agents)

    def empty_disk(self) -> None:
        """Undo `fill_disk`."""
        if self.disk is not None:
            self.disk.empty()
        else:
            for pid in self.sshd.agents() | self.sshd.workers():
                _limit_files(pid, resource.RLIM_INFINITY)

    def leftovers(self) -> list[str]:
        """Processes but the listening sshd."""
        return [f"{process.pid} {' '.join(process.argv)}" for process in self.sshd.descendants().values()]

    def stop(self) -> None:
        self.sshd.stop()
        self.cable.unplug()
        if self.disk is not None:
            self.disk.unmount()
        if self.clock is not None:
            self.clock.close()


def _limit_files(pid: int, size_bytes: int) -> None:
    """The soft limit alone, so that it can be raised again. A larger file is then an error, as on a full disk."""
    with contextlib.suppress(OSError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
