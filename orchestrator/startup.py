"""How a board's agent comes up: the boot script's line, the greeting, and what a board says that refuses."""

import time
from datetime import datetime

from agent.protocol import PROTOCOL_VERSION, Busy, Hello, Ready, Reserved
from orchestrator.bundle import AgentArchive, boot_argument
from orchestrator.claims import Claim, has_died, kept_out
from orchestrator.conversation import HEARTBEAT_S, Conversation
from orchestrator.devices import Device
from orchestrator.errors import (
    BoardAbandoned,
    BoardBusy,
    BoardDiskFull,
    BoardError,
    BoardLost,
    BoardUnfit,
    ProtocolBroken,
    TransferCorrupt,
)
from orchestrator.transport import ByteChannel
from orchestrator.transport.push_lines import NOISE_LIMIT_LINES

BOOT_MARKER = b"dynofarm-boot "
SLOW_START_S = 60.0
"""A Pi Zero takes seconds to start Python; nothing is heard from it until then."""
SLOWEST_LINK_BYTES_S = 4000
"""A cellular one on a bad day. It answers nothing before the agent went over it."""


def boot_command(device: Device, archive: AgentArchive) -> list[str]:
    """What is started on the board: the boot script, which takes the agent in where it is missing and becomes it."""
    boot = [device.python, "-I", "-S", "-c", boot_argument()]
    return [*boot, device.work_dir, archive.digest, str(len(archive.data))]


class Startup:
    """From a boot script that was just started to an agent that holds the board's lock. Done once a channel."""

    def __init__(self, device: Device, archive: AgentArchive, channel: ByteChannel, talk: Conversation) -> None:
        self._device = device
        self._archive = archive
        self._channel = channel
        self._talk = talk
        self._sending_s = 0.0

    def boot(self) -> None:
        """Wait for the boot script's line behind whatever the login says, and send the agent if the board lacks it.

        `BoardUnfit`, `BoardDiskFull`, `ProtocolBroken`, `BoardLost`.
        """
        for _ in range(NOISE_LIMIT_LINES):
            line = self._first_line()
            at = line.find(BOOT_MARKER)
            if at >= 0:
                break
        else:
            name = self._device.name
            hint = "its login shell must not print anything for commands that are not interactive"
            raise ProtocolBroken(name, f"{name}: the board talks but starts no agent", hint)
        words = _words_after_marker(line, at)
        answer = dict(word.partition("=")[::2] for word in words.split(" ", 3))
        if answer.get("state") == "refused":
            raise _refusal(self._device.name, words)
        if answer.get("state") in ("need", "need_plain"):
            sent = self._archive.packed if answer["state"] == "need" else self._archive.plain
            self._talk.say_raw(sent)
            self._sending_s = len(sent) / SLOWEST_LINK_BYTES_S

    def greet(self, holder: str, lock_wait_s: float, claim: Claim) -> Ready:
        """Say who comes, and wait until the board's lock is ours. `BoardBusy`, `BoardReserved`, and as `boot`."""
        patience_s = SLOW_START_S + lock_wait_s + self._sending_s
        hello = Hello(
            PROTOCOL_VERSION,
            holder,
            lock_wait_s=lock_wait_s,
            heartbeat_s=HEARTBEAT_S,
            owner=claim.owner,
            utc_s=time.time(),
            reserve=claim.reservation(datetime.now().astimezone()),
            lift=list(claim.lifted),
        )
        self._say_hello(hello, patience_s)
        answer: Ready | Busy | Reserved = self._talk.hear(Ready, Busy, Reserved, patience_s=patience_s)
        name = self._device.name
        if isinstance(answer, Reserved):
            raise kept_out(name, answer.reservation, datetime.now().astimezone())
        if isinstance(answer, Busy):
            text = f"{name} is busy: held by {answer.holder} since {answer.since}"
            if has_died(answer.holder):
                hint = "it is free once its last job is over: wait for it, or give --wait 10m"
                raise BoardAbandoned(name, f"{text}, which has died", hint)
            raise BoardBusy(name, text, "wait for it, or give --wait 10m")
        return answer

    def _say_hello(self, hello: Hello, patience_s: float) -> None:
        """What took the agent in may still refuse to start it (`agent/boot.py`), and not wait for us."""
        cut: BoardLost | None = None
        try:
            self._talk.greet(hello)
        except BoardLost as error:
            cut = error
        try:
            line = self._talk.hear_line(patience_s, self._sending_s)
        except BoardLost as error:
            raise cut or error from error
        at = line.find(BOOT_MARKER)
        if at >= 0:
            raise _refusal(self._device.name, _words_after_marker(line, at))
        self._talk.put_back(line)

    def _first_line(self) -> bytes:
        try:
            return self._talk.hear_line(SLOW_START_S)
        except BoardLost as error:
            said = self._channel.errors().strip()
            status = self._channel.exit_status(1.0)
            # Words alone prove nothing, a login may always say some: the command must have ended by itself.
            if said and status is not None and 0 < status <= 128:
                name = self._device.name
                raise BoardUnfit(
                    name,
                    f"{name}: {self._device.python} does not start there: {said.splitlines()[-1]}",
                    "the board needs Python 3.8 or later; `python` in its profile says where it is",
                ) from error
            raise


def _refusal(name: str, words: str) -> BoardError:
    """Why the boot script does not start the agent, as the board's error."""
    reason = words.partition("reason=")[2]
    if reason.startswith("python"):
        hint = "the agent needs Python 3.8 or later; set `python` in the profile to a newer one"
        return BoardUnfit(name, f"{name}: its Python is too old: {reason}", hint)
    if reason.startswith("disk_full"):
        return BoardDiskFull(name, f"{name}: no room for the agent: {reason}", "free some room on the board")
    if reason.startswith(("corrupt", "truncated")):
        return TransferCorrupt(name, f"{name}: the agent did not arrive as it was sent: {reason}")
    return BoardUnfit(name, f"{name}: {reason}", "set `work_dir` in the profile to a folder that it may write to")


def _words_after_marker(line: bytes, at: int) -> str:
    return line[at + len(BOOT_MARKER) :].decode("utf-8", "replace")
