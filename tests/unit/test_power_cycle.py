"""The command that switches a board off and on: what it is given, and every way in which it can fail."""

import os
import signal
import time
from pathlib import Path

import pytest

from orchestrator import power_cycle
from orchestrator.devices import Device
from orchestrator.power_cycle import power_argv, switch_power
from orchestrator.records import PowerCycle
from tests.leaks import no_leaks


def board(*power: str) -> Device:
    return Device("kitchen", host="10.0.0.4", power=power)


def script(folder: Path, text: str) -> str:
    path = folder / "pdu"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def switch(device: Device, limit_s: float = 60.0) -> PowerCycle:
    """By hand."""
    cycle = switch_power(device, lambda _begun: True, "me", limit_s=limit_s)
    assert cycle is not None
    return cycle


def is_running(pid: int) -> bool:
    """A process that ended and was not reaped yet runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_words_know_the_board_and_no_shell_reads_them() -> None:
    argv = power_argv(board("pdu", "--outlet={device}", "{host}", "$HOME; rm *", "{other}"))
    assert argv == ["pdu", "--outlet=kitchen", "10.0.0.4", "$HOME; rm *", "{other}"]
    assert power_argv(board("~/bin/pdu", "~"))[0] == str(Path.home() / "bin" / "pdu")
    assert power_argv(board("~/bin/pdu", "~"))[1] == "~"


def test_what_it_did_is_recorded_with_its_words_and_its_output(tmp_path: Path) -> None:
    device = board(script(tmp_path, 'echo "off and on: $1"; echo warned >&2'), "{device}")
    begun: list[PowerCycle] = []

    def begin(one: PowerCycle) -> bool:
        begun.append(one)
        return True

    cycle = switch_power(device, begin, "me@here", 3)
    assert cycle is not None
    assert [(one.sweep_id, one.device, one.at, one.exit_status) for one in begun] == [(3, "kitchen", cycle.at, None)]
    assert "how it ended was not heard" in begun[0].fault
    assert (cycle.sweep_id, cycle.device, cycle.holder) == (3, "kitchen", "me@here")
    assert (cycle.exit_status, cycle.fault) == (0, "")
    assert cycle.command[1:] == ("kitchen",)
    assert cycle.output == "off and on: kitchen\nwarned"
    assert cycle.took_s >= 0.0


def test_one_that_had_its_turn_is_not_started(tmp_path: Path) -> None:
    assert switch_power(board(script(tmp_path, f"touch {tmp_path / 'off'}")), lambda _begun: False, "me", 3) is None
    assert not (tmp_path / "off").exists()


def test_a_missing_program_is_one_sentence() -> None:
    cycle = switch(board("no-such-pdu"))
    assert cycle.fault == "kitchen: its power command cannot start: there is no program no-such-pdu"
    assert cycle.exit_status is None


def test_a_program_that_may_not_be_started_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "pdu"
    path.write_text("not a program")
    cycle = switch(board(str(path)))
    assert cycle.fault == f"kitchen: its power command cannot start: {path}: Permission denied"


def test_a_status_other_than_0_is_one_sentence_with_its_last_words(tmp_path: Path) -> None:
    cycle = switch(board(script(tmp_path, "echo hello; echo 'outlet 7 is locked'; exit 3")))
    assert cycle.fault == "kitchen: its power command ended with status 3: outlet 7 is locked"
    assert cycle.exit_status == 3


def test_one_that_is_killed_names_the_signal(tmp_path: Path) -> None:
    cycle = switch(board(script(tmp_path, "kill -TERM $$")))
    assert cycle.fault == "kitchen: its power command was ended by signal 15"


def test_one_that_does_not_end_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    with no_leaks():
        cycle = switch(board(script(tmp_path, f"sleep 300 & echo $! >{pid_file}; wait")), limit_s=1.0)
    assert "did not end within 1 s and was killed" in cycle.fault
    deadline = time.monotonic() + 30
    while pid_file.exists() and is_running(int(pid_file.read_text() or 0) or os.getpid()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_that_may_not_be_killed_is_left_behind_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a user finds a sudo that runs as root; whoever runs these tests may kill all."""

    def refuse(_group: int, _signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    pid_file = tmp_path / "pid"
    began_s = time.monotonic()
    with no_leaks():
        with monkeypatch.context() as patch:
            patch.setattr(os, "killpg", refuse)
            cycle = switch(board(script(tmp_path, f"echo $$ >{pid_file}; echo waiting; exec sleep 300")), limit_s=1.0)
        assert time.monotonic() - began_s < 30.0
        assert is_running(int(pid_file.read_text()))
        os.killpg(int(pid_file.read_text()), signal.SIGKILL)
    assert (
        cycle.fault == "kitchen: its power command did not end within 1 s, could not be ended and may run on: waiting"
    )
    assert cycle.exit_status is None


def test_one_that_does_not_die_of_being_killed_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that hangs in the kernel."""
    pid_file = tmp_path / "pid"
    with no_leaks():
        with monkeypatch.context() as patch:
            patch.setattr(os, "killpg", lambda _group, _signal: None)
            patch.setattr(power_cycle, "KILLED_WITHIN_S", 0.2)
            cycle = switch(board(script(tmp_path, f"echo $$ >{pid_file}; exec sleep 300")), limit_s=1.0)
        os.killpg(int(pid_file.read_text()), signal.SIGKILL)
    assert cycle.fault == "kitchen: its power command did not end within 1 s, could not be ended and may run on"


def test_one_that_leaves_a_service_behind_is_not_waited_for(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    cycle = switch(board(script(tmp_path, f"sleep 30 & echo $! >{pid_file}")), limit_s=20.0)
    os.kill(int(pid_file.read_text()), 9)
    assert cycle.fault == ""
    assert cycle.took_s < 20.0


@pytest.mark.parametrize("text", ["x" * 100_000, "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")])
def test_a_talkative_one_is_kept_in_part_and_strange_bytes_are_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "words").write_text(text, encoding="latin-1")
    cycle = switch(board(script(tmp_path, f"cat {tmp_path / 'words'}")))
    assert 0 < len(cycle.output) <= 4096
