"""Importing a runtime that came as wheels, in a bundle or with the board, and saying plainly what it lacks."""

import importlib
from importlib import metadata
from types import ModuleType
from typing import Optional

from agent.runtimes import Unsupported

OLD_NUMPY_ONLY = ("tflite-runtime",)
"""Built against numpy 1: with numpy 2 these import, and die at the first tensor."""


def import_numpy(runtime: str) -> ModuleType:
    """numpy, of a version that the runtime can work with; otherwise `Unsupported`."""
    numpy = import_runtime(runtime, "numpy")
    version = str(numpy.__version__)
    if runtime in OLD_NUMPY_ONLY and int(version.split(".", 1)[0]) >= 2:
        raise Unsupported("%s needs numpy older than 2, and the board has %s" % (runtime, version))
    return numpy


def import_runtime(runtime: str, module: str) -> ModuleType:
    """Import a module of a runtime; `Unsupported` names what is missing: a package, libstdc++, a newer glibc."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unsupported(_explain(runtime, module, error)) from error


def version_of(distribution: str, module: ModuleType) -> Optional[str]:
    """What the package's metadata say; where a bundle carries none, what the module says of itself."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return getattr(module, "__version__", None)


def _explain(runtime: str, module: str, error: ImportError) -> str:
    text = str(error)
    if "libstdc++" in text:
        return "%s needs the C++ library, which this board lacks (package libstdc++6): %s" % (runtime, text)
    if "GLIBC" in text:
        return "%s was built for a newer C library than this board's: %s" % (runtime, text)
    missing = (error.name or "").split(".")[0]
    if isinstance(error, ModuleNotFoundError) and missing == module.split(".", 1)[0]:
        return "there is no %s for %s on this board, neither pushed nor installed" % (missing, runtime)
    if isinstance(error, ModuleNotFoundError) and missing:
        return "%s needs the Python package %s, which is not there" % (runtime, missing)
    return "%s cannot be imported on this board: %s" % (runtime, text)
