"""The verbs of a relay and of its neighbours, on the oldest Python, with a stand-in for `ssh`."""

import hashlib
import json
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.blobs import BlobFault
from agent.fetching import ssh_argv
from agent.protocol import Evict, Fetch, Have, Probe, encode
from orchestrator.bundle import agent_zipapp
from tests.pythons import find_python

DATA = random.Random(22).randbytes(700_000)
DIGEST = hashlib.sha256(DATA).hexdigest()
ORDER = Fetch(DIGEST, len(DATA), "10.0.0.9", 22, "pi", "ssh-ed25519 AAAA", ["give"], 10.0)

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "blobs").mkdir(parents=True)
    return folder


@pytest.fixture
def argv(tmp_path: Path, work: Path) -> Callable[..., Sequence[str]]:
    archive = tmp_path / "agent.pyz"
    archive.write_bytes(agent_zipapp().data)
    python = str(find_python("3.8") or sys.executable)
    return lambda verb, *words: [python, "-I", "-S", str(archive), verb, "--work", str(work), *words]


@pytest.fixture
def run(argv: Callable[..., Sequence[str]]) -> Run:
    def start(verb: str, *words: str, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(argv(verb, *words), input=data, capture_output=True, check=False, timeout=60)

    return start


def put_ssh(tmp_path: Path, text: str) -> None:
    """A stand-in that sees the command for the relay as its last word."""
    path = tmp_path / "bin" / "ssh"
    path.write_text(f'#!/bin/sh\nfor last; do :; done\necho "$last" >> {tmp_path}/asked\n{text}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def fetch(tmp_path: Path, argv: Callable[..., Sequence[str]]) -> Callable[..., dict[str, Any]]:
    """A fetch whose input stays open until the answer, as the orchestrator's does; the answer."""
    (tmp_path / "bin").mkdir()
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "SSH_AUTH_SOCK": "/nowhere", "HOME": str(tmp_path)}

    def start(**more: str) -> dict[str, Any]:
        pipe = subprocess.PIPE
        with subprocess.Popen(argv("fetch"), stdin=pipe, stdout=pipe, env={**environment, **more}) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(encode(ORDER))
            process.stdin.flush()
            for line in process.stdout:
                answer: dict[str, Any] = json.loads(line)
                if answer["kind"] != "fetching":
                    break
            process.stdin.close()
            assert process.wait(30) == (1 if answer["kind"] == "error" else 0)
        return answer

    return start


def answers(done: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_relay_gives_the_bytes_and_nothing_else(run: Run, work: Path) -> None:
    (work / "blobs" / DIGEST).write_bytes(DATA)
    os.utime(work / "blobs" / DIGEST, (1, 1))
    done = run("give", "--digest", DIGEST)
    assert (done.returncode, done.stdout, done.stderr) == (0, DATA, b"")
    assert (work / "blobs" / DIGEST).stat().st_mtime > 1, "used just now: the last to be evicted"
    assert run("give", "--digest", DIGEST, "--from", "699999").stdout == DATA[-1:]


@pytest.mark.parametrize("digest", [DIGEST, "../../secret", "", "/etc/passwd", DIGEST.upper()])
def test_a_relay_gives_nothing_that_is_not_a_file_under_its_digest(run: Run, work: Path, digest: str) -> None:
    (work.parent / "secret").write_text("a secret")
    done = run("give", "--digest", digest)
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.startswith(b"the relay does not have")


def test_a_relay_gives_up_when_the_neighbour_has_gone(argv: Callable[..., Sequence[str]], work: Path) -> None:
    (work / "blobs" / DIGEST).write_bytes(DATA)
    with subprocess.Popen(argv("give", "--digest", DIGEST), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 1
        assert b"the relay cannot give" in process.stderr.read()


def test_a_relay_is_asked_one_thing_after_the_other(run: Run, work: Path) -> None:
    (work / "blobs" / DIGEST).write_bytes(DATA)
    other = "0" * 64
    lines = encode(Have([DIGEST, other])) + encode(Probe()) + encode(Evict(1000, 500, [])) + encode(Have([DIGEST]))
    done = run("ask", data=lines)
    held, refused, evicted, left = answers(done)
    assert (held["present"], held["missing"]) == ([DIGEST], [other])
    assert (refused["kind"], refused["code"]) == ("error", "protocol")
    assert (evicted["digests"], evicted["used_bytes"], left["present"]) == ([DIGEST], 0, [])
    assert done.returncode == 0


def test_a_file_is_fetched_whole_or_gone_on_with(
    fetch: Callable[..., dict[str, Any]], tmp_path: Path, work: Path
) -> None:
    (tmp_path / "data").write_bytes(DATA)
    put_ssh(tmp_path, f"head -c 300000 {tmp_path}/data; echo 'Connection to 10.0.0.9 closed' >&2; exit 255")
    assert fetch() == {"kind": "error", "code": "relay", "message": "Connection to 10.0.0.9 closed"}
    put_ssh(tmp_path, f"tail -c +300001 {tmp_path}/data")
    assert fetch() == {"kind": "received", "digest": DIGEST, "size_bytes": len(DATA), "already": False}
    assert (work / "blobs" / DIGEST).read_bytes() == DATA
    assert (tmp_path / "asked").read_text().splitlines() == ["give --from 0", "give --from 300000"]
    assert list((work / "incoming").iterdir()) == [], "the relay's host key is gone, and so is the part"
    assert fetch()["already"]


@pytest.mark.parametrize(
    ("ssh", "code", "told"),
    [
        ("head -c 700000 /dev/zero", "corrupt", "the bytes have the hash"),
        ("echo 'the relay does not have it' >&2; exit 3", "missing", "the relay does not have it"),
        ("echo 'Host key verification failed.' >&2; exit 255", "relay", "another host key"),
        ("echo 'pi@10.0.0.9: Permission denied (publickey).' >&2; exit 255", "relay", "does not let it in"),
        ("yes chatter | head -c 300000 >&2; exit 1", "relay", "chatter"),
        ("exit 0", "relay", "the stream ended"),
    ],
)
def test_why_a_file_was_not_fetched(
    fetch: Callable[..., dict[str, Any]], tmp_path: Path, work: Path, ssh: str, code: str, told: str
) -> None:
    put_ssh(tmp_path, ssh)
    answer = fetch()
    assert answer["code"] == code
    assert told in answer["message"]
    assert not (work / "blobs" / DIGEST).exists()


def test_a_board_without_ssh_or_without_lent_keys_says_so(fetch: Callable[..., dict[str, Any]]) -> None:
    assert fetch(PATH="/nowhere")["message"] == "it has no ssh client"
    assert "lends no keys" in fetch(SSH_AUTH_SOCK="")["message"]


def test_a_fetch_ends_with_its_input(tmp_path: Path, argv: Callable[..., Sequence[str]]) -> None:
    (tmp_path / "bin").mkdir()
    put_ssh(tmp_path, f"touch {tmp_path}/started; exec sleep 60")
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "SSH_AUTH_SOCK": "/nowhere"}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv("fetch"), stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(ORDER))
        process.stdin.flush()
        until = time.monotonic() + 30
        while not (tmp_path / "started").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.stdin.close()
        assert b'"code":"relay"' in process.stdout.read()
        assert process.wait(30) == 1


def test_the_ssh_of_a_fetch_trusts_one_host_key_and_reads_no_configuration() -> None:
    argv = ssh_argv(ORDER, "/w/incoming/50%.relay", 7)
    assert argv[:3] == ["ssh", "-F", "/dev/null"]
    assert argv[-3:] == ["--", "10.0.0.9", "give --from 7"]
    for option in (
        "BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "IdentityFile=none",
        "IdentityAgent=SSH_AUTH_SOCK", "GlobalKnownHostsFile=/dev/null", "ConnectTimeout=10",
        'UserKnownHostsFile="/w/incoming/50%%.relay"',
    ):  # fmt: skip
        assert argv[argv.index(option) - 1] == "-o"


@pytest.mark.parametrize(
    ("order", "hosts"),
    [
        (Fetch(DIGEST, 1, "-oProxyCommand=x", 22, "pi", "k", ["give"], 1.0), "/w/h"),
        (Fetch(DIGEST, 1, "h", 22, "-x", "k", ["give"], 1.0), "/w/h"),
        (Fetch(DIGEST, 1, "h", 22, "pi", "k\n* ssh-ed25519 BBBB", ["give"], 1.0), "/w/h"),
        (ORDER, '/w/"h'),
        (ORDER, "/w/${HOME}"),
    ],
)
def test_what_ssh_would_take_for_something_else_is_refused(order: Fetch, hosts: str) -> None:
    with pytest.raises(BlobFault):
        ssh_argv(order, hosts, 0)


def test_words_for_the_relay_are_quoted_for_its_shell() -> None:
    order = Fetch(DIGEST, 1, "h", 22, "pi", "k", ["/opt/my python", "a;b", "$(x)"], 1.0)
    assert ssh_argv(order, "/w/h", 0)[-1] == "'/opt/my python' 'a;b' '$(x)' --from 0"
