"""What travels to every board: the agent as a zipapp, and the few lines that start it there."""

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

from orchestrator.zip_entries import plain_entry

_BECOME = b"\n\nbecome(sys.argv[0], sys.argv[1:])\n"
"""What makes `agent/start.py` a program."""


@dataclass(frozen=True)
class AgentArchive:
    """The agent as one file, named by the SHA-256 of its bytes."""

    digest: str
    data: bytes = field(repr=False)

    @cached_property
    def packed(self) -> bytes:
        """On its way to a board: a third of it, which is what counts when hundreds need a new one over one uplink.

        A better compression would take a fresh board's first answer longer than it saves (docs/benchmarks.md).
        """
        return _sent(zlib.compress(self.data, 1))

    @property
    def plain(self) -> bytes:
        """The same for a board whose Python has no zlib."""
        return _sent(self.data)


@cache
def agent_zipapp() -> AgentArchive:
    """The `agent` package as a zipapp: byte-identical on every build and machine, made once per process.

    Stored, not deflated: compressors differ between machines, and the hash is the agent's name on the board.
    """
    sources = dict(_sources(files("agent"), "agent"))
    sources["__main__.py"] = sources["agent/start.py"] + _BECOME
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(sources):
            archive.writestr(plain_entry(name), sources[name])
    data = buffer.getvalue()
    return AgentArchive(hashlib.sha256(data).hexdigest(), data)


@cache
def boot_script() -> str:
    """`agent/start.py` and `agent/boot.py`, which a board's Python runs to receive and start the archive; without their
    comments, since it travels with every connection."""
    texts = [files("agent").joinpath(name).read_text(encoding="utf-8") for name in ("start.py", "boot.py")]
    lines = "\n\n".join(texts).splitlines()
    return "".join(f"{line}\n" for line in lines if not line.lstrip().startswith("#"))


@cache
def boot_argument() -> str:
    """The same for a command line: one line that every login shell hands on as it is.

    The C shells end a quoted word at a newline and take `!` for history, whatever the quotes; both are common
    as login shells on boards with a BSD past. Not with `base64`, which imports all of `re`. It begins with what
    who looks at the board's processes reads there.
    """
    wrapped = base64.b64encode(boot_script().encode("utf-8")).decode("ascii")
    return f'"dynofarm agent";import binascii;exec(binascii.a2b_base64("{wrapped}").decode("utf-8"))'


def _sent(data: bytes) -> bytes:
    return b"%08x" % len(data) + data


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        name = f"{prefix}/{item.name}"
        if item.is_dir():
            yield from _sources(item, name)
        elif item.name.endswith(".py"):
            yield name, item.read_bytes().replace(b"\r\n", b"\n")
