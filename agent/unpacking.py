"""A pushed zip becomes the folder that a worker puts on its path: entirely or not at all, and never outside it."""

import os
import shutil
import stat
import zipfile
import zlib
from typing import List

from agent.blobs import CHUNK_BYTES, NO_ROOM, BlobFault, Breathe, touch
from agent.places import Places, remove_quietly, sync_folder
from agent.protocol import Unpacked


def unpack(places: Places, digest: str, breathe: Breathe) -> Unpacked:
    """Unpack the blob `digest` into its folder, once, and remove the archive, which would hold its room twice.

    `BlobFault`: `missing` (not pushed), `corrupt` (not a zip, or one that reaches outside its folder), `disk_full`.
    """
    folder, archive = places.bundle(digest), places.blob(digest)
    if os.path.isdir(folder):
        touch(places, digest)
        return Unpacked(digest)
    if not os.path.exists(archive):
        raise BlobFault("missing", "no blob %s… to unpack: push it first" % digest[:12])
    temporary = places.temporary(digest + ".unpacked")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        _extract(places, archive, temporary, breathe)
        os.sync()
        os.rename(temporary, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BlobFault("corrupt", "%s… is not a zip that can be read: %s" % (digest[:12], error)) from error
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise BlobFault("disk_full", "no room to unpack %s… in %s" % (digest[:12], places.root)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(places.bundles)
    remove_quietly(archive)
    return Unpacked(digest)


def _extract(places: Places, archive: str, folder: str, breathe: Breathe) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            _check_member(member)
        _check_room(places, members)
        os.makedirs(folder, mode=0o700)
        for member in members:
            _extract_member(file, member, folder, breathe)


def _check_member(member: zipfile.ZipInfo) -> None:
    parts = member.filename.replace("\\", "/").split("/")
    if member.filename.startswith(("/", "\\")) or ".." in parts or "\0" in member.filename:
        raise BlobFault("corrupt", "the zip holds a path outside its folder: %r" % member.filename[:120])
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BlobFault("corrupt", "the zip holds a link or a special file: %r" % member.filename[:120])


def _check_room(places: Places, members: List[zipfile.ZipInfo]) -> None:
    needed_bytes = sum(member.file_size for member in members)
    free_bytes = places.free_bytes()
    if needed_bytes > free_bytes:
        raise BlobFault(
            "disk_full",
            "no room to unpack in %s: %d bytes needed, %d bytes free" % (places.root, needed_bytes, free_bytes),
        )


def _extract_member(file: zipfile.ZipFile, member: zipfile.ZipInfo, folder: str, breathe: Breathe) -> None:
    path = os.path.join(folder, *[part for part in member.filename.split("/") if part not in ("", ".")])
    if member.is_dir():
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with file.open(member) as source, open(path, "wb") as target:
        while True:
            chunk = source.read(CHUNK_BYTES)
            if not chunk:
                break
            target.write(chunk)
            breathe()
    if (member.external_attr >> 16) & stat.S_IXUSR:
        os.chmod(path, 0o755)  # noqa: S103 - a program of the bundle, in a folder that only this user may enter
