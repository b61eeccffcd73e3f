"""The agent's bytecode, kept beside its archive: else each agent, worker and transfer that starts would compile the
text again, which takes as long as all the rest of its start.

The file: the size and the CRC-32 of its head in eight hexadecimal digits each; the head, which is the code of
`importer.py` and an index; then a piece for each module. Head and pieces as `marshal` writes them. A start reads the
pieces that it needs, and checks each.
"""

import contextlib
import marshal
import os
import time
from binascii import crc32
from typing import Callable, Dict

from agent.importer import Index
from agent.places import Places, remove_quietly, write_whole
from agent.start import is_safe, kept_beside

_FORGOTTEN_S = 30 * 86400.0
"""A month: two orchestrators of different versions that share a board do not send their agents again at each visit."""
_ABANDONED_S = 86400.0
"""No agent takes a day to arrive."""
_ROOM_BYTES = 4 << 20
"""Several times what is kept: without it compiling, which takes seconds on a slow board, would be in vain."""


def keep(places: Places, archive: str, breathe: Callable[[], None]) -> None:
    """Compile the archive for this Python, and remove what former versions left here. Where that cannot be (a full
    disk, a folder of somebody else's), the agent starts from its text. For who holds the board: nobody else's worker
    starts meanwhile."""
    _forget_former(archive)
    with contextlib.suppress(OSError):
        if places.free_bytes() < _ROOM_BYTES or not is_safe(os.stat(os.path.dirname(archive))):
            return
        pieces = _compile(archive, breathe)
        path = kept_beside(archive)
        write_whole(path, places.temporary(os.path.basename(path)), [_head_of(pieces), *pieces.values()])


def _compile(archive: str, breathe: Callable[[], None]) -> Dict[str, bytes]:
    """By the paths in the archive."""
    from zipfile import ZipFile  # once on a board; too much for each start

    pieces: Dict[str, bytes] = {}
    with ZipFile(archive) as texts:
        for name in texts.namelist():
            if name.startswith("agent/"):
                code = compile(texts.read(name), os.path.join(archive, name), "exec", dont_inherit=True)
                pieces[name] = marshal.dumps(code)
                breathe()
    return pieces


def _head_of(pieces: Dict[str, bytes]) -> bytes:
    importer = marshal.loads(pieces["agent/importer.py"])  # noqa: S302 - made just now
    head = marshal.dumps((importer, _index(pieces)))
    return b"%08x%08x" % (len(head), crc32(head)) + head


def _index(pieces: Dict[str, bytes]) -> Index:
    index: Index = {}
    at = 0
    for name, piece in pieces.items():
        module = name[: -len(".py")].replace("/", ".")
        package = module[: -len(".__init__")] if module.endswith(".__init__") else None
        index[package or module] = (at, len(piece), crc32(piece), package is not None)
        at += len(piece)
    return index


def _forget_former(archive: str) -> None:
    """What no agent of that version used for a month, and what one left that was killed while it came."""
    folder, own = os.path.split(archive)
    with contextlib.suppress(OSError):
        written_s = {entry.name: entry.stat(follow_symlinks=False).st_mtime for entry in os.scandir(folder)}
        now_s = time.time()
        for name, at_s in written_s.items():
            # Each visit notes its use of the archive, and bytecode lasts as long as what it was made of.
            used_s = max(at_s, written_s.get(_archive_of(name), 0.0))
            forgotten = _archive_of(name) != own and now_s - used_s > _FORGOTTEN_S
            if forgotten or (_is_half(name) and now_s - at_s > _ABANDONED_S):
                remove_quietly(os.path.join(folder, name))


def _archive_of(name: str) -> str:
    return name.partition(".")[0] + ".pyz"


def _is_half(name: str) -> bool:
    """Is it what `boot.py` writes before an agent is whole?"""
    before, _, pid = name.rpartition(".")
    return before.endswith(".pyz") and pid.isdigit()
