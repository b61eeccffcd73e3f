"""The server as a process: where it listens, what it says, how it ends; and a sweep that moves on while looked at."""

import os
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.farming import TestFarm, Watched
from tests.waiting import wait_until

TOKEN = "a-token-of-many-characters"
GARBAGE = (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100, b"GET /" + b"x" * 100_000, b"\0")


@contextmanager
def server(farm: TestFarm, *words: str, environment: dict[str, str] | None = None) -> Iterator[tuple[Watched, str]]:
    """A server on a free port, and its address; ended by SIGTERM where the test has not done so."""
    watched = farm.watch("serve", "--port", "0", *words, environment=environment)
    try:
        watched.wait_for("is shown at")
        address = re.search(r"is shown at (\S+) ", "".join(watched._lines))
        assert address is not None
        yield watched, address[1]
    finally:
        if watched.process.poll() is None:
            os.kill(watched.process.pid, signal.SIGTERM)
            watched.end(20)


def test_the_server_answers_says_where_and_ends_clean_on_a_polite_kill(farm: TestFarm) -> None:
    with server(farm) as (watched, address):
        assert address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=address) as client:  # its connection stays open meanwhile
            assert client.get("/").status_code == 200
            assert client.get("/healthz").text == "ok\n"
            os.kill(watched.process.pid, signal.SIGTERM)
            said = watched.end(20).ok()

    assert "read-only" in said.err
    assert "stopped" in said.err
    assert "Traceback" not in said.err


def test_ctrl_c_ends_it_as_clean(farm: TestFarm) -> None:
    with server(farm) as (watched, _address):
        os.kill(watched.process.pid, signal.SIGINT)
        said = watched.end(20).ok()

    assert said.err.rstrip().endswith("stopped")


def test_it_starts_again_at_once_on_the_port_it_had(farm: TestFarm) -> None:
    with server(farm) as (_watched, address):
        httpx.get(address)
    port = address.rstrip("/").rpartition(":")[2]
    watched = farm.watch("serve", "--port", port)
    watched.wait_for("is shown at")
    os.kill(watched.process.pid, signal.SIGTERM)
    watched.end(20).ok()


def test_a_port_that_is_taken_is_one_sentence(farm: TestFarm) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = farm.run("serve", "--port", str(port)).failed(2)

    assert f"port {port} of 127.0.0.1 is taken by another program" in said.err
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4"])
def test_to_let_others_in_needs_a_token(farm: TestFarm, host: str) -> None:
    said = farm.run("serve", "--host", host).failed(2)

    assert "needs a token" in said.err


def test_what_is_open_to_others_is_said_plainly(farm: TestFarm) -> None:
    words = ("--host", "0.0.0.0", "--allow-host", "farm.example")
    with server(farm, *words, environment={"DYNOFARM_TOKEN": TOKEN}) as (watched, address):
        assert httpx.get(address).status_code == 303
        assert httpx.get(address, headers={"Host": "farm.example"}).status_code == 303
        assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 421
        os.kill(watched.process.pid, signal.SIGTERM)
        said = watched.end(20)

    assert "open without the token: the login form and /healthz" in said.err
    assert "plain HTTP" in said.err
    assert TOKEN not in said.err


@pytest.mark.parametrize("words", [("--host", "no such name"), ("--host", "203.0.113.7"), ("--host", "x" * 300)])
def test_an_address_that_this_machine_has_not_is_one_sentence(farm: TestFarm, words: tuple[str, str]) -> None:
    said = farm.run("serve", *words, environment={"DYNOFARM_TOKEN": TOKEN}).failed(2)

    assert "address" in said.err


def test_a_store_that_cannot_be_read_is_said_before_anything_is_served(farm: TestFarm) -> None:
    (farm.root / "results.db").unlink()
    assert "there is no results database" in farm.run("serve", "--port", "0").failed(4).err
    (farm.root / "results.db").write_bytes(b"no database")
    assert "is not an SQLite database" in farm.run("serve", "--port", "0").failed(4).err


def test_a_token_file_for_all_to_read_is_refused(farm: TestFarm) -> None:
    file = farm.root / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)

    assert "chmod 600" in farm.run("serve", "--token-file", str(file)).failed(2).err


def test_without_the_extra_one_sentence_says_what_to_install(farm: TestFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.cli import serve
    from orchestrator.errors import UsageError

    monkeypatch.setattr(serve, "NEEDED", ("fastapi", "a_package_that_nobody_has"))
    with pytest.raises(UsageError, match="a-package-that-nobody-has") as error:
        serve.check_installed()
    assert error.value.hint == "pip install 'dynofarm[web]'"


def test_garbage_on_the_socket_does_not_end_it(farm: TestFarm) -> None:
    with server(farm) as (watched, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        for garbage in (
            b"\x16\x03\x01\x02\x00",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\r\n" * 100,
            b"GET /" + b"x" * 100_000,
            b"\0",
        ):
            with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as raw:
                raw.sendall(garbage)
        assert httpx.get(address).status_code == 200
        os.kill(watched.process.pid, signal.SIGTERM)
        assert "Traceback" not in watched.end(20).ok().err


def test_a_sweep_moves_on_under_the_eyes_of_whoever_looks(farm: TestFarm, fake_model: Path) -> None:
    farm.add_local()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    path = farm.sweep_of_fakes("local", repeats=12, options="{sleep_ms: 20}")
    with server(farm) as (_watched, address), httpx.Client(base_url=address) as client:
        assert "No sweep was run yet" in client.get("/sweeps").text
        run = farm.watch("run", path)
        seen: set[int] = set()

        def moved() -> bool:
            answer = client.get("/sweeps/1/live")
            told = re.search(r"(\d+) of 12 jobs", answer.text)
            if told and "hx-get" in answer.text:
                seen.add(int(told[1]))
            return len(seen) >= 3

        wait_until(moved, "three different counts of jobs on the page of a running sweep")
        live = client.get("/live").text
        assert "sweep 1, " in live
        run.end().ok()
        after = client.get("/sweeps/1").text

    assert "12 of 12 jobs" in after
    assert "hx-get" not in after
    with closing(sqlite3.connect(farm.root / "results.db")) as connection:
        assert connection.execute("SELECT count(*) FROM run WHERE status = 'ok'").fetchone()[0] == 12
