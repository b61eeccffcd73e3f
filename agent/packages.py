"""The Python packages of a board that matter, in the folders where its own Python looks, without importing any.

Their folders of facts are read here (`NAME-VERSION.dist-info` and the older `.egg-info`, see packaging.python.org,
"Recording installed projects"): what the standard library has for that takes longer to import than all the rest.
"""

import os
import re
from typing import Dict, Iterator, Optional, Sequence, Tuple

from agent.blobs import Breathe

_EGG = ".egg"
"""A folder of the path that is a package by itself, put there by `easy-install.pth`."""
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


def find_modules(folders: Sequence[str], breathe: Breathe) -> Dict[str, str]:
    """Versions of the packages in these folders, by module; of two the first one counts."""
    found: Dict[str, str] = {}
    for folder in folders:
        for name, version in _packages_in(folder):
            found.setdefault(name, version)
        breathe()
    versions: Dict[str, str] = {}
    for name, module in _MODULES.items():
        if name in found:
            versions.setdefault(module, found[name])
    return versions


def _packages_in(folder: str) -> Iterator[Tuple[str, str]]:
    """Normalised name and version of each that matters."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # an archive, or a folder that is not there
        return
    stem, ending = os.path.splitext(os.path.basename(os.path.normpath(folder)))
    if ending == _EGG:
        facts = os.path.join(folder, "EGG-INFO", "PKG-INFO")
        name, version = _name_and_version(stem)
        name, version = _normalise(_fact(facts, b"Name:") or name), _fact(facts, b"Version:") or version
        if name in _MODULES and version:
            yield name, version
    for entry in names:
        stem, ending = os.path.splitext(entry)
        name, version = _name_and_version(stem)
        if ending in _FACTS and name in _MODULES:
            path = os.path.join(folder, entry)
            # An old `.egg-info` may be that file itself.
            version = _fact(os.path.join(path, _FACTS[ending]) if os.path.isdir(path) else path, b"Version:") or version
            if version:
                yield name, version


def _name_and_version(stem: str) -> Tuple[str, str]:
    """What a folder's name says; either may be empty."""
    project, _, rest = stem.partition("-")
    return _normalise(project), rest.partition("-")[0]


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _fact(path: str, label: bytes) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.startswith(label):
                    return line.partition(b":")[2].decode("utf-8", "replace").strip() or None
                if not line.strip():
                    break
    except OSError:
        pass
    return None
