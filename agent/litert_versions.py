"""The builds of `libLiteRt.so` that dynofarm knows how to call, by the SHA-256 of the file.

The C interface is not stable between versions: the agent binds a library by its hash and refuses any other, and the
orchestrator pushes no other. Both read this one table. A library is the same file in the wheels of every Python.
"""

from typing import Dict, NamedTuple

DEFAULT_VERSION = "2.3.0"


class Build(NamedTuple):
    version: str
    architecture: str


KNOWN_BUILDS: Dict[str, Build] = {
    "eec47eb35e2924b3166015887e652a58edc9af823ae38e02bf83bef2548300bb": Build("2.3.0", "x86_64"),
    "b57687dc234d2b8b0598aef5a9c961ed24263df8f8b3f56adbee1cff618e544b": Build("2.3.0", "aarch64"),
}
"""SHA-256 of `libLiteRt.so` as the `ai-edge-litert` wheels carry it."""
