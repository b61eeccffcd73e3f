"""The network link of a namespaced board: a veth pair between this machine and the board, and nothing beyond.

Addresses come from 198.18.0.0/15, which RFC 2544 sets aside for benchmarks: nobody on the way would route them.
"""

import hashlib
import shutil
import subprocess
from ipaddress import IPv4Address

from .board import BoardError

_FIRST = int(IPv4Address("198.18.0.0"))
_NETS = 2**17 // 4
BOARD_END = "eth0"


class Link:
    """One board's cable. The name and the addresses follow from its identity."""

    def __init__(self, identity: str) -> None:
        digest = hashlib.sha256(identity.encode()).digest()
        self.host_end = f"dyno{digest[:5].hex()}"  # an interface name has at most 15 letters
        net = _FIRST + 4 * (int.from_bytes(digest[5:9], "big") % _NETS)
        self.host_address = str(IPv4Address(net + 1))
        self.board_address = str(IPv4Address(net + 2))

    def connect(self, pid: int) -> None:
        """Plug the board of this first process in."""
        self.remove()
        if f" {self.host_address}/" in _run(["ip", "-o", "-4", "addr"]):
            raise BoardError(f"the address {self.host_address} is in use on this machine", "choose another board name")
        _run(["ip", "link", "add", self.host_end, "type", "veth", "peer", "name", BOARD_END, "netns", str(pid)])
        _run(["ip", "addr", "add", f"{self.host_address}/30", "dev", self.host_end])
        _run(["ip", "link", "set", self.host_end, "up"])
        _inside(pid, ["ip", "addr", "add", f"{self.board_address}/30", "dev", BOARD_END])
        _inside(pid, ["ip", "link", "set", "lo", "up"])
        _inside(pid, ["ip", "link", "set", BOARD_END, "up"])

    def unplug(self, pid: int) -> None:
        """Pull the cable at the board: no goodbye, packets are lost."""
        _inside(pid, ["ip", "link", "set", BOARD_END, "down"])

    def plug(self, pid: int) -> None:
        """Undo `unplug`."""
        _inside(pid, ["ip", "link", "set", BOARD_END, "up"])

    def shape(self, pid: int, rate_kbit: int | None) -> None:
        """Limit the rate in both directions; None lifts the limit. Delay and loss would need netem."""
        if rate_kbit is None:
            queue = ["pfifo"]
        else:
            # A bucket of a hundredth of a second, never smaller than the largest packet of a veth; a queue of 0.3 s.
            burst_bytes = max(66_000, rate_kbit * 1000 // 8 // 100)
            queue = ["tbf", "rate", f"{rate_kbit}kbit", "burst", f"{burst_bytes}b", "latency", "300ms"]
        _run(["tc", "qdisc", "replace", "dev", self.host_end, "root", *queue])
        _inside(pid, ["tc", "qdisc", "replace", "dev", BOARD_END, "root", *queue])

    def remove(self) -> None:
        """Take the cable away; the kernel does so by itself when the board's last process is gone."""
        if exists(self.host_end):
            subprocess.run(["ip", "link", "del", self.host_end], check=False, timeout=20, capture_output=True)


def exists(interface: str) -> bool:
    """Whether this machine has a network interface of this name."""
    shown = subprocess.run(["ip", "link", "show", interface], check=False, timeout=20, capture_output=True)
    return shown.returncode == 0


def missing_tools() -> list[str]:
    """What links need and this machine lacks."""
    return [name for name in ("ip", "tc", "nsenter", "unshare") if shutil.which(name) is None]


def _inside(pid: int, command: list[str]) -> str:
    return _run(["nsenter", "--target", str(pid), "--net", *command])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, check=False, timeout=20, capture_output=True, text=True)
    if done.returncode != 0:
        raise BoardError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}")
    return done.stdout
