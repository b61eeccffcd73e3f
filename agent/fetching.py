"""The verb `fetch`: a file from the relay of this board's site, over SSH, kept exactly as a pushed one is.

The order comes on standard input, which stays open: its end stops the fetch. No secret comes to this board: `ssh` asks
the ssh-agent of the orchestrator, through the connection that this command runs on, and that one signs for the relay
alone. What came of a file that broke off stays, and the next fetch or push goes on from there.
"""

import os
import shlex
import subprocess
import threading
import time
from typing import Any, Iterable, Iterator, List, cast

from agent.blobs import BlobFault
from agent.errand import Say, run_errand
from agent.frames import Broken, Piece, Source, read_plain
from agent.giving import MISSING
from agent.keeping import keep
from agent.parts import Part
from agent.places import Places, remove_quietly
from agent.protocol import Fetch, Fetching, Received

SAY_EVERY_S = 1.0
WORDS_BYTES = 4096
LAST_WORDS_S = 5.0
"""An `ssh` whose output ended says why, and ends."""
ALIAS = "dynofarm-relay"


def fetch(work_dir: str) -> int:
    """Fetch what the `Fetch` on standard input asks for; 0 when it is here, 1 when the answer ends with an `Error`."""
    return run_errand(work_dir, [Fetch], _fetch)


def _fetch(places: Places, order: Fetch, say: Say) -> Received:
    hosts = places.temporary("relay")

    def bring(part: Part) -> Iterable[Piece]:
        if part.offset_bytes == order.size_bytes:
            return ()
        if not os.environ.get("SSH_AUTH_SOCK"):
            raise BlobFault("relay", "its sshd lends no keys (AllowAgentForwarding, DisableForwarding)")
        with open(hosts, "w", encoding="ascii") as file:
            file.write("%s %s\n" % (ALIAS, order.host_key))
        return _bytes_of(ssh_argv(order, hosts, part.offset_bytes), part, order.size_bytes, say)

    try:
        return keep(places, order.digest, order.size_bytes, bring)
    finally:
        remove_quietly(hosts)


def ssh_argv(order: Fetch, hosts: str, offset_bytes: int) -> List[str]:
    """`ssh` that reads no configuration, asks nobody, and lets no other host key pass than the one in `hosts`.

    `BlobFault` for what could be taken for something else than it is.
    """
    if order.host.startswith("-") or order.user.startswith("-"):
        raise BlobFault("relay", "the relay's address would pass for an option")
    if '"' in hosts or "$" in hosts or "\n" in order.host_key:
        raise BlobFault("relay", "the work folder's path cannot stand in an option of ssh")
    limit_s = max(1, int(order.connect_timeout_s + 0.5))
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        'UserKnownHostsFile="%s"' % hosts.replace("%", "%%"),
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlias=%s" % ALIAS,
        "CheckHostIP=no",
        "UpdateHostKeys=no",
        "PreferredAuthentications=publickey",
        "IdentityFile=none",
        "IdentityAgent=SSH_AUTH_SOCK",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ControlPath=none",
        "Compression=no",
        "ConnectTimeout=%d" % limit_s,
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "LogLevel=ERROR",
    ]
    argv = ["ssh", "-F", "/dev/null", "-T", "-p", str(order.port), "-l", order.user]
    for option in options:
        argv += ["-o", option]
    return [*argv, "--", order.host, shlex.join([*order.command, "--from", str(offset_bytes)])]


def _bytes_of(argv: List[str], part: Part, size_bytes: int, say: Say) -> Iterator[Piece]:
    """What `ssh` brings, from the part's offset to the file's end; `BlobFault` for why it does not."""
    try:
        ssh = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise BlobFault("relay", "it has no ssh client") from None
    except OSError as error:
        raise BlobFault("relay", "its ssh client does not start: %s" % error.strerror) from None
    words = bytearray()
    listener = threading.Thread(target=_listen, args=(ssh.stderr, words), daemon=True)
    listener.start()
    threading.Thread(target=_end_with_input, args=(ssh,), daemon=True).start()
    try:
        source = cast(Any, ssh.stdout).fileno()
        yield from _told(read_plain(Source(source), size_bytes - part.offset_bytes), part.offset_bytes, say)
    except Broken as broken:
        _end(ssh, LAST_WORDS_S)
        listener.join(2.0)
        raise _fault(ssh.returncode, bytes(words), str(broken)) from None
    finally:
        _end(ssh)


def _told(chunks: Iterable[Piece], there_bytes: int, say: Say) -> Iterator[Piece]:
    said_at = time.monotonic()
    for data in chunks:
        yield data
        there_bytes += len(data)
        if time.monotonic() - said_at >= SAY_EVERY_S:
            said_at = time.monotonic()
            say(Fetching(there_bytes))
    say(Fetching(there_bytes))  # what is left takes its time as well: syncing to a card


def _fault(status: int, words: bytes, broken: str) -> Exception:
    """What `ssh` and the relay said, as a sentence; its last line is the reason."""
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines() if line.strip()]
    said = lines[-1][:300] if lines else ""
    if status == MISSING:
        return BlobFault("missing", said or "the relay does not have the file")
    if said.startswith("Host key verification failed"):
        return BlobFault("relay", "the relay shows it another host key than the one that was accepted")
    if "Permission denied" in said:
        return BlobFault("relay", "the relay does not let it in: %s" % said)
    return BlobFault("relay", said or broken)


def _listen(stream: Any, words: bytearray) -> None:
    """Take what `ssh` says, so that it never waits for us; the end of it is kept."""
    for data in iter(lambda: stream.read1(WORDS_BYTES), b""):
        words += data
        del words[:-WORDS_BYTES]


def _end_with_input(ssh: "subprocess.Popen[bytes]") -> None:
    """The orchestrator that wanted it has gone, or changed its mind."""
    while os.read(0, 4096):
        continue
    _end(ssh)


def _end(ssh: "subprocess.Popen[bytes]", patience_s: float = 0.2) -> None:
    if ssh.poll() is None:
        try:
            ssh.wait(patience_s)
        except subprocess.TimeoutExpired:
            ssh.kill()
    ssh.wait()
