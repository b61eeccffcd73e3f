"""A whole aarch64 machine under qemu: its own kernel, memory and disk. Slow, and nearest to a real board."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import processes as proc
from .board import BoardError, Login
from .furnishing import furnish
from .image import Archive, ensure_image, image_folder
from .keys import fingerprint, make_key, read_public_key
from .loopback import address_of
from .sshd import free_port, wait_for_banner
from .tree import LOGIN

QEMU = "qemu-system-aarch64"
START_TIMEOUT_S = 180.0
EMULATION = "qemu-system virt aarch64"


class VirtualMachine:
    """One machine below `folder`. It keeps its keys and address; its disk is fresh at every start."""

    kind = "emulated"
    work_dir = "/data/dynofarm"
    user = LOGIN

    def __init__(self, folder: Path, name: str = "", *, memory_mib: int = 1024, cores: int = 2) -> None:
        self.folder = Path(folder).resolve()
        self.name = name or self.folder.name
        self.memory_mib = memory_mib
        self.cores = cores
        self.identity = f"{self.name}-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]}"
        self.key_file = self.folder / "user_key"
        self.host_key_file = self.folder / "host_key"
        self.log_file = self.folder / "console.log"
        self.host = address_of(self.identity)
        port = self.folder / "port"
        self.port = int(port.read_text()) if port.exists() else 0
        self._machine: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Make the image if it is not cached, boot, and wait for sshd's banner (5 to 60 s)."""
        lacking = missing()
        if lacking:
            raise BoardError(f"{self.name}: a virtual machine cannot be had here: {'; '.join(lacking)}")
        image = ensure_image()
        self.folder.mkdir(parents=True, exist_ok=True)
        public = read_public_key(self.key_file) if self.key_file.exists() else make_key(self.key_file, self.name)
        if not self.host_key_file.exists():
            make_key(self.host_key_file, f"{self.name} host")
        furnish(self.folder, self.name, self.identity, EMULATION, public, {})
        own = Archive()
        own.add_tree("board", self.folder / "upper")
        (self.folder / "first.cpio").write_bytes((image / "first.cpio").read_bytes() + own.finish())
        self.port = self.port or free_port(self.host)
        (self.folder / "port").write_text(f"{self.port}\n")
        self._boot(image)
        if not wait_for_banner(self.host, self.port, START_TIMEOUT_S, pause_s=0.2):
            end = self._console_end()
            self.stop()
            raise BoardError(f"{self.name}: its sshd does not answer", end)
        return self

    def stop(self) -> None:
        """End the machine at once. `BoardError` if it will not go."""
        deadline = time.monotonic() + 15
        while family := self.alive():
            proc.send(signal.SIGKILL, family)
            if self._machine is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._machine.wait(timeout=1)
            if time.monotonic() > deadline:
                raise BoardError(f"{self.name}: these processes will not end: {self.leftovers()}")
            time.sleep(0.02)
        for rest in ("qemu.pid", "monitor"):
            (self.folder / rest).unlink(missing_ok=True)

    @property
    def pid(self) -> int | None:
        """The emulator's process."""
        return next(iter(self.alive()), None)

    @property
    def login(self) -> Login:
        return Login(self.host, self.port, self.user, self.key_file, read_public_key(self.host_key_file))

    @property
    def host_key_line(self) -> str:
        """Its line for a known_hosts file."""
        return self.login.known_hosts_line

    @property
    def host_key_fingerprint(self) -> str:
        """`SHA256:…` of the host key."""
        return fingerprint(read_public_key(self.host_key_file))

    def alive(self) -> dict[int, proc.Process]:
        """The emulator, while it lives."""
        everybody = proc.list_processes()
        return {pid: one for pid, one in everybody.items() if proc.carries_marker(pid, self.identity)}

    def leftovers(self) -> list[str]:
        """One line for each process of this board that still lives; empty after `stop`."""
        return [f"{process.pid} {' '.join(process.argv)}" for process in self.alive().values()]

    def freeze(self) -> set[int]:
        """Stop the whole machine, its clock included. Connections are accepted by the emulator's kernel side still."""
        return proc.send_until_settled(signal.SIGSTOP, lambda: set(self.alive()))

    def thaw(self) -> set[int]:
        """Undo `freeze`."""
        return proc.send_until_settled(signal.SIGCONT, lambda: set(self.alive()))

    def unplug(self) -> None:
        """Pull the machine's network cable. The emulator goes on accepting connections, and says nothing on them."""
        self._command("set_link", name="net0", up=False)

    def plug(self) -> None:
        """Undo `unplug`."""
        self._command("set_link", name="net0", up=True)

    def power_off(self) -> None:
        """Pull the plug."""
        self.stop()

    def _boot(self, image: Path) -> None:
        forward = f"user,id=net0,restrict=on,hostfwd=tcp:{self.host}:{self.port}-:22"
        command = [QEMU, "-machine", "virt", "-cpu", "cortex-a76", "-smp", str(self.cores), "-m", str(self.memory_mib)]
        command += ["-accel", "tcg,thread=multi", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        command += ["-kernel", str(image / "kernel"), "-initrd", str(self.folder / "first.cpio")]
        command += ["-append", "console=ttyAMA0 quiet loglevel=3 panic=-1 mitigations=off"]
        command += ["-drive", f"if=none,id=disk,format=raw,snapshot=on,cache=unsafe,file={image / 'root.ext4'}"]
        command += ["-device", "virtio-blk-pci,drive=disk", "-netdev", forward]
        command += ["-device", "virtio-net-pci,netdev=net0,romfile=", "-serial", f"file:{self.log_file}"]
        command += ["-qmp", "unix:monitor,server=on,wait=off"]  # relative: a socket's path is short
        with (self.folder / "qemu.log").open("wb") as log:
            self._machine = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # The changes to the disk live in an unnamed file there.
                env={**os.environ, proc.MARKER: self.identity, "TMPDIR": str(self.folder)},
                start_new_session=True,
            )

    def _command(self, command: str, **arguments: Any) -> None:
        """One command to qemu's monitor."""
        folder = os.open(self.folder, os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(10)
                line.connect(f"/proc/self/fd/{folder}/monitor")
                with line.makefile("rw", encoding="utf-8") as talk:
                    talk.readline()  # its greeting
                    for words in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                        talk.write(json.dumps(words) + "\n")
                        talk.flush()
                        answer = json.loads(talk.readline())
                        while "event" in answer:
                            answer = json.loads(talk.readline())
                        if "error" in answer:
                            raise BoardError(f"{self.name}: qemu refuses {command}: {answer['error']['desc']}")
        except OSError as error:
            raise BoardError(f"{self.name}: its emulator does not answer: {error}", "is it running?") from None
        finally:
            os.close(folder)

    def _console_end(self) -> str:
        texts = [
            path.read_text(errors="replace") for path in (self.folder / "qemu.log", self.log_file) if path.exists()
        ]
        return "its last words: " + (" | ".join("".join(texts).splitlines()[-5:]) or "none")


def missing() -> list[str]:
    """Why a virtual machine cannot be had here, as sentences; nothing when it can."""
    found = []
    if shutil.which(QEMU) is None:
        found.append(f"there is no {QEMU} (sudo apt install qemu-system-arm)")
    if not image_folder().exists():
        found += [f"there is no {name} to make its disk" for name in ("mke2fs", "mmdebstrap") if not shutil.which(name)]
        if os.geteuid() != 0:
            found.append("making its disk needs root, once")
    return found
