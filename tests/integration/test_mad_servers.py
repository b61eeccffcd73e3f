"""SSH servers that break the rules of SSH: an error of their own board, in a sentence, whatever paramiko dies of."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.devices import Device
from orchestrator.errors import Unreachable
from orchestrator.transport import ssh
from tests.boards.keys import make_key

pytestmark = pytest.mark.integration

CURVES = b"curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256"
REPLY = b"\x1f"


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def offer(exchanges: bytes) -> bytes:
    """A key exchange that offers this, and else what everybody speaks."""
    lists = [exchanges, b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2, b"", b""]
    return packet(b"\x14" + bytes(16) + b"".join(map(text, lists)) + bytes(5))


KEY = text(b"ssh-ed25519") + text(bytes(31) + b"\x01")
ANSWERS = {
    "noise": bytes(range(256)) * 16,
    "an offer of garbage": packet(b"\x14" + b"\xff" * 30),
    "an empty packet": packet(b""),
    "names that are no text": offer(b"\xff\xfe\xfa"),
    "a farewell that is no text": packet(b"\x01" + struct.pack(">I", 2) + text(b"\xff\xfe") + text(b"")),
    "a reply of garbage": offer(CURVES) + packet(REPLY + b"\xff" * 60),
    "a reply of nothing": offer(CURVES) + packet(REPLY + text(b"") * 3),
    "a key of nothing": offer(CURVES) + packet(REPLY + text(KEY) + text(b"") + text(b"")),
    "a point that is none": offer(CURVES) + packet(REPLY + text(KEY) + text(bytes(32)) + text(bytes(20))),
    "a step too early": offer(CURVES) + packet(b"\x15"),
}


def serve(listener: socket.socket, answer: bytes) -> Callable[[], None]:
    def loop() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            with taken:
                taken.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + answer)
                time.sleep(0.5)

    return loop


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_server_that_breaks_the_rules_is_unreachable_and_nothing_worse(
    home: Path, tmp_path: Path, answer: bytes
) -> None:
    make_key(tmp_path / "key", "nobody")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve(listener, answer))
        thread.start()
        try:
            device = Device(
                "mad",
                host="127.0.0.1",
                port=listener.getsockname()[1],
                user="x",
                key_file=os.fspath(tmp_path / "key"),
                connect_timeout_s=3.0,
            )
            with pytest.raises(Unreachable, match="mad"):
                ssh.connect(device, tmp_path / "known_hosts")
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
