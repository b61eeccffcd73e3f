"""The work folder of a board: where things lie in it, and how a file gets there so that a power cut cannot halve it."""

import os
import re
from typing import Iterable

from agent.wire import WireError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_JOB_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class Places:
    """Paths below one work folder. Every name that comes from outside is checked before it becomes a path."""

    def __init__(self, work_dir: str) -> None:
        self.root = os.path.abspath(os.path.expanduser(work_dir))
        self.blobs = os.path.join(self.root, "blobs")
        self.bundles = os.path.join(self.root, "bundles")
        self.incoming = os.path.join(self.root, "incoming")
        self.spool = os.path.join(self.root, "spool")
        self.worker = os.path.join(self.root, "worker.pid")
        self.restore = os.path.join(self.root, "restore.json")
        self.python_path = os.path.join(self.root, "python_path.json")

    def make(self) -> None:
        """Make the folders that are missing, for this user alone. OSError when that cannot be."""
        for folder in (self.root, self.blobs, self.bundles, self.incoming, self.spool):
            os.makedirs(folder, mode=0o700, exist_ok=True)

    def blob(self, digest: str) -> str:
        return os.path.join(self.blobs, check_digest(digest))

    def bundle(self, digest: str) -> str:
        return os.path.join(self.bundles, check_digest(digest))

    def temporary(self, name: str) -> str:
        """A name in `incoming` that no other process uses."""
        return os.path.join(self.incoming, "%s.%d" % (name, os.getpid()))

    def spooled(self, job_id: str) -> str:
        return os.path.join(self.spool, check_job_id(job_id) + ".json")

    def free_bytes(self) -> int:
        """What this user may still write on the disk of the work folder."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize


def check_digest(digest: str) -> str:
    """The digest itself, when it is one; `WireError` otherwise, so that nothing else becomes a file name."""
    if not _DIGEST.fullmatch(digest):
        raise WireError("not a SHA-256 digest (64 lower-case hexadecimal digits): %r" % digest[:80])
    return digest


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None


def check_job_id(job_id: str) -> str:
    """The id itself, when it can be a file name; `WireError` otherwise."""
    if not is_job_id(job_id):
        raise WireError("not a job id (letters, digits, '.', '_', '-', at most 128): %r" % job_id[:80])
    return job_id


def write_whole(path: str, temporary: str, chunks: Iterable[bytes]) -> None:
    """Write a file that is there entirely or not at all, also after a power cut; whatever the umask, nobody else may
    write to it. OSError leaves nothing behind."""
    try:
        with open(temporary, "wb", opener=_open_privately) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        sync_folder(os.path.dirname(path))
    except BaseException:
        remove_quietly(temporary)
        raise


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sync_folder(folder: str) -> None:
    """Make a rename in this folder last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some file systems cannot sync a folder; the file itself is safe
    finally:
        os.close(descriptor)


def remove_quietly(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True
