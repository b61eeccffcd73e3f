# What runs first in the archive, as its __main__: takes the bytecode that `agent/bytecode.py` keeps beside the archive
# when it is whole and this Python's own, and the text of the archive itself otherwise.
import os
import sys
from binascii import crc32
from contextlib import suppress
from importlib.util import MAGIC_NUMBER


def is_whole(path: str) -> bool:
    """Do its last eight bytes say the checksum of the others?"""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return False
    return data[-8:] == b"%08x" % crc32(data[:-8])


def kept_beside(archive: str) -> str:
    """`DIGEST.pyz` is the archive, `DIGEST.MAGIC.pyz` what a Python whose bytecode has this magic made of it."""
    return "%s.%s.pyz" % (archive[: -len(".pyz")], MAGIC_NUMBER[:2].hex())


def end(status: int) -> None:
    """Without taking apart what was loaded, which is a tenth of a short verb's time."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, or its other end has gone
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    if is_whole(kept_beside(sys.path[0])):
        sys.path.insert(0, kept_beside(sys.path[0]))
    from agent.__main__ import main

    end(main())
