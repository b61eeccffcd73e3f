"""One of the two measured processes of a duet: a worker whose timed loop is taking turns with the other."""

import json
import os
from typing import Optional

from agent import worker
from agent.duet_turns import Partner, PartnerLeft, Seat
from agent.messages.duet import Turns
from agent.messages.jobs import JobSpec
from agent.outcome import Measured
from agent.records import dataclass, replace
from agent.wire import WireError, from_plain, to_plain

PARTNER_LEFT_STATUS = 75
"""It ended because the other did, and has nothing to say of its own (sysexits.h has this number for "try again")."""


@dataclass(frozen=True)
class Part:
    """One side of a duet, as the supervisor gives it: `side` is `duet_turns.FIRST` or `SECOND`."""

    job: JobSpec
    turns: Turns
    side: int


def main(model_path: str, carrier_path: Optional[str], report_fd: int, parent_pid: int, partner_fd: int) -> None:
    """Play the part that stands on standard input, with the worker at the far end of the socket `partner_fd`."""
    report = worker.begin(report_fd, parent_pid)
    os.set_inheritable(partner_fd, False)
    part = worker.read_order(decode_part)
    seat = Seat(part.side, part.turns, Partner(partner_fd), busy_threads=part.job.threads > 1)
    try:
        seat.wait_to_load()
        found = worker.attempt(part.job, model_path, carrier_path, report, seat.take_turns)
    except PartnerLeft:
        os._exit(PARTNER_LEFT_STATUS)
    if isinstance(found, Measured):
        found = replace(found, details=dict(found.details, turns=to_plain(seat.slices)))
    report(found)
    os._exit(0)


def encode_part(part: Part) -> bytes:
    """For the worker's standard input."""
    return json.dumps(to_plain(part)).encode("ascii")


def decode_part(data: bytes) -> Part:
    """`WireError` when it is none."""
    try:
        plain = json.loads(data.decode("ascii"))
    except ValueError as error:
        raise WireError("not a part of a duet: %s" % error) from None
    return from_plain(Part, plain, "part")
