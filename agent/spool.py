"""Results that the orchestrator has not confirmed: one file a job, each one encoded line of the protocol."""

import os
from typing import List, Optional

from agent.blobs import NO_ROOM, clear_incoming
from agent.places import Places, remove_quietly, write_whole
from agent.protocol import Failure, Result, WireError, decode


def keep(places: Places, job_id: str, line: bytes) -> None:
    """Write an encoded `Result` or `Failure` so that it outlives this process and a power cut.

    A full disk is met by clearing what transfers left in `incoming`; OSError when the disk still does not take it.
    """
    # The temporary file lies in the spool itself: a rename must not cross file systems.
    temporary = os.path.join(places.spool, ".%d.tmp" % os.getpid())
    try:
        write_whole(places.spooled(job_id), temporary, [line])
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        clear_incoming(places, older_than_s=0.0)
        write_whole(places.spooled(job_id), temporary, [line])


def waiting(places: Places) -> List[str]:
    """The ids of the jobs whose results wait here, oldest first."""
    entries = [entry for entry in os.scandir(places.spool) if entry.name.endswith(".json")]
    entries.sort(key=lambda entry: entry.stat().st_mtime_ns)
    return [entry.name[: -len(".json")] for entry in entries]


def read_line(places: Places, job_id: str) -> Optional[bytes]:
    """The stored line, newline included; None when there is none or when it is damaged.

    A damaged file (a failing disk) is set aside under another name: the job simply has no result, none is invented.
    """
    path = places.spooled(job_id)
    try:
        with open(path, "rb") as file:
            stored = file.read()
    except OSError:
        return None
    try:
        message = decode(stored)
    except WireError:
        message = None
    if not isinstance(message, (Result, Failure)) or not stored.endswith(b"\n"):
        os.replace(path, path + ".damaged")
        return None
    return stored


def forget(places: Places, job_id: str) -> bool:
    """Remove a confirmed result. False when there was none."""
    return remove_quietly(places.spooled(job_id))
