"""The userland of a board, which decides what binaries run there: a 64-bit kernel may carry a 32-bit system."""

import os
import pwd
from typing import Optional

from agent.sensors import matches, read_text

_NARROW = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}
_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/*-linux-*", "/usr/lib/*-linux-*")


def read_architecture(machine: str, bits: int) -> str:
    """The architecture of this Python's binaries, from the kernel's `machine` and the width of a pointer."""
    return _NARROW.get(machine, machine) if bits == 32 else machine


def read_system(root: str) -> Optional[str]:
    """The distribution's name for people: `Debian GNU/Linux 12 (bookworm)`."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        for line in (read_text(root, path) or "").splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.split("=", 1)[1].strip("\"'") or None
    return None


def read_libc(root: str) -> Optional[str]:
    """`glibc 2.31`, or `musl` (with its version where the loader tells); None when it is neither."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        text = None
    if text and text.startswith("glibc "):
        return text
    loaders = matches(root, "/lib/ld-musl-*.so.1")
    return _musl_version(root.rstrip("/") + loaders[0]) if loaders else None


def has_libstdcxx(root: str) -> bool:
    """Is there a C++ standard library? Every native runtime needs it, and small images lack it."""
    if any(matches(root, folder + "/libstdc++.so.6") for folder in _LIBRARY_FOLDERS):
        return True
    from ctypes.util import find_library  # which most boards need not import

    return root == "/" and find_library("stdc++") is not None


def read_user() -> str:
    """The name of the user, or its number where the board has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _musl_version(loader: str) -> str:
    """musl's loader, started without arguments, tells its version on standard error and fails."""
    import subprocess  # which most boards need not import

    try:
        answer = subprocess.run([loader], stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return "musl"
    for line in answer.stderr.decode("utf-8", "replace").splitlines():
        if line.startswith("Version "):
            return "musl " + line.split(" ", 1)[1].strip()
    return "musl"
