# The first thing that runs on a board, sent as text behind that of `start.py`:
#     python3 -I -S -c <both files> WORK DIGEST SIZE [words for the agent]
#
# It says one line (have, need or refused), takes the agent from standard input when it is needed, and becomes it.
# It must parse on Python 2.7, too, so that an old one gets a clear answer (so newer checkers leave it alone). With
# `-I` it does not get so far: Python 2.7 answers with its usage.
# ruff: noqa: UP036, RUF005
# mypy: ignore-errors
import os
import sys


def say(state):
    line = "dynofarm-boot python=%d.%d.%d state=%s\n" % (sys.version_info[:3] + (state,))
    os.write(1, line.encode("utf-8", "replace"))


def refuse(reason):
    say("refused reason=" + " ".join(reason.split()))
    sys.exit(3)


def read_exactly(size):
    # Not a byte more: what follows on the stream is for the agent.
    parts = []
    while size:
        part = os.read(0, min(size, 65536))
        if not part:
            refuse("truncated the agent did not arrive whole")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive(size):
    # As many bytes as the eight digits before them say, packed where these are fewer than the agent has. Some Pythons
    # were built without zlib.
    try:
        from zlib import decompress
    except ImportError:
        decompress = None
    say("need" if decompress else "need_plain")
    # The agent imports these: while it is on its way there is nothing else to do.
    for name in ("contextlib", "hashlib", "json", "re", "selectors", "typing"):
        __import__(name)
    try:
        data = read_exactly(int(read_exactly(8), 16))
        return data if len(data) == size else decompress(data)
    except Exception:
        refuse("corrupt the agent arrived damaged")


def digest_of(data):
    import hashlib

    return hashlib.sha256(data).hexdigest()


def is_there(path, digest):
    try:
        with open(path, "rb") as stored:
            return digest_of(stored.read()) == digest
    except OSError:
        return False


def store(path, data):
    # Not synced, which takes a slow card long: what a power cut makes of it has another hash, and is sent again.
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.rename(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def refuse_without_room(folder, size):
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < size:
        refuse("disk_full %s: %d bytes needed, %d bytes free" % (folder, size, free))


def explain(error, folder):
    full = error.errno in (27, 28, 122)  # EFBIG, ENOSPC, EDQUOT
    refuse("%s %s: %s" % ("disk_full" if full else "work_dir", folder, error.strerror))


def main(work, digest, size, *more):
    if sys.version_info < (3, 8):
        refuse("python %d.%d is too old, the agent needs 3.8 or later" % sys.version_info[:2])
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        refuse("usage not a digest")
    work = os.path.abspath(os.path.expanduser(work))
    folder = os.path.join(work, "agent")
    path = os.path.join(folder, digest + ".pyz")
    try:
        os.makedirs(work, mode=0o700, exist_ok=True)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            refuse("work_dir %s: not writable" % folder)
    except OSError as error:
        explain(error, folder)
    if is_there(path, digest):
        say("have")
    else:
        refuse_without_room(folder, int(size))
        data = receive(int(size))
        if digest_of(data) != digest:
            refuse("corrupt the agent arrived with another hash")
        try:
            store(path, data)
        except OSError as error:
            explain(error, folder)
    become(path, ["serve", "--work", work] + list(more))  # noqa: F821 - of start.py


if __name__ == "__main__":
    main(*sys.argv[1:])
