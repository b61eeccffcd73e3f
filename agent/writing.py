"""Writing to files of /sys: directly where this user may, else through sudo where it asks for no password."""

import contextlib
import errno
import os
import subprocess
from itertools import groupby
from typing import List, Sequence, Tuple

_SUDO_LIMIT_S = 10.0
_MORE_RIGHTS = "log in as root, or let this user use sudo without a password"
_BY_HAND = "set it on the board yourself, and leave it out of the profile"
_ANOTHER = "ask for another value"


class NotWritten(Exception):
    """What is in the way, and what to do about it (`remedy`)."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def write_values(root: str, steps: Sequence[Tuple[str, str]]) -> None:
    """Write each value to its path below `root`, in this order. A path that is gone is passed over.

    `NotWritten` at the first that does not take it. Steps with one value are one call of sudo, since every call takes
    a small board tenths of a second.
    """
    for value, group in groupby(steps, key=lambda step: step[1]):
        paths = [root.rstrip("/") + path for path, _ in group]
        _write([path for path in paths if os.path.exists(path)], value)


def _write(paths: List[str], value: str) -> None:
    try:
        for path in paths:
            descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            try:
                os.write(descriptor, value.encode("ascii"))
            finally:
                os.close(descriptor)
    except PermissionError:
        _write_through_sudo(paths, value)
    except OSError as error:
        remedy = _ANOTHER if error.errno == errno.EINVAL else _BY_HAND
        raise NotWritten("%s: %s" % (path, error.strerror), remedy) from None


def _write_through_sudo(paths: List[str], value: str) -> None:
    try:
        # In a session of its own: what ends the agent's process group must not end a change in the middle.
        process = subprocess.Popen(
            ["sudo", "-n", "tee", *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=dict(os.environ, LC_ALL="C"),
        )
    except OSError:
        raise NotWritten("this user may not, and there is no sudo", _MORE_RIGHTS) from None
    try:
        _, words = process.communicate(value.encode("ascii"), _SUDO_LIMIT_S)
    except subprocess.TimeoutExpired:
        _give_up(process)
        raise NotWritten("sudo does not answer for %g s" % _SUDO_LIMIT_S, _MORE_RIGHTS) from None
    if process.returncode != 0:
        said = (words.decode("utf-8", "replace").strip().splitlines() or ["it ended with %d" % process.returncode])[-1]
        remedy = _ANOTHER if os.strerror(errno.EINVAL) in said else _MORE_RIGHTS
        raise NotWritten("this user may not, and sudo says: %s" % said[:200], remedy)


def _give_up(process: "subprocess.Popen[bytes]") -> None:
    """A sudo that runs as root cannot be killed by a user: then it is left behind, not waited for."""
    if process.stderr is not None:
        process.stderr.close()
    with contextlib.suppress(PermissionError, subprocess.TimeoutExpired):
        process.kill()
        process.wait(1.0)
