"""The ear for silence, on a channel that follows a script: no board is silent on demand to the tenth of a second."""

import math
import threading
from collections import deque
from collections.abc import Sequence

import pytest

from agent.protocol import Error, Evicted, Heartbeat, Hello, Holdings, Ping, Ready, Stage, decode, encode
from orchestrator import conversation
from orchestrator.conversation import Conversation, Stopped
from orchestrator.devices import Device
from orchestrator.errors import BoardDiskFull, BoardLost, ProtocolBroken


class ScriptedChannel:
    """Gives the next item of its script at each `receive`: bytes, b"" (the end), or None (nothing came)."""

    def __init__(self, script: Sequence[bytes | None], last_words: str = "") -> None:
        self.script = deque(script)
        self.sent: list[bytes] = []
        self._last_words = last_words

    def send(self, data: bytes | memoryview) -> None:
        self.sent.append(bytes(data))

    def receive(self, timeout_s: float) -> bytes | None:
        return self.script.popleft() if self.script else None

    def wake(self) -> None: ...

    def close_input(self) -> None: ...

    def exit_status(self, timeout_s: float) -> int | None:
        return 1 if self._last_words else None

    def errors(self) -> str:
        return self._last_words

    def close(self) -> None: ...


class ScriptedTransport:
    warnings = ()

    def __init__(self, *, alive: bool) -> None:
        self._alive = alive
        self.asked = 0
        self.dies_after = math.inf
        self.sends = False

    def open_channel(self, argv: Sequence[str]) -> ScriptedChannel:
        return ScriptedChannel([])

    def answers(self, timeout_s: float) -> bool:
        self.asked += 1
        return self._alive and self.asked <= self.dies_after

    def is_sending(self) -> bool:
        return self.sends

    def close(self) -> None: ...


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by a second whenever it is read: every silent second passes at once."""
    now = [0.0]

    def read() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr(conversation.time, "monotonic", read)
    return now


def talk(script: Sequence[bytes | None], *, alive: bool = True, last_words: str = "") -> Conversation:
    channel = ScriptedChannel(script, last_words)
    return Conversation(Device("kitchen"), ScriptedTransport(alive=alive), channel, threading.Event())


def greeted(conversation_: Conversation) -> Conversation:
    """As it is once an agent was spoken to."""
    conversation_.greet(Hello(1, "tests"))
    conversation_._channel.sent.clear()
    return conversation_


def test_heartbeats_are_heard_and_passed_over() -> None:
    answer = Ready(1, "d" * 64, 7, [])
    assert talk([encode(Heartbeat()) * 3 + encode(answer)]).hear(Ready) == answer


def test_a_line_may_come_in_pieces_and_two_lines_in_one_piece() -> None:
    lines = encode(Ready(1, "d", 7, [])) + encode(Evicted([], 5))
    conversation_ = talk([lines[:10], lines[10:30], lines[30:]])
    assert conversation_.hear(Ready).pid == 7
    assert conversation_.hear(Evicted).free_bytes == 5


def test_an_answer_to_another_question_is_a_broken_protocol() -> None:
    with pytest.raises(ProtocolBroken, match="kitchen: the agent answered Evicted, expected Holdings"):
        talk([encode(Evicted([], 5))]).hear(Holdings)


def test_garbage_on_the_stream_is_named_with_its_beginning() -> None:
    with pytest.raises(ProtocolBroken, match="not a line of the protocol: 'Illegal instruction'"):
        talk([b"Illegal instruction\n"]).hear(Ready)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_LINE_BYTES", 1000)
    with pytest.raises(ProtocolBroken, match="a line of more than 1000 bytes"):
        talk([b"x" * 400] * 4).hear(Ready)


def test_a_full_disk_on_the_board_is_an_error_of_its_own() -> None:
    with pytest.raises(BoardDiskFull, match="kitchen: no room for 5 bytes") as caught:
        talk([encode(Error("disk_full", "no room for 5 bytes"))]).hear(Ready)
    assert "storage_limit" in caught.value.hint


def test_the_end_of_the_stream_is_told_with_the_agents_last_words() -> None:
    with pytest.raises(BoardLost, match="kitchen: the agent ended with status 1: MemoryError"):
        talk([b""], last_words="Traceback …\nMemoryError\n").hear(Ready)


def test_an_agent_that_ends_without_a_status_was_killed() -> None:
    with pytest.raises(BoardLost, match="kitchen: the agent was killed"):
        talk([b""]).hear(Ready)


def test_a_silent_board_whose_link_is_dead_is_lost_after_nine_seconds(clock: list[float]) -> None:
    with pytest.raises(BoardLost, match=r"no sign of life for (9|1[0-9]) s"):
        talk([], alive=False).hear(Ready)


def test_a_mute_agent_on_a_living_link_has_more_time_and_another_sentence(clock: list[float]) -> None:
    with pytest.raises(BoardLost, match="its sshd answers, but the agent has been silent for 2"):
        talk([], alive=True).hear(Ready)
    assert clock[0] > conversation.AGENT_MUTE_AFTER_S


def test_a_busy_agent_is_borne_longer_and_its_link_is_not(clock: list[float]) -> None:
    with pytest.raises(BoardLost, match=r"no sign of life for 1[0-9] s"):
        talk([], alive=False).hear(Evicted, patience_s=120.0)


def test_a_busy_agent_on_a_living_link_is_borne_as_long_as_it_was_promised(clock: list[float]) -> None:
    with pytest.raises(BoardLost, match=r"its sshd answers, but the agent has been silent for 14[0-9] s"):
        talk([], alive=True).hear(Evicted, patience_s=120.0)


def test_a_link_that_died_while_the_agent_was_busy_is_found_dead_soon(clock: list[float]) -> None:
    transport = ScriptedTransport(alive=True)
    conversation_ = Conversation(Device("kitchen"), transport, ScriptedChannel([None] * 10), threading.Event())
    with pytest.raises(BoardLost, match=r"no sign of life for 1[0-9] s"):
        transport.dies_after = 4
        conversation_.hear(Evicted, patience_s=1000.0)
    assert transport.asked >= 5
    assert clock[0] < 100.0


def test_a_link_that_still_carries_something_answers_later(clock: list[float]) -> None:
    with pytest.raises(BoardLost, match=r"no sign of life for 7[0-9] s"):
        talk([], alive=False).hear_line(patience_s=120.0, link_patience_s=60.0)


def test_announced_silence_is_borne_and_no_longer(clock: list[float]) -> None:
    conversation_ = talk([encode(Stage("j", "timing", quiet_s=60.0))], alive=False)
    conversation_.hear(Stage)
    with pytest.raises(BoardLost):
        conversation_.hear(Stage)
    assert 60.0 + conversation.LINK_DEAD_AFTER_S <= clock[0] < 60.0 + 3 * conversation.LINK_DEAD_AFTER_S


def test_nothing_is_said_while_a_clock_runs(clock: list[float]) -> None:
    conversation_ = greeted(talk([encode(Stage("j", "timing", quiet_s=60.0))]))
    conversation_.hear(Stage)
    clock[0] += 30.0
    conversation_.touch()
    assert conversation_._channel.sent == []


def test_an_idle_agent_is_told_that_somebody_is_there(clock: list[float]) -> None:
    conversation_ = greeted(talk([]))
    conversation_.touch()
    clock[0] += conversation.TOUCH_EVERY_S
    conversation_.touch()
    conversation_.touch()
    assert [decode(line) for line in conversation_._channel.sent] == [Ping()]


def test_what_starts_the_agent_hears_no_ping(clock: list[float]) -> None:
    conversation_ = talk([None] * 10 + [b"dynofarm-boot state=need\n"])
    assert conversation_.hear_line(patience_s=60.0)
    conversation_.say_raw(b"the agent's text")
    clock[0] += conversation.TOUCH_EVERY_S
    conversation_.touch()
    assert conversation_._channel.sent == [b"the agent's text"]


class SlowAnswer(ScriptedChannel):
    """Comes so long after it was asked for, by a clock that goes on only while somebody waits."""

    def __init__(self, clock: "StandingClock", delay_s: float, answer: bytes) -> None:
        super().__init__([])
        self._clock, self._delay_s, self._answer = clock, delay_s, answer
        self._due_at = math.inf

    def send(self, data: bytes | memoryview) -> None:
        super().send(data)
        if bytes(data) != conversation.PING:
            self._due_at = self._clock.now + self._delay_s

    def receive(self, timeout_s: float) -> bytes | None:
        if self._due_at <= self._clock.now + timeout_s:
            self._clock.now, self._due_at = self._due_at, math.inf
            return self._answer
        self._clock.now += timeout_s
        return None


class StandingClock:
    now = 1000.0


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> StandingClock:
    found = StandingClock()
    monkeypatch.setattr(conversation.time, "monotonic", lambda: found.now)
    return found


EVICTED = Evicted([], 5)


@pytest.mark.parametrize("idle_s", [0.0, 7.0, 11.0, 25.0])
def test_an_agent_that_had_nothing_to_say_is_not_called_silent_when_it_is_asked(
    standing: StandingClock, idle_s: float
) -> None:
    """The link stalls for a moment just then."""
    channel = SlowAnswer(standing, 8.0, encode(EVICTED))
    conversation_ = Conversation(Device("kitchen"), ScriptedTransport(alive=False), channel, threading.Event())
    standing.now += idle_s
    conversation_.say(Hello(1, "tests"))
    assert conversation_.hear(Evicted) == EVICTED


def test_a_request_that_waits_behind_a_file_on_a_slow_link_is_waited_for(standing: StandingClock) -> None:
    transport = ScriptedTransport(alive=True)
    channel = SlowAnswer(standing, 45.0, encode(EVICTED))
    conversation_ = Conversation(Device("kitchen"), transport, channel, threading.Event())
    transport.sends = True
    conversation_.say(Hello(1, "tests"))
    assert conversation_.hear(Evicted) == EVICTED
    conversation_.say(Hello(1, "tests"))
    transport.sends = False
    with pytest.raises(BoardLost, match="its sshd answers, but the agent has been silent for 2"):
        conversation_.hear(Evicted)


class Patient(ScriptedChannel):
    """Notes how long it may wait."""

    def __init__(self, script: Sequence[bytes | None]) -> None:
        super().__init__(script)
        self.limits: list[float] = []

    def receive(self, timeout_s: float) -> bytes | None:
        self.limits.append(timeout_s)
        return super().receive(timeout_s)


def test_nobody_looks_before_something_can_be_due(clock: list[float]) -> None:
    channel = Patient([encode(Stage("j", "loading")), encode(Stage("j", "timing", quiet_s=20.0)), b"", b""])
    conversation_ = Conversation(Device("kitchen"), ScriptedTransport(alive=True), channel, threading.Event())
    conversation_.hear(Stage)
    conversation_.hear(Stage)
    with pytest.raises(BoardLost):
        conversation_.hear(Stage)
    first, second, timing = channel.limits
    assert conversation.LOOK_S < first <= conversation.SUSPECT_AFTER_S
    assert conversation.LOOK_S < second <= conversation.SUSPECT_AFTER_S
    assert 20.0 < timing <= 25.0


def test_what_is_in_doubt_is_looked_at_every_second(clock: list[float]) -> None:
    channel = Patient([])
    conversation_ = Conversation(Device("kitchen"), ScriptedTransport(alive=False), channel, threading.Event())
    with pytest.raises(BoardLost):
        conversation_.hear(Stage)
    assert channel.limits[-1] == conversation.LOOK_S


def test_a_clock_that_runs_for_ever_is_looked_at_now_and_then(clock: list[float]) -> None:
    channel = Patient([encode(Stage("j", "timing", quiet_s=1e18)), b""])
    conversation_ = Conversation(Device("kitchen"), ScriptedTransport(alive=True), channel, threading.Event())
    conversation_.hear(Stage)
    with pytest.raises(BoardLost):
        conversation_.hear(Stage)
    assert channel.limits[-1] == conversation.LONGEST_LOOK_S


def test_a_stop_is_noticed_within_one_silent_second() -> None:
    stop = threading.Event()
    stop.set()
    conversation_ = Conversation(Device("kitchen"), ScriptedTransport(alive=True), ScriptedChannel([]), stop)
    with pytest.raises(Stopped):
        conversation_.hear(Ready)
