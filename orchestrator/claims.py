"""Whose visit it is, and what the visitor says about reservations of the board."""

import getpass
import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.protocol import LONGEST_S, LONGEST_TEXT, Reservation
from orchestrator.errors import BoardReserved, UsageError
from orchestrator.moments import moment_text
from orchestrator.quantities import parse_duration_s
from orchestrator.records import LeaseRecord


@dataclass(frozen=True)
class Claim:
    """Said to a board at the beginning of a visit: who comes, what is reserved for him, which reservations are over.

    `others` is not said: a reservation of somebody else's that the store knows of, and the board perhaps not yet.
    """

    owner: str
    reserved: LeaseRecord | None = None
    lifted: tuple[str, ...] = ()
    others: LeaseRecord | None = None

    def reservation(self, now: datetime) -> Reservation | None:
        """The visitor's own as the board hears it; None when there is none, or none any more."""
        if self.reserved is None or self.reserved.until is None or self.reserved.until <= now:
            return None
        left_s = (self.reserved.until - now).total_seconds()
        return Reservation(self.reserved.key, self.owner, min(left_s, LONGEST_S), self.reserved.why)

    def kept_out(self, now: datetime) -> BoardReserved | None:
        """The error that the board would answer with, if it knew what the store knows; None where that keeps nobody."""
        others = self.others
        if others is None or others.until is None or others.until <= now:
            return None
        left_s = (others.until - now).total_seconds()
        return kept_out(others.device, Reservation(others.key, others.owner, left_s, others.why), now)


def myself() -> str:
    """`user@host`: whoever logs in with this name on this machine shares reservations, whatever process asks."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    # As boards keep it: one line, of a bounded length.
    return " ".join(f"{user}@{socket.gethostname()}".split())[:LONGEST_TEXT]


def holder() -> str:
    """Who asks, for the board's lock: a colleague who meets it must know whom to ask."""
    return f"{myself()} (dynofarm, process {os.getpid()})"


def has_died(holder: str) -> bool:
    """Was that a process of this user on this machine, which is no more? Of others nothing is known."""
    found = re.fullmatch(r"(.*) \(dynofarm, process ([0-9]+)\)", holder)
    if found is None or found[1] != myself():
        return False
    import psutil  # a board is seldom busy

    try:
        return psutil.Process(int(found[2])).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except (psutil.NoSuchProcess, OverflowError):
        return True
    except psutil.Error:  # the number is somebody else's by now
        return False


def parse_term_s(text: str) -> float:
    """Seconds of `--for`: more than none, and at most 30 days. `UsageError` for anything else."""
    try:
        seconds = parse_duration_s(text)
    except UsageError as error:
        raise UsageError(f"--for: {error.message}", error.hint) from None
    if not 0 < seconds <= LONGEST_S:
        days = round(LONGEST_S / 86400)
        raise UsageError(f"--for {text}: a board is reserved for more than no time and at most {days} days", "--for 2h")
    return seconds


def check_reason(text: str) -> str:
    """A reason in one line; `UsageError` for an empty one or a longer one than boards keep."""
    reason = " ".join(text.split())
    if not 0 < len(reason) <= LONGEST_TEXT:
        raise UsageError(
            f"--why: a reason of 1 to {LONGEST_TEXT} characters is needed; others read it", "--why debugging"
        )
    return reason


def reserved_text(owner: str, until: datetime, why: str, now: datetime) -> str:
    """`reserved by anna@lab until 14:30 (debugging)`."""
    return f"reserved by {owner} until {moment_text(until, now)} ({why})"


def kept_out(device: str, reservation: Reservation, now: datetime) -> BoardReserved:
    """The error of a board that says it is somebody else's."""
    until = now + timedelta(seconds=min(max(0.0, reservation.left_s), LONGEST_S))
    owner, why = (" ".join(text.split())[:LONGEST_TEXT] for text in (reservation.owner, reservation.why))
    return BoardReserved(
        device,
        f"{device} is {reserved_text(owner, until, why, now)}",
        f"ask {owner}; to take it all the same: dynofarm device release {device} --force",
        key=reservation.id,
        owner=owner,
        why=why,
        until=until,
    )
