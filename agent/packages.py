"""The Python packages of a board that matter, in the folders where its own Python looks, without importing any.

Their folders of facts are read here (`NAME-VERSION.dist-info` and the older `.egg-info`, see packaging.python.org,
"Recording installed projects"): what the standard library has for that takes longer to import than all the rest.
"""

import os
import re
from typing import Dict, Iterator, Optional, Sequence, Tuple

from agent.blobs import Breathe

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
