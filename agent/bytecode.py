"""The agent's bytecode, kept beside its archive: else each agent, worker and transfer that starts would compile the
text again, which takes as long as all the rest of its start.
"""

import contextlib
import io
import marshal
import os
import time
from binascii import crc32
from importlib.util import MAGIC_NUMBER
from typing import Callable

from agent.places import Places, remove_quietly, write_whole
from agent.start import kept_beside

_HEADER = MAGIC_NUMBER + bytes(12)
"""Of compiled code without a source to compare it with: PEP 552."""
_FORGOTTEN_S = 30 * 86400.0
"""A month: two orchestrators of different versions that share a board do not send their agents again at each visit."""


def keep(places: Places, archive: str, breathe: Callable[[], None]) -> None:
    """Compile the archive for this Python, and remove what former versions left here. Where that cannot be (a full
    disk), the agent starts from its text. For who holds the board: nobody else's worker starts meanwhile."""
    _forget_former(archive)
    from zipfile import ZipFile, ZipInfo  # once on a board; too much for each start

    made = io.BytesIO()
    with contextlib.suppress(OSError):
        with ZipFile(archive) as texts, ZipFile(made, "w") as kept:
            for name in texts.namelist():
                if name.startswith("agent/"):
                    code = compile(texts.read(name), os.path.join(archive, name), "exec", dont_inherit=True)
                    kept.writestr(ZipInfo(name + "c"), _HEADER + marshal.dumps(code))
                    breathe()
            kept.comment = bytes(8)
        data = made.getvalue()[:-8]
        path = kept_beside(archive)
        write_whole(path, places.temporary(os.path.basename(path)), [data, b"%08x" % crc32(data)])


def _forget_former(archive: str) -> None:
    folder, own = os.path.split(archive)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if not entry.name.startswith(own[: -len(".pyz")]) and age_s > _FORGOTTEN_S:
                remove_quietly(entry.path)
