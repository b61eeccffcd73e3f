"""This machine as a board: pipes with the same semantics as an SSH channel."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.devices import Device, Link
from orchestrator.errors import BoardLost, BoardUnfit
from orchestrator.transport import local
from orchestrator.transport.connect import connect
from orchestrator.transport.local import LocalTransport, login_environment
from tests.leaks import no_leaks
from tests.waking import check_waking

DESK = Device("desk", link=Link.LOCAL)


@pytest.fixture
def desk() -> Iterator[LocalTransport]:
    with no_leaks():
        transport = LocalTransport(DESK)
        yield transport
        transport.close()


def hear_all(channel: local.LocalChannel) -> bytes:
    said = b""
    while data := channel.receive(10.0):
        said += data
    return said


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_is_sent_comes_back_through_cat(desk: LocalTransport) -> None:
    channel = desk.open_channel(["cat"])
    channel.send(b"one\n")
    assert channel.receive(10.0) == b"one\n"
    channel.send(memoryview(b"two\n"))
    channel.close_input()
    assert hear_all(channel) == b"two\n"
    assert channel.exit_status(10.0) == 0


def test_who_waits_for_long_can_be_woken_also_just_before(desk: LocalTransport) -> None:
    channel = desk.open_channel(["cat"])
    check_waking(channel)
    channel.send(b"one")
    assert channel.receive(60.0) == b"one"


def test_nothing_within_the_time_is_none_and_the_end_is_empty(desk: LocalTransport) -> None:
    channel = desk.open_channel(["cat"])
    assert channel.receive(0.05) is None
    assert channel.receive(0.0) is None
    channel.close_input()
    assert channel.receive(10.0) == b""
    assert channel.receive(10.0) == b""


def test_arguments_arrive_as_they_are_without_a_shell(desk: LocalTransport) -> None:
    words = ["~", "$HOME", "a b", "'", "", "*", "; true", "\n"]
    program = "import sys, json; print(json.dumps(sys.argv[1:]))"
    channel = desk.open_channel([sys.executable, "-I", "-S", "-c", program, *words])
    assert json.loads(hear_all(channel)) == words


def test_the_exit_status_is_the_command_s_own(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "exit 3"])
    assert channel.exit_status(10.0) == 3
    assert channel.exit_status(0.0) == 3


def test_a_running_command_has_no_exit_status(desk: LocalTransport) -> None:
    assert desk.open_channel(["cat"]).exit_status(0.05) is None


def test_a_command_killed_by_a_signal_says_so_as_a_shell_would(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "kill -9 $$"])
    assert channel.receive(10.0) == b""
    assert channel.exit_status(10.0) == 128 + signal.SIGKILL


def test_only_the_last_eight_kilobytes_of_standard_error_are_kept(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "yes chatter | head -n 100000 >&2; echo the end >&2; echo done"])
    assert hear_all(channel) == b"done\n"
    assert channel.exit_status(10.0) == 0
    assert channel.errors().endswith("the end\n")
    assert len(channel.errors()) == 8192


def test_standard_error_never_stops_a_command_that_is_waited_for(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "yes chatter | head -c 1000000 >&2; exit 5"])
    assert channel.exit_status(20.0) == 5


def test_standard_error_never_stops_a_command_that_is_sent_to(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "yes chatter | head -c 1000000 >&2; cat | wc -c"])
    channel.send(b"x" * 3_000_000)
    channel.close_input()
    assert hear_all(channel).strip() == b"3000000"


def test_sending_to_a_command_that_ended_is_a_lost_board_with_its_last_words(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "echo no room >&2; exit 4"])
    assert channel.exit_status(10.0) == 4
    with pytest.raises(BoardLost, match="ended with status 4: no room"):
        channel.send(b"x" * 1_000_000)


def test_a_command_that_takes_nothing_is_a_lost_board(desk: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STALL_S", 0.3)
    channel = desk.open_channel(["sleep", "60"])
    with pytest.raises(BoardLost, match="took nothing"):
        channel.send(b"x" * 1_000_000)


def test_a_frozen_command_is_a_lost_board(desk: LocalTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "STALL_S", 0.3)
    channel = desk.open_channel(["sh", "-c", "echo $$; exec cat >/dev/null"])
    pid = int(channel.receive(10.0) or b"0")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(BoardLost, match="took nothing"):
        channel.send(b"x" * 1_000_000)


def test_receiving_from_a_closed_channel_is_a_lost_board(desk: LocalTransport) -> None:
    channel = desk.open_channel(["cat"])
    channel.close()
    with pytest.raises(BoardLost):
        channel.receive(1.0)
    with pytest.raises(BoardLost):
        channel.send(b"x")
    channel.close()
    assert channel.exit_status(0.0) is not None


def test_closing_ends_a_command_that_ignores_everything_and_all_it_started(desk: LocalTransport) -> None:
    script = "trap '' TERM HUP; sleep 300 & echo $! $$; while :; do sleep 1; done"
    channel = desk.open_channel(["sh", "-c", script])
    pids = [int(word) for word in (channel.receive(10.0) or b"").split()]
    assert all(is_running(pid) for pid in pids)
    channel.close()
    deadline = time.monotonic() + 5.0
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, pids
        time.sleep(0.02)


def test_closing_ends_what_a_command_left_behind_when_it_went(desk: LocalTransport) -> None:
    channel = desk.open_channel(["sh", "-c", "sleep 300 >/dev/null 2>&1 & echo $!"])
    pid = int(channel.receive(10.0) or b"0")
    assert channel.exit_status(10.0) == 0
    assert is_running(pid)
    channel.close()
    deadline = time.monotonic() + 5.0
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_closing_the_transport_closes_every_channel() -> None:
    with no_leaks():
        transport = LocalTransport(DESK)
        channels = [transport.open_channel(["cat"]) for _ in range(3)]
        transport.close()
        transport.close()
        assert all(channel.is_closed for channel in channels)


def test_a_command_lives_in_a_session_of_its_own(desk: LocalTransport) -> None:
    program = "import os; print(os.getsid(0) == os.getpid())"
    assert hear_all(desk.open_channel([sys.executable, "-c", program])) == b"True\n"


def test_a_command_starts_in_the_home_folder(desk: LocalTransport) -> None:
    assert hear_all(desk.open_channel(["pwd"])).decode().strip() == str(Path.home().resolve())


def test_what_would_change_a_measurement_is_not_passed_on(
    desk: LocalTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OMP_NUM_THREADS", "LD_PRELOAD", "DYNOFARM_DB")
    for name in strangers:
        monkeypatch.setenv(name, "/nowhere")
    environment = dict(
        line.split("=", 1) for line in hear_all(desk.open_channel(["env"])).decode().splitlines() if "=" in line
    )
    assert not set(strangers) & set(environment)
    assert environment["HOME"] == os.environ["HOME"]


def test_the_virtual_environment_is_not_on_the_path() -> None:
    variables = {"PATH": "/venv/bin:/usr/bin:/other/bin", "VIRTUAL_ENV": "/other", "HOME": "/home/me", "SECRET": "x"}
    assert login_environment(variables, Path("/venv/bin")) == {"PATH": "/usr/bin", "HOME": "/home/me"}


def test_a_python_that_is_not_there_is_an_unfit_board_and_says_where_one_is(desk: LocalTransport) -> None:
    with pytest.raises(BoardUnfit, match="cannot start no-such-python: No such file") as caught:
        desk.open_channel(["no-such-python", "-c", "pass"])
    assert sys.executable in caught.value.hint


def test_this_machine_always_answers(desk: LocalTransport) -> None:
    assert desk.answers(0.0)


def test_a_device_of_this_machine_gets_the_local_transport(tmp_path: Path) -> None:
    transport = connect(DESK, tmp_path / "known_hosts")
    assert isinstance(transport, LocalTransport)
    transport.close()
