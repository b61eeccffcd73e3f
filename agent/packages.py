"""The Python packages of a board that matter, as its own Python would find them, without importing any.

Their folders of facts are read here (`NAME-VERSION.dist-info` and the older `.egg-info`, see packaging.python.org,
"Recording installed projects"): what the standard library has for that takes longer to import than all the rest.
"""

import os
import re
import select
import signal
import sys
import time
from typing import Dict, Iterator, List, Optional, Tuple

from agent.blobs import Breathe

LIMIT_S = 30.0
_LOOK_S = 0.02
_MARK = b"\0dynofarm-path\0"
_SCRIPT = "import os, sys; sys.stdout.buffer.write(%r + b'\\0'.join(map(os.fsencode, filter(None, sys.path))) + %r)" % (
    _MARK,
    _MARK,
)
_FACTS = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_MODULES = {
    "numpy": "numpy",
    "psutil": "psutil",
    "tflite_runtime": "tflite_runtime",
    "tflite_runtime_nightly": "tflite_runtime",
    "ai_edge_litert": "ai_edge_litert",
    "onnxruntime": "onnxruntime",
    "onnxruntime_gpu": "onnxruntime",
    "mnn": "MNN",
    "ncnn": "ncnn",
}
"""From a distribution's normalised name to that of its module; of two with the same module the first one counts."""


def find_modules(breathe: Breathe) -> Dict[str, str]:
    """Versions of the packages, by module; empty when this Python does not tell where it looks within half a minute."""
    found: Dict[str, str] = {}
    for folder in _python_path(breathe):
        for name, version in _packages_in(folder):
            found.setdefault(name, version)
        breathe()
    versions: Dict[str, str] = {}
    for name, module in _MODULES.items():
        if name in found:
            versions.setdefault(module, found[name])
    return versions


def _python_path(breathe: Breathe) -> List[str]:
    """Where Python looks for packages. A process of its own says it, because this one runs without site-packages."""
    source, sink = os.pipe()
    try:
        pid = _start([sys.executable, "-E", "-c", _SCRIPT], sink)
    except OSError:
        os.close(source)
        return []
    finally:
        os.close(sink)
    said = _hear(source, breathe)
    os.close(source)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    # What else stands there a package said that starts with Python itself (a .pth file).
    parts = said.split(_MARK)
    return [os.fsdecode(path) for path in parts[1].split(b"\0")] if len(parts) == 3 else []


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


def _packages_in(folder: str) -> Iterator[Tuple[str, str]]:
    """Normalised name and version of each that matters."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # an archive, or a folder that is not there
        return
    for entry in names:
        stem, ending = os.path.splitext(entry)
        project, _, rest = stem.partition("-")
        name = re.sub(r"[-_.]+", "_", project).lower()
        if ending in _FACTS and name in _MODULES:
            version = _version_in(os.path.join(folder, entry), _FACTS[ending]) or rest.partition("-")[0]
            if version:
                yield name, version


def _version_in(path: str, file_name: str) -> Optional[str]:
    """What the facts say; an old `.egg-info` may be that file itself."""
    try:
        with open(os.path.join(path, file_name) if os.path.isdir(path) else path, "rb") as file:
            for line in file:
                if line.startswith(b"Version:"):
                    return line.partition(b":")[2].decode("utf-8", "replace").strip() or None
                if not line.strip():
                    break
    except OSError:
        pass
    return None
