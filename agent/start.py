# How a Python becomes the agent of an archive, in the same process: on a slow board each takes long to start.
# The archive's `__main__` is this text and a call of `become`; what is sent to a board is this text and `boot.py`. It
# must parse on Python 2.7, too.
# ruff: noqa: RUF005, S102, S302
import os
import sys


def kept_beside(archive):
    # type: (str) -> str
    """`DIGEST.pyz` is the archive, `DIGEST.MAGIC.code` what a Python whose bytecode has this magic made of it."""
    from importlib.util import MAGIC_NUMBER

    return "%s.%s.code" % (archive[: -len(".pyz")], MAGIC_NUMBER[:2].hex())


def is_safe(found):
    # type: (os.stat_result) -> bool
    """Ours alone to write to."""
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def take_bytecode(archive):
    # type: (str) -> bool
    """Import the agent from the bytecode that a former visit kept (`bytecode.py`). False: there is none to be used."""
    import marshal
    from binascii import crc32

    try:
        kept = open(kept_beside(archive), "rb", buffering=0)  # noqa: SIM115 - read from as modules are imported
        if not (is_safe(os.fstat(kept.fileno())) and is_safe(os.stat(os.path.dirname(archive)))):
            return False
        size_bytes, checksum = [int(kept.read(8), 16) for _ in range(2)]
        head = kept.read(min(size_bytes, 1 << 20))
    except (OSError, ValueError):
        return False
    if crc32(head) != checksum:
        return False
    importer, index = marshal.loads(head)
    names = {"__name__": "agent.importer"}
    exec(importer, names)
    sys.meta_path.insert(0, names["Importer"](archive, kept, index))  # type: ignore[operator]
    return True


def become(archive, words):
    # type: (str, list[str]) -> None
    import gc

    # Importing makes tens of thousands of objects that stay: not one of the usual sixty searches would free any.
    gc.set_threshold(20000)
    # Without PATH (a login with an empty environment) Python does not know where it is itself.
    sys.executable = sys.executable or os.path.realpath("/proc/self/exe")
    sys.argv[:] = [archive] + words
    if not take_bytecode(archive):
        sys.path.insert(0, archive)
    from agent.__main__ import main

    end(main())


def end(status):
    # type: (int) -> None
    """Without taking apart what was loaded, which is a tenth of a short verb's time."""
    from contextlib import suppress

    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, or its other end has gone
            stream.flush()
    os._exit(status)
