"""What many boards ask for at once is made once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.transport.kept import Kept
from orchestrator.transport.ssh_config import read_ssh_config

AT_ONCE = 16


def test_many_threads_that_ask_at_once_make_a_thing_once() -> None:
    made: list[str] = []
    all_ask = threading.Barrier(AT_ONCE)
    go_on = threading.Event()

    def make(key: str) -> tuple[()]:
        made.append(key)
        go_on.wait(10.0)
        return ()  # what is empty is kept as well

    kept = Kept(make)

    def ask(number: int) -> object:
        all_ask.wait(10.0)
        return kept.of("ab"[number % 2])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(ask, number) for number in range(AT_ONCE)]
        while len(made) < 2:  # both keys are made at the same time: one that hangs does not keep the other back
            assert not any(one.done() for one in asked)
        go_on.set()
        assert {one.result(10.0) for one in asked} == {()}
    assert sorted(made) == ["a", "b"]


def test_what_could_not_be_made_is_tried_again_and_what_is_outdated_made_anew() -> None:
    things = iter([0, 1, 2])
    current = True

    def make(_: str) -> int:
        thing = next(things)
        if not thing:
            raise OSError("away")
        return thing

    kept = Kept(make, lambda _thing: current)
    with pytest.raises(OSError, match="away"):
        kept.of("key")
    assert (kept.of("key"), kept.of("key")) == (1, 1)
    current = False
    assert kept.of("key") == 2


def test_values_of_ssh_config_without_a_sign_for_one_cost_no_look_at_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(
        "Host oven\n  HostName %h.lan\n  IdentityFile ~/.ssh/oven_%r\nHost kettle\n  HostName 10.0.0.4\n"
    )
    config = read_ssh_config("cook")
    assert config.lookup("oven")["hostname"] == "oven.lan"
    assert list(config.lookup("oven")["identityfile"]) == [f"{tmp_path}/.ssh/oven_cook"]
    monkeypatch.setattr("paramiko.config.getpass.getuser", lambda: pytest.fail("nobody needs to know"))
    assert config.lookup("kettle")["hostname"] == "10.0.0.4"
