"""Pushing over links with delay, a rate and loss, beside fabric's `put`; OpenSSH and Dropbear on the far side."""

import hashlib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crowd import Crowd, Place, await_banner, crowd
from farm_jobs import _open, _sweep
from farm_peers import SCRIPTS, environment
from wiring import Cable, Shape, missing

from orchestrator.links import Link
from orchestrator.transport import ssh

LINKS = (
    Shape("100 Mbit/s, 2 ms round trip", 1.0, 100.0),
    Shape("20 ms round trip", 10.0),
    Shape("20 ms, 1 % of packets lost", 10.0, 0.0, 0.01),
)
HEADERS = 1500 / 1448
"""A packet of 1500 bytes carries 1448 of TCP: what a link of a rate can carry at most."""
PIECE = 32_704


def shaped(folder: Path, size_mb: int, rounds: int) -> None:
    """Goodput of a push and of a `put`, in turn. On the lossy link a small sweep as well."""
    if missing():
        print(f"shaped links: not measured here: {missing()}")
        return
    print(f"\npush of {size_mb} MB (MB/s, median; connection open)")
    for number, shape in enumerate(LINKS):
        with Cable(shape) as cable, crowd(folder / f"link{number}", 1, [cable.board_address], cable.inside()) as boards:
            size = max(1, size_mb // 4) if shape.loss else size_mb
            ours, theirs = _push_and_put(boards, folder, size, rounds)
            ceiling = shape.rate_mbit / 8 / HEADERS
            share = f", {ours / ceiling:.2f} of the link's {ceiling:.2f} (bar 0.95)" if shape.rate_mbit else ""
            print(f"  {shape.name:28} ours {ours:7.2f}   fabric put {theirs:7.2f}   ratio {ours / theirs:5.2f}{share}")
            if shape.loss:
                wall_s, _, ok = _sweep([boards.places[0].device()], boards.known_hosts, _made(folder / "lossy"), 8)
                print(f"  {'':28} a sweep over it: {ok} of 8 jobs ok, {wall_s:.1f} s")
    _dropbear(folder, max(8, size_mb // 4), rounds)


def _push_and_put(boards: Crowd, folder: Path, size_mb: int, rounds: int) -> tuple[float, float]:
    ours: list[float] = []
    theirs: list[float] = []
    with _open([boards.places[0].device()], boards.known_hosts) as (link,):
        for turn in range(rounds):
            path = folder / f"{boards.folder.name}-{turn}.bin"
            path.write_bytes(os.urandom(size_mb * 1_000_000))
            ours.append(size_mb / _push(link, path))
            theirs.append(size_mb / _put(boards.places_file, path))
            path.unlink()
    return statistics.median(ours), statistics.median(theirs)


def _push(link: Link, path: Path) -> float:
    assert link.session is not None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    began = time.perf_counter()
    link.session.push(digest, path, path.stat().st_size)
    return time.perf_counter() - began


def _put(places_file: Path, path: Path) -> float:
    argv = [str(environment("fabric") / "python"), str(SCRIPTS / "put_fabric.py"), str(places_file), str(path), "1"]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=600).stdout)


def _dropbear(folder: Path, size_mb: int, rounds: int) -> None:
    if shutil.which("dropbear") is None:
        print("  dropbear: not measured here: there is none")
        return
    with Cable(Shape("dropbear, 20 ms", 10.0)) as cable, _dropbear_board(_made(folder / "dropbear"), cable) as place:
        sliced: list[float] = []
        single: list[float] = []
        with _open([place.device()], Path(place.known_hosts)) as (link,):
            for turn in range(rounds):
                path = folder / f"dropbear-{turn}.bin"
                path.write_bytes(os.urandom(size_mb * 1_000_000))
                sliced.append(size_mb / _push(link, path))
                single.append(1 / _one_channel(place, path.read_bytes()[:1_000_000]))
                path.unlink()
        ours, one = statistics.median(sliced), statistics.median(single)
        print(f"  {'dropbear, 20 ms':28} ours {ours:7.2f}   one channel {one:7.2f}   ratio {ours / one:5.2f} (bar 6)")


def _one_channel(place: Place, data: bytes) -> float:
    transport = ssh.connect(place.device(), Path(place.known_hosts))
    try:
        channel: Any = transport.open_channel(["sh", "-c", "cat > /dev/null"])
        began = time.perf_counter()
        for at in range(0, len(data), PIECE):
            channel.send(data[at : at + PIECE])
        channel.close_input()
        assert channel.exit_status(120.0) == 0
        return time.perf_counter() - began
    finally:
        transport.close()


@contextmanager
def _dropbear_board(folder: Path, cable: Cable) -> Iterator[Place]:
    """It reads keys only from the home in /etc/passwd: in a namespace of its own, a mount of ours lies over that."""
    made = Crowd(folder / "keys", 1, [cable.board_address])  # for its keys and its place
    place = made.places[0]
    home = _made(folder / "home")
    _made(home / ".ssh").chmod(0o700)
    (home / ".ssh" / "authorized_keys").write_text(made._public + "\n")
    (home / ".ssh" / "authorized_keys").chmod(0o600)
    home.chmod(0o700)
    host_key = folder / "host_key"
    _run(["dropbearkey", "-t", "ed25519", "-f", str(host_key)])
    public = next(
        line for line in _run(["dropbearkey", "-y", "-f", str(host_key)]).splitlines() if line.startswith("ssh-")
    )
    made.known_hosts.write_text(f"[{place.host}]:{place.port} {' '.join(public.split()[:2])}\n")
    script = 'mount --bind "$1" ~ && exec dropbear -F -E -r "$2" -p "$3"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(home), str(host_key), f"{place.host}:{place.port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*cable.inside(), *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    made._servers.append(server)
    try:
        await_banner(place.host, place.port)
        yield place
    finally:
        made.stop()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(argv: Sequence[str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout
