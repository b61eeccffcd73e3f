"""Who keeps this board for themselves: a file in the work folder, so that orchestrators without a common store know.

It ends by itself. Clocks of boards are often wrong, so the calendar is never asked: time is what the board has been up
since the file was written. After a restart at least the time since the start is gone, and as much as lies between the
clocks of the orchestrator that reserved and of the one that asks. Like the lock it keeps no stranger out who may log
in: it is an agreement among orchestrators.
"""

import json
import math
import os
import time
from typing import List, NamedTuple, Optional, Tuple

from agent.places import Places, remove_quietly, write_whole
from agent.protocol import LONGEST_S, LONGEST_TEXT, Hello, Reservation, WireError
from agent.records import dataclass, replace
from agent.sensors import read_text
from agent.wire import from_plain, to_plain

FILE_NAME = "reserved"
_MOST_BYTES = 10000


class Clock(NamedTuple):
    """Which start of the board this is, and for how long it has been up, standby included."""

    boot_id: str
    up_s: float


@dataclass(frozen=True)
class Kept:
    """The file. `left_s` were left when the board had been up for `up_s` in the boot `boot_id`.

    `made_s` is when it was reserved by the orchestrator's clock (seconds of UTC), `duration_s` for how long.
    """

    id: str
    owner: str
    why: str
    made_s: float
    duration_s: float
    boot_id: str
    up_s: float
    left_s: float


def read_clock(root: str = "/") -> Clock:
    """The board's clock that no one sets."""
    boot_id = read_text(root, "/proc/sys/kernel/random/boot_id") or ""
    try:
        up_s = float((read_text(root, "/proc/uptime") or "").split()[0])
    except (IndexError, ValueError):
        up_s = time.monotonic()
    return Clock(boot_id.strip(), up_s)


def left_s(kept: Kept, clock: Clock, asked_s: float) -> float:
    """What is left of a reservation, seconds; nothing or less: it is over. `asked_s`: the asking orchestrator's UTC."""
    if clock.boot_id == kept.boot_id and clock.up_s >= kept.up_s:
        return kept.left_s - (clock.up_s - kept.up_s)
    passed_s = max(0.0, asked_s - kept.made_s)
    return min(kept.left_s - clock.up_s, kept.duration_s - passed_s)


def in_the_way(places: Places, hello: Hello, root: str = "/", greeted: Optional[Clock] = None) -> Optional[Reservation]:
    """The reservation that keeps this visitor out; None when there is none, or it is the visitor's own or lifted.
    `greeted`: when he said `hello`; None: just now."""
    kept, _ = _read(places)
    if kept is None or kept.owner == hello.owner or kept.id in hello.lift:
        return None
    clock = read_clock(root)
    left = left_s(kept, clock, hello.utc_s + _waited_s(greeted, clock))
    return Reservation(kept.id, kept.owner, left, kept.why) if left > 0 else None


def settle(
    places: Places, hello: Hello, root: str = "/", greeted: Optional[Clock] = None
) -> Tuple[Optional[Reservation], List[str]]:
    """Bring the file to what the visitor says, whom nothing keeps out; what holds now, and notes for people.

    To be called under the board's lock, for which he may have waited since he `greeted`. What is over, lifted or
    garbage is removed. A fault of the disk is a note: the visit goes on.
    """
    clock = read_clock(root)
    hello = _said_now(hello, _waited_s(greeted, clock))
    kept, fault = _read(places)
    notes = [fault] if fault else []
    path = _path(places)
    if kept is not None and (kept.id in hello.lift or left_s(kept, clock, hello.utc_s) <= 0):
        kept = None
    if kept is None and os.path.lexists(path) and not remove_quietly(path):
        notes.append("the file %s cannot be removed" % path)
    wanted = hello.reserve
    try:
        if wanted is not None and (kept is None or kept.id != wanted.id):
            new = _kept(wanted, clock, hello)
            _write(places, new)
            kept = new
        elif kept is not None and kept.boot_id != clock.boot_id:
            # Noted down, the time since the last start counts after the next one, too.
            _write(places, replace(kept, boot_id=clock.boot_id, up_s=clock.up_s, left_s=_left(kept, clock, hello)))
    except (OSError, WireError) as error:
        notes.append("the reservation cannot be written on the board: %s" % error)
    if kept is None:
        return None, notes
    return Reservation(kept.id, kept.owner, _left(kept, clock, hello), kept.why), notes


def _waited_s(greeted: Optional[Clock], clock: Clock) -> float:
    return 0.0 if greeted is None else max(0.0, clock.up_s - greeted.up_s)


def _said_now(hello: Hello, waited_s: float) -> Hello:
    """A greeting as its visitor would say it after so long: his clock went on, and so did what he has reserved."""
    wish = hello.reserve
    if wish is not None:
        wish = None if 0 < wish.left_s <= waited_s else replace(wish, left_s=wish.left_s - waited_s)
    return replace(hello, utc_s=hello.utc_s + waited_s, reserve=wish)


def _left(kept: Kept, clock: Clock, hello: Hello) -> float:
    return left_s(kept, clock, hello.utc_s)


def _kept(wanted: Reservation, clock: Clock, hello: Hello) -> Kept:
    if not hello.owner:
        raise WireError("nobody is named")
    if not 0 < wanted.left_s <= LONGEST_S:
        raise WireError("for %r s; allowed are more than none and at most %d" % (wanted.left_s, LONGEST_S))
    owner, why = (" ".join(text.split())[:LONGEST_TEXT] for text in (hello.owner, wanted.why))
    return Kept(wanted.id, owner, why, hello.utc_s, wanted.left_s, clock.boot_id, clock.up_s, wanted.left_s)


def _path(places: Places) -> str:
    return os.path.join(places.root, FILE_NAME)


def _write(places: Places, kept: Kept) -> None:
    """Under the lock there is one writer, so one temporary name is enough; the next writer takes a leftover over."""
    text = json.dumps(to_plain(kept), ensure_ascii=True, allow_nan=False)
    write_whole(_path(places), _path(places) + ".new", [text.encode("ascii") + b"\n"])


def _read(places: Places) -> Tuple[Optional[Kept], str]:
    """The reservation in the file, over or not; else None, and a note where something else is there."""
    path = _path(places)
    try:
        # Not a regular file would be somebody's joke; a pipe without a writer must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, _ignored(path, str(error.strerror))
    try:
        with open(descriptor, "rb") as file:
            data = file.read(_MOST_BYTES + 1) or b""
        kept = from_plain(Kept, json.loads(data[:_MOST_BYTES].decode("utf-8")), FILE_NAME)
    except (OSError, ValueError, RecursionError):
        return None, _ignored(path, "it is not a reservation")
    numbers = (kept.made_s, kept.duration_s, kept.up_s, kept.left_s)
    if not all(map(math.isfinite, numbers)) or not 0 < kept.left_s <= kept.duration_s <= LONGEST_S:
        return None, _ignored(path, "its times make no sense")
    return replace(kept, owner=kept.owner[:LONGEST_TEXT], why=kept.why[:LONGEST_TEXT]), ""


def _ignored(path: str, why: str) -> str:
    return "the file %s is ignored: %s" % (path, why)
