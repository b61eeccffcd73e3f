"""May a database lie here? Questions about paths, files and mounts that are answered before SQLite is asked."""

import os
from pathlib import Path

from orchestrator.errors import StoreDamaged, StoreError

NETWORK_TYPES = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "orangefs", "pvfs2", "smb3", "smbfs", "fuse.ceph", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs"}
    | {"fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
"""Mounts on which SQLite's write-ahead log cannot work: it needs memory shared by all who have the file open."""

SQLITE_MAGIC = b"SQLite format 3\0"
ELSEWHERE = "Name another place with --db FILE or the variable DYNOFARM_DB."


def check_place(path: Path, *, create: bool) -> None:
    """Raise a `StoreError` that names what stands against a database at `path`."""
    kind = mount_type(path, _mounts())
    if kind in NETWORK_TYPES:
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where the database could lose results",
            f"Keep it on a disk of this machine. {ELSEWHERE}",
        )
    if path.is_dir():
        raise StoreError(f"{path} is a folder, not a database", ELSEWHERE)
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} does not exist", f"Make it first. {ELSEWHERE}")
    if not path.exists() and not create:
        raise StoreError(f"there is no results database at {path}", f"`dynofarm init` makes one. {ELSEWHERE}")
    _check_writable(path)
    _check_header(path)


def check_readable(path: Path) -> None:
    """The same for somebody who only wants to read."""
    if not path.is_file():
        raise StoreError(f"there is no results database at {path}", f"`dynofarm init` makes one. {ELSEWHERE}")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} may not be read", f"Change its permissions. {ELSEWHERE}")
    _check_header(path)


def _check_header(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(len(SQLITE_MAGIC))
    if header and header != SQLITE_MAGIC:
        raise StoreDamaged(f"{path} is not an SQLite database", ELSEWHERE)


def _check_writable(path: Path) -> None:
    if path.exists() and not os.access(path, os.W_OK):
        raise StoreError(f"{path} may not be written", f"Change its permissions, or copy it. {ELSEWHERE}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreError(
            f"the folder {path.parent} may not be written, and the database keeps its log beside itself",
            f"Change the folder's permissions, or copy the file. {ELSEWHERE}",
        )


def mount_type(path: Path, mountinfo: str) -> str | None:
    """The type of the file system that holds `path`, from the text of /proc/self/mountinfo; None when unknown.

    The longest mount point that holds the path wins, and among equals the last: it covers the others.
    """
    wanted = path.resolve()
    best: tuple[int, str] | None = None
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = Path(_unescape(fields[4]))
        if wanted.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), after.split(" ")[0])
    return best[1] if best else None


def _unescape(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ""
