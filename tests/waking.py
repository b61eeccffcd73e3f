"""What every channel to a board owes to who waits at it: it can be woken."""

import threading

from orchestrator.transport import ByteChannel


def check_waking(channel: ByteChannel) -> None:
    """`channel` leads to a command that says nothing unasked. A wake counts once, also just before the wait."""
    channel.wake()
    assert channel.receive(60.0) is None
    heard: list[bytes | None] = []
    waiting = threading.Thread(target=lambda: heard.append(channel.receive(60.0)))
    waiting.start()
    waiting.join(0.7)
    assert waiting.is_alive()
    channel.wake()
    waiting.join(10.0)
    assert heard == [None]
