"""Where the board's Python looks for packages. Another process says so, because an agent runs without site-packages.

That process takes as long to start as a third of the agent. So what it said is kept, beside the marks of all that it
depends on, until one of them changes or the board starts anew.
"""

import contextlib
import json
import os
import re
import select
import signal
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Set

from agent.blobs import Breathe
from agent.places import remove_quietly
from agent.sensors import read_text

LIMIT_S = 30.0
_LOOK_S = 0.02
_JUST_NOW_NS = 2 * 10**9
"""The coarsest clock of a file system (FAT's): what was changed this recently may change again under the same mark."""
_MARK = b"\0dynofarm-path\0"
_SCRIPT = """import os, site, sys
mark = %r
def say(paths):
    sys.stdout.buffer.write(mark + b"\\0".join(map(os.fsencode, filter(None, paths))))
say(sys.path)
say([*getattr(site, "getsitepackages", list)(), getattr(site, "getusersitepackages", str)()])
sys.stdout.buffer.write(mark)
""" % (_MARK,)
"""Its folders, and those whose `.pth` files add to them."""
_CUSTOMIZED = ("sitecustomize", "usercustomize")
"""Modules of an administrator and a user that may change the path: docs.python.org/3/library/site.html."""
_HARMLESS = re.compile(r"distutils-precedence\.pth|__editable__.*|_virtualenv\.pth|.*-nspkg\.pth")
"""Names of `.pth` files whose code changes no path, or one that depends on nothing else: those of setuptools (its
namespace packages, too) and virtualenv."""

_CODE = (b"import ", b"import\t")
_BOM = b"\xef\xbb\xbf"


class _Told(NamedTuple):
    path: List[str]
    sites: List[str]


class _Additions(NamedTuple):
    """What a `.pth` file says: paths, there or not, and does it run code?"""

    paths: List[str]
    runs_code: bool


def find_python_path(kept: str, temporary: str, breathe: Breathe) -> List[str]:
    """Folders, in order; empty when Python does not say within half a minute. `kept`: the file for what it said,
    `temporary`: its name until it is whole."""
    known = _read(kept)
    if known is not None:
        return known
    began_ns = time.time_ns()
    told = _ask(breathe)
    if told is None:
        return []
    depends_on = _depends_on(told)
    marks = {path: _mark(path) for path in depends_on or ()}
    changing = any(mark is not None and mark[0] > began_ns - _JUST_NOW_NS for mark in marks.values())
    if depends_on is not None and not changing:
        _keep(kept, temporary, {**_asked(), "path": told.path, "marks": marks})
    return told.path


def _read(kept: str) -> Optional[List[str]]:
    """None when there is nothing, or no longer true. Garbage is nothing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        with open(kept, "rb") as file:
            said = json.loads(file.read())
        path: List[str] = said["path"]
        whole = isinstance(path, list) and all(isinstance(folder, str) for folder in path)
        current = said == {**said, **_asked()} and all(_mark(on) == mark for on, mark in said["marks"].items())
        if whole and current:
            return path
    return None


def _asked() -> Dict[str, Optional[str]]:
    """Who would be asked, and in what surroundings."""
    boot_id = read_text("/", "/proc/sys/kernel/random/boot_id")
    return {"python": sys.executable, "home": os.environ.get("HOME"), "boot_id": boot_id}


def _depends_on(told: _Told) -> Optional[Set[str]]:
    """Files and folders; None when a `.pth` file runs code that may depend on anything."""
    found = {sys.executable}
    for folder in {os.path.dirname(sys.executable), os.path.dirname(os.path.dirname(sys.executable))}:
        found.add(os.path.join(folder, "pyvenv.cfg"))
    for folder in {*told.path, *told.sites}:
        found.add(folder)
        for name in _names_in(folder):
            path = os.path.join(folder, name)
            if name in _CUSTOMIZED:
                found.add(os.path.join(path, "__init__.py"))
            elif name.endswith(".pth"):
                additions = _read_additions(path)
                if additions.runs_code and not _HARMLESS.fullmatch(name):
                    return None
                found.update([path, *additions.paths])
            elif name.endswith(".py") and name[: -len(".py")] in _CUSTOMIZED:
                found.add(path)
    return found


def _names_in(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:  # an archive, or a folder that is not there
        return []


def _read_additions(path: str) -> _Additions:
    """As `site` reads it."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return _Additions([], False)
    lines = text[len(_BOM) if text.startswith(_BOM) else 0 :].splitlines()
    named = [os.fsdecode(line.rstrip()) for line in lines if line.strip() and not line.startswith((b"#", *_CODE))]
    paths = [os.path.join(os.path.dirname(path), name) for name in named]
    return _Additions(paths, any(line.startswith(_CODE) for line in lines))


def _mark(path: str) -> Optional[List[int]]:
    """What changes with a file, or with the names in a folder; None: it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # no path at all: a zero byte in it
        return None
    return [found.st_mtime_ns, found.st_size, found.st_ino]


def _keep(path: str, temporary: str, said: Dict[str, Any]) -> None:
    """Not synced: what a power cut makes of it is of another boot. On a full disk nothing is kept."""
    try:
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(said, file)
        os.rename(temporary, path)
    except OSError:
        remove_quietly(temporary)


def _ask(breathe: Breathe) -> Optional[_Told]:
    source, sink = os.pipe()
    try:
        pid = _start([sys.executable, "-E", "-c", _SCRIPT], sink)
    except OSError:
        os.close(source)
        return None
    finally:
        os.close(sink)
    said = _hear(source, breathe)
    os.close(source)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    # What else stands there a package said that starts with Python itself (a .pth file).
    parts = said.split(_MARK)
    return _Told(_paths(parts[1]), _paths(parts[2])) if len(parts) == 4 else None


def _paths(said: bytes) -> List[str]:
    return [os.fsdecode(path) for path in said.split(b"\0") if path]


def _start(argv: List[str], sink: int) -> int:
    """A process that says something to `sink` alone. What the standard library has for that takes longer to import."""
    nothing = "/dev/null"
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, nothing, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, sink, 1),
        (os.POSIX_SPAWN_OPEN, 2, nothing, os.O_WRONLY, 0),
    ]
    return os.posix_spawn(argv[0], argv, os.environ, file_actions=streams)


def _hear(source: int, breathe: Breathe) -> bytes:
    said, until_s = b"", time.monotonic() + LIMIT_S
    while time.monotonic() < until_s:
        if select.select([source], [], [], _LOOK_S)[0]:
            part = os.read(source, 1 << 16)
            if not part:
                break
            said += part
        breathe()
    return said
