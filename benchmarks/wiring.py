"""A cable to a network namespace of this machine: a plain one to pull, or one through a shaper of delay, rate and loss.

Needs root and Linux. Addresses come from 198.18.0.0/15, set aside for benchmarks by RFC 2544.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SHAPER = Path(__file__).resolve().parent / "shaper.c"


def missing() -> str:
    """Why there can be no cable here; empty when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "it needs Linux and root"
    return "it needs ip (iproute2)" if shutil.which("ip") is None else ""


@dataclass(frozen=True)
class Shape:
    """What a link does to packets each way: `delay_ms`, `loss` (a share of them), a rate (0: no limit)."""

    name: str
    delay_ms: float
    rate_mbit: float = 0.0
    loss: float = 0.0


class Cable:
    """A namespace with this machine on the other end; shaped by `shape`, else a veth pair."""

    def __init__(self, shape: Shape | None = None) -> None:
        self._shape = shape
        self._name = f"dynob{os.getpid() % 100000}"
        self._shaper: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.host_address, self.board_address = "198.18.77.1", "198.18.77.2"

    def inside(self) -> list[str]:
        """Words that start a program on the board's side."""
        return ["ip", "netns", "exec", self._name]

    def unplug(self) -> None:
        """Pull it at the board: no goodbye."""
        _run(["ip", "-n", self._name, "link", "set", self._name, "down"])

    def __enter__(self) -> Self:
        _run(["ip", "netns", "add", self._name])
        try:
            if self._shape is None:
                peer = ["peer", "name", self._name, "netns", self._name]
                _run(["ip", "link", "add", f"{self._name}h", "type", "veth", *peer])
            else:
                self._start_shaper(self._shape)
            _run(["ip", "addr", "add", f"{self.host_address}/30", "dev", f"{self._name}h"])
            _run(["ip", "link", "set", f"{self._name}h", "up"])
            for words in (
                ["addr", "add", f"{self.board_address}/30", "dev", self._name],
                ["link", "set", "lo", "up"],
                ["link", "set", self._name, "up"],
            ):
                _run(["ip", "-n", self._name, *words])
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shaper is not None:
            self._shaper.kill()
            self._shaper.wait()
        if self._folder is not None:
            self._folder.cleanup()
        subprocess.run(["ip", "link", "del", f"{self._name}h"], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)

    def _start_shaper(self, shape: Shape) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dynofarm-shaper-")
        program = str(Path(self._folder.name) / "shaper")
        _run(["cc", "-O2", "-Wall", "-o", program, str(SHAPER)])
        numbers = [str(round(shape.delay_ms * 1000)), str(round(shape.rate_mbit * 1e6 / 8)), str(shape.loss)]
        argv = [program, f"{self._name}h", self._name, f"/run/netns/{self._name}", *numbers]
        self._shaper = subprocess.Popen(argv)
        deadline = time.monotonic() + 5
        while not Path(f"/sys/class/net/{self._name}h").exists() or self._name not in _run(
            ["ip", "-n", self._name, "-o", "link"]
        ):
            if time.monotonic() > deadline or self._shaper.poll() is not None:
                raise OSError("the shaper did not start")
            time.sleep(0.02)


def _run(argv: list[str]) -> str:
    return subprocess.run(argv, check=True, timeout=20, capture_output=True, text=True).stdout
