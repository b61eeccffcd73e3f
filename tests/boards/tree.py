"""The root tree of namespaced boards: a small Debian, extracted and never run during its making.

No maintainer script runs, so a tree for a foreign processor needs no emulator; the little that such scripts do for
these packages is done by hand in `_settle`. Trees are made once and shared, read-only, below all boards.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .board import BoardError

PACKAGES = (
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "libc-bin",
    "libstdc++6",
    "mount",
    "openssh-server",
    "procps",
    "python3",
    "sed",
    "tar",
    "util-linux",
)
LOGIN = "farmer"
LOGIN_ID = 1000
SSHD_ID = 101
_SETTLING = "4"  # raise it when `_settle` changes: older trees are then made anew
_TIMEOUT_S = 570


def cache_folder() -> Path:
    """Where trees and disk images are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "dynofarm-boards"


def tree_path(architecture: str, more: tuple[str, ...] = ()) -> Path:
    """Where the tree of an architecture (Debian's name: amd64, arm64, armhf) is or will be."""
    recipe = hashlib.sha256("\n".join([_SETTLING, *PACKAGES, *more]).encode()).hexdigest()[:8]
    return cache_folder() / f"tree-{architecture}-{recipe}"


def ensure_tree(architecture: str, more: tuple[str, ...] = ()) -> Path:
    """The root tree of an architecture; made if it is not there. Needs root, and the package archive the first time."""
    path = tree_path(architecture, more)
    with hold_lock(path):
        if not path.exists():
            _make(path, architecture, more)
    return path


def own_archive() -> list[str]:
    """This machine's own Debian archives as lines for mmdebstrap."""
    listed = subprocess.run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)",
            "Created-By: Packages",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stdout
    lines = []
    for line in listed.splitlines():
        words = line.split()
        if len(words) == 4 and words[:2] == ["Debian", "main"]:
            lines.append(f"deb {words[2]} {words[3]} main")
    if not lines:
        raise BoardError(
            "this machine's apt knows no Debian archive to make a board from",
            "run apt-get update on a Debian machine, or copy the cache folder of one here",
        )
    return list(dict.fromkeys(lines))


def _make(path: Path, architecture: str, more: tuple[str, ...]) -> None:
    if shutil.which("mmdebstrap") is None:
        raise BoardError("there is no mmdebstrap here to make a board's root tree", "sudo apt install mmdebstrap")
    if os.geteuid() != 0:
        raise BoardError("making a board's root tree needs root", "run it as root, or use loopback boards")
    making = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=extract",
        f"--architectures={architecture}",
        f"--include={','.join((*PACKAGES, *more))}",
        "--setup-hook=mkdir -p $1/usr/bin $1/usr/sbin $1/usr/lib; "
        "for folder in bin sbin lib; do ln -s usr/$folder $1/$folder; done",
        _suite(),
        str(making / "root"),
        *own_archive(),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode != 0:
            end = " | ".join(done.stderr.strip().splitlines()[-3:])
            raise BoardError(f"mmdebstrap could not make a root tree for {architecture}: {end}")
        _settle(making / "root", architecture)
        (making / "root").rename(path)
    finally:
        shutil.rmtree(making, ignore_errors=True)


_NOT_NEEDED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt",
    "var/lib/dpkg/info",
)


def _settle(root: Path, architecture: str) -> None:
    """What maintainer scripts would have done."""
    for kind in ("passwd", "group"):
        shutil.copy(root / f"usr/share/base-passwd/{kind}.master", root / f"etc/{kind}")
    with (root / "etc/passwd").open("a") as accounts:
        accounts.write(f"sshd:x:{SSHD_ID}:65534::/run/sshd:/usr/sbin/nologin\n")
        accounts.write(f"{LOGIN}:x:{LOGIN_ID}:{LOGIN_ID}::/home/{LOGIN}:/bin/bash\n")
    with (root / "etc/group").open("a") as groups:
        groups.write(f"{LOGIN}:x:{LOGIN_ID}:\n")
    text = (root / "etc/passwd").read_text()
    shadow = "".join(f"{line.split(':')[0]}:*:19000:0:99999:7:::\n" for line in text.splitlines())
    (root / "etc/shadow").write_text(shadow)
    (root / "etc/shadow").chmod(0o640)
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    home = root / "home" / LOGIN
    home.mkdir(parents=True, exist_ok=True)
    os.chown(home, LOGIN_ID, LOGIN_ID)
    for folder in ("data", "etc/dynofarm-board", "proc", "sys", "dev", "run", "tmp", "var/log"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    os.chown(root / "data", LOGIN_ID, LOGIN_ID)
    shell = root / "usr/bin/sh"
    if not shell.exists():
        shell.symlink_to("dash")
    for waste in _NOT_NEEDED:
        shutil.rmtree(root / waste, ignore_errors=True)
    (root / "etc/dynofarm-architecture").write_text(architecture + "\n")


def _suite() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\S+)", text, re.MULTILINE)
    if found is None or not re.search(r"^ID=debian", text, re.MULTILINE):
        raise BoardError("root trees are made from this machine's own Debian archive, and this is no Debian")
    return found[1]


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock beside `path`. Two test runs want the same tree at the same time: one makes it, the other waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
