"""Swap and disks.

proc(5) for /proc/swaps (kB), /proc/mounts and swappiness; the kernel's ABI document sysfs-fs-ext4 for errors.
"""

import os
import re
from typing import List, NamedTuple, Optional

from agent.protocol import Storage, SwapDevice
from agent.sensors import matches, read_int, read_text

_OCTAL = re.compile(r"\\([0-7]{3})")


class _Mount(NamedTuple):
    path: str
    kind: str
    options: List[str]


def read_storage(root: str, work_dir: str) -> Storage:
    mounts = _read_mounts(root)
    top = _mount_of(mounts, "/")
    work = _mount_of(mounts, os.path.realpath(work_dir))
    return Storage(
        swaps=_read_swaps(root),
        swappiness=read_int(root, "/proc/sys/vm/swappiness"),
        work_file_system=work.kind if work else None,
        root_file_system=top.kind if top else None,
        root_read_only="ro" in top.options if top else None,
        disk_errors=_count_errors(root),
    )


def _read_swaps(root: str) -> Optional[List[SwapDevice]]:
    text = read_text(root, "/proc/swaps")
    if text is None:
        return None
    swaps = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 4 and words[2].isdigit() and words[3].isdigit():
            path = _spelt_out(words[0])
            kind = "zram" if path.startswith("/dev/zram") else words[1]
            swaps.append(SwapDevice(path, kind, int(words[2]) * 1024, int(words[3]) * 1024))
    return swaps


def _read_mounts(root: str) -> List[_Mount]:
    mounts = []
    for line in (read_text(root, "/proc/mounts") or "").splitlines():
        words = line.split()
        if len(words) >= 4:
            mounts.append(_Mount(_spelt_out(words[1]), words[2], words[3].split(",")))
    return mounts


def _mount_of(mounts: List[_Mount], path: str) -> Optional[_Mount]:
    """The mount that holds a path: the longest, and the last of those, which hides the earlier ones."""
    best: Optional[_Mount] = None
    for mount in mounts:
        inside = path == mount.path or path.startswith(mount.path.rstrip("/") + "/")
        if inside and (best is None or len(mount.path) >= len(best.path)):
            best = mount
    return best


def _count_errors(root: str) -> Optional[int]:
    """Over all mounted ext4 file systems; None where there is none."""
    counts = [read_int(root, path) for path in matches(root, "/sys/fs/ext4/*/errors_count")]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _spelt_out(word: str) -> str:
    """The kernel writes blanks in paths as \\040."""
    return _OCTAL.sub(lambda found: chr(int(found.group(1), 8)), word)
