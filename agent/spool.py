"""Results that the orchestrator has not confirmed: one file a job, an encoded line of the protocol and its seal.

The seal is a second line, `sha256 HEX`, over the job's id and the line: so a card that forgot is found out without
decoding a million latencies. Files without one are of older agents, and are decoded.
"""

import contextlib
import hashlib
import os
import time
from typing import List, Optional, Union

from agent.blobs import NO_ROOM, clear_incoming
from agent.places import Places, is_job_id, remove_quietly, write_whole
from agent.protocol import MAX_LINE_BYTES, Failure, JobFailure, Result, WireError, decode, encode

_ENDING = ".json"
_DAMAGED = ".damaged"
_EVIDENCE_S = 30 * 86400.0
"""A damaged file tells of a failing card, but may be large."""


def keep(places: Places, job_id: str, line: bytes) -> None:
    """Write an encoded `Result` or `Failure` so that it outlives this process and a power cut.

    A full disk is met by clearing what transfers left in `incoming`; OSError when the disk still does not take it.
    """
    # The temporary file lies in the spool itself: a rename must not cross file systems.
    temporary = os.path.join(places.spool, ".%d.tmp" % os.getpid())
    try:
        write_whole(places.spooled(job_id), temporary, [line, _seal(job_id, line)])
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        clear_incoming(places, older_than_s=0.0, parts_s=0.0)
        write_whole(places.spooled(job_id), temporary, [line, _seal(job_id, line)])


def keep_outcome(places: Places, job_id: str, outcome: Union[Result, Failure]) -> bytes:
    """Keep what came of a job; the line to send. One that the disk does not take is sent all the same, and says so."""
    line = encode(outcome)
    if len(line) > MAX_LINE_BYTES:
        text = "its result has %d bytes, a line at most %d: measure for a shorter time" % (len(line), MAX_LINE_BYTES)
        outcome = Failure(JobFailure(job_id, "crashed", text))
        line = encode(outcome)
    try:
        keep(places, job_id, line)
    except OSError as error:
        line = encode(_with_note(outcome, "not kept in the board's spool: %s" % error))
    return line


def waiting(places: Places) -> List[str]:
    """The ids of the jobs whose results wait here, oldest first. What else lies in the folder is left alone."""
    entries = [entry for entry in os.scandir(places.spool) if _is_ours(entry)]
    entries.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns)
    return [entry.name[: -len(_ENDING)] for entry in entries]


def read_line(places: Places, job_id: str) -> Optional[bytes]:
    """The stored line, newline included; None when there is none or when it is damaged.

    A damaged file (a failing disk) is set aside under another name: the job simply has no result, none is invented.
    """
    path = places.spooled(job_id)
    try:
        with open(path, "rb") as file:
            stored = file.read(MAX_LINE_BYTES + len(_seal(job_id, b"")) + 1)
    except OSError:
        return None
    end = stored.find(b"\n") + 1
    line, seal = stored[:end], stored[end:]
    whole = seal == _seal(job_id, line) if seal else _job_of(line) == job_id
    if not whole or len(line) > MAX_LINE_BYTES:
        with contextlib.suppress(OSError):
            os.replace(path, path + _DAMAGED)
            os.utime(path + _DAMAGED)
        return None
    return line


def clear_unfinished(places: Places) -> None:
    """Remove what agents that were killed while they wrote left behind, and what was found damaged a month ago. Only
    for the holder of the board's lock."""
    for entry in os.scandir(places.spool):
        unfinished = entry.name.startswith(".") and entry.name.endswith(".tmp")
        if unfinished or (entry.name.endswith(_ENDING + _DAMAGED) and _is_old(entry)):
            remove_quietly(entry.path)


def forget(places: Places, job_id: str) -> bool:
    """Remove a confirmed result. False when there was none."""
    return remove_quietly(places.spooled(job_id))


def _with_note(outcome: Union[Result, Failure], note: str) -> Union[Result, Failure]:
    if isinstance(outcome, Failure):
        failure = outcome.failure
        detail = "\n".join(part for part in (failure.detail, note) if part)
        return Failure(JobFailure(failure.job_id, failure.reason, failure.message, detail))
    plain = dict(vars(outcome.result))
    plain["details"] = dict(outcome.result.details, spool=note)
    return Result(type(outcome.result)(**plain))


def _is_ours(entry: "os.DirEntry[str]") -> bool:
    named = entry.name.endswith(_ENDING) and is_job_id(entry.name[: -len(_ENDING)])
    return named and entry.is_file(follow_symlinks=False)


def _is_old(entry: "os.DirEntry[str]") -> bool:
    with contextlib.suppress(OSError):
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _EVIDENCE_S
    return False


def _seal(job_id: str, line: bytes) -> bytes:
    return b"sha256 %s\n" % hashlib.sha256(job_id.encode("ascii") + b"\n" + line).hexdigest().encode("ascii")


def _job_of(line: bytes) -> Optional[str]:
    """The job that a line tells of; None when it tells of none."""
    try:
        message = decode(line)
    except WireError:
        return None
    if isinstance(message, Result):
        return message.result.job_id
    return message.failure.job_id if isinstance(message, Failure) else None
