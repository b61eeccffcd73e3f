"""A file for several boards of one site: over the uplink to each of them, or once to their relay, in turn.

The uplink is held at a rate by the orchestrator's own limit for a site. What goes over it is what the kernel counts as
sent on the connections of this process.
"""

import argparse
import contextlib
import hashlib
import os
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import bench_board  # noqa: F401 - puts the checkout on the path

from orchestrator.bundle import agent_zipapp
from orchestrator.devices import Device, Kind
from orchestrator.links import Keeper, Link
from orchestrator.needs import Needs
from orchestrator.relays import find_relays
from orchestrator.session import AgentSession
from orchestrator.supply import Tell, Wanted
from orchestrator.transport.connect import connect
from orchestrator.transport.push_artifact import Artifacts
from orchestrator.transport.push_tally import Way
from orchestrator.uplink import Uplink
from tests.boards.loopback import LoopbackBoard

BYTES_ACKED_AT = 120
"""Offset of tcpi_bytes_acked in Linux's struct tcp_info."""


def acked_bytes() -> int:
    """What other sides have confirmed on all TCP connections of this process."""
    total = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(entry.readlink()).startswith("socket:"):
                sock = socket.socket(fileno=os.dup(int(entry.name)))
                with sock:
                    if sock.family in (socket.AF_INET, socket.AF_INET6):
                        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                        total += struct.unpack_from("<Q", info, BYTES_ACKED_AT)[0]
    return total


class Street:
    """A relay and its neighbours, each connected to."""

    def __init__(self, folder: Path, neighbours: int) -> None:
        self.boards = [LoopbackBoard(folder / f"b{number}", f"b{number}") for number in range(neighbours + 1)]
        self.known_hosts = folder / "known_hosts"
        self.links: list[Link] = []

    def start(self) -> None:
        for board in self.boards:
            board.start()
        self.known_hosts.write_text("".join(f"{board.host_key_line}\n" for board in self.boards))
        connector = partial(connect, known_hosts=self.known_hosts)
        stop = threading.Event()
        for board in self.boards:
            device = Device(
                board.name, kind=Kind.LOOPBACK, host=board.host, port=board.port, user=board.user, site="roof",
                key_file=str(board.key_file), work_dir=str(board.work_dir), python=sys.executable,
                relay=board.name == "b0",
            )  # fmt: skip
            self.links.append(Link(device, connector, agent_zipapp(), "benchmark", print_nothing, stop))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda link: link.open(0.0), self.links))

    def stop(self) -> None:
        for link in self.links:
            link.lasting = False
            link.close(politely=True)
        for board in self.boards:
            board.stop()


def print_nothing(_event: object) -> None:
    pass


def bring(street: Street, folder: Path, size_bytes: int, uplink: Uplink, *, relay: bool) -> tuple[float, int]:
    """A file that nobody has to all neighbours at once: seconds, and bytes over the uplink."""
    data = os.urandom(size_bytes)
    digest, path = hashlib.sha256(data).hexdigest(), folder / "file"
    path.write_bytes(data)
    artifacts = Artifacts()
    devices = [replace(link.device, relay=relay and link is street.links[0]) for link in street.links]
    relays = find_relays(street.links, lambda: devices, lambda _others: [], print_nothing)

    def send(session: AgentSession, tell: Tell) -> None:
        way = Way(uplink, "roof", beside=relay and session is street.links[0].session)
        with artifacts.lend(digest, path) as artifact:
            session.push(digest, path, size_bytes, tell, artifact=artifact, way=way)

    def one(link: Link) -> None:
        session = link.session
        assert session is not None
        wanted = Wanted(digest, size_bytes, Needs((digest,)), send)
        if not relays.bring(session, wanted, lambda _there: None):
            if relay:
                raise RuntimeError(f"{link.device.name} was not served by the relay")
            send(session, lambda _there: None)

    before, began = acked_bytes(), time.monotonic()
    with ThreadPoolExecutor(len(street.links)) as pool:
        list(pool.map(one, street.links[1:]))
    took_s = time.monotonic() - began
    for link in street.links:
        assert link.session is not None
        with contextlib.suppress(OSError):
            (Path(link.session.device.work_dir) / "blobs" / digest).unlink()
    return took_s, acked_bytes() - before


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neighbours", type=int, default=5)
    parser.add_argument("--mb", type=float, default=5.0, help="size of the file")
    parser.add_argument("--mbit", type=float, default=20.0, help="the uplink, Mbit/s; 0: no limit")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args(argv)
    size_bytes = int(chosen.mb * 1e6)
    uplink = Uplink(None, {"roof": chosen.mbit * 1e6 / 8}) if chosen.mbit else Uplink()
    with tempfile.TemporaryDirectory(prefix="dynofarm-relay-") as name:
        folder = Path(name)
        street = Street(folder, chosen.neighbours)
        figures: dict[bool, list[tuple[float, int]]] = {False: [], True: []}
        try:
            street.start()
            with Keeper(street.links):
                for number in range(chosen.repeats):
                    for relay in (False, True) if number % 2 == 0 else (True, False):
                        figures[relay].append(bring(street, folder, size_bytes, uplink, relay=relay))
        finally:
            street.stop()
    print(f"{chosen.neighbours} neighbours, {chosen.mb:g} MB, uplink {chosen.mbit:g} Mbit/s, n = {chosen.repeats} each")
    for relay, found in figures.items():
        walls = sorted(took_s for took_s, _ in found)
        sent_mb = statistics.median(sent for _, sent in found) / 1e6
        way = "once, to the relay" if relay else "to each board"
        print(f"{way:20} {statistics.median(walls):6.2f} s ({walls[0]:.2f} to {walls[-1]:.2f})  {sent_mb:6.2f} MB up")
    ratios = [with_[0] / without[0] for without, with_ in zip(figures[False], figures[True], strict=True)]
    print(f"ratio of the times: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
