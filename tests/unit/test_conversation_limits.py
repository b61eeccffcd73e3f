"""Whatever an agent says or does not say, nobody waits for it for ever."""

import threading

import pytest

from agent.protocol import Heartbeat, Ready, Result, Stage, encode
from orchestrator.conversation import Conversation
from orchestrator.devices import Device
from orchestrator.errors import BoardLost, TransferCorrupt
from tests.unit.test_conversation import ScriptedChannel, ScriptedTransport

BEAT = encode(Heartbeat())


class Chatterbox(ScriptedChannel):
    """Says its script, and then the same thing for ever."""

    def __init__(self, script: list[bytes | None], refrain: bytes) -> None:
        super().__init__(script)
        self._refrain = refrain

    def receive(self, timeout_s: float) -> bytes | None:
        return super().receive(timeout_s) or self._refrain


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by a second whenever it is read."""
    now = [0.0]

    def tick() -> float:
        now[0] += 1.0
        return now[0]

    monkeypatch.setattr("orchestrator.conversation.time.monotonic", tick)
    return now


def talk(channel: ScriptedChannel) -> Conversation:
    return Conversation(Device("kitchen"), ScriptedTransport(alive=True), channel, threading.Event())


@pytest.mark.parametrize("refrain", [BEAT, encode(Stage("j", "timing", 1e18)), b"#"])
def test_an_agent_that_lives_and_never_comes_to_an_end_is_given_up(clock: list[float], refrain: bytes) -> None:
    conversation_ = talk(Chatterbox([], refrain))
    with pytest.raises(BoardLost, match="long overdue"), conversation_.limited(500.0):
        while True:
            conversation_.hear(Stage, Result)
    assert 500.0 <= clock[0] < 520.0


def test_a_silence_announced_for_ever_ends_at_the_limit(clock: list[float]) -> None:
    conversation_ = talk(ScriptedChannel([encode(Stage("j", "timing", 1e18))]))
    with pytest.raises(BoardLost, match="long overdue"), conversation_.limited(500.0):
        while True:
            conversation_.hear(Stage, Result)
    assert clock[0] < 520.0


def test_after_the_limit_was_kept_it_holds_no_more(clock: list[float]) -> None:
    conversation_ = talk(ScriptedChannel([BEAT, encode(Stage("j", "loading")), *[BEAT] * 50, encode(Stage("j", "x"))]))
    with conversation_.limited(20.0):
        conversation_.hear(Stage)
    assert conversation_.hear(Stage).name == "x"


def test_a_line_that_was_put_back_is_heard_again_in_its_place() -> None:
    ready = encode(Ready(1, "0" * 64, 1, []))
    conversation_ = talk(ScriptedChannel([BEAT + ready]))
    line = conversation_.hear_line()
    conversation_.put_back(line)
    assert conversation_.hear(Ready).pid == 1


@pytest.mark.parametrize("code", ["missing", "corrupt"])
def test_what_is_not_on_the_board_any_more_can_be_sent_again(code: str) -> None:
    line = b'{"kind":"error","code":"%s","message":"the model is not on the board"}\n' % code.encode()
    with pytest.raises(TransferCorrupt, match="not on the board"):
        talk(ScriptedChannel([line])).hear(Result)
