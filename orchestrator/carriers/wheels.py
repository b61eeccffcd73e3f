"""From verified wheels to what a board gets: one library out of a wheel, or one zip that holds them all."""

import json
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from orchestrator.zip_entries import plain_entry

MANIFEST = "dynofarm-bundle.json"
MAX_UNPACKED_BYTES = 2 * 10**9
"""Ten times the largest bundle known; more is a wheel made to fill a disk."""

SUPERFLUOUS = ("tests/*", "*.pyc", "*.pyi", "*.h", "*.hpp", "*.a", "*.lib", "*.pxd", "*.pyx", "*/tests/*")
"""What no import needs; a third of numpy."""

ABOUT = ("*.dist-info/*",)
"""What says which package it is, and under what licence."""

LICENCES = re.compile(r"(?i)(licen[cs]e|notice|copying|authors|thirdparty)")


class BadWheel(Exception):
    """A wheel that is not what a wheel should be; the message says in what."""


def read_member(wheel: Path, name: str) -> bytes:
    """One file out of a wheel. `BadWheel` where it is not there."""
    with _opened(wheel) as archive:
        try:
            return _read(wheel, archive, archive.getinfo(name))
        except KeyError:
            raise BadWheel(f"{wheel.name} holds no {name}") from None


def pack(
    wheels: Sequence[Path],
    drop: Sequence[str],
    about: dict[str, object],
    destination: Path,
    keep: Sequence[str] = (),
) -> None:
    """Lay the wheels into one folder and zip it: equal wheels give equal bytes. With `keep` nothing else goes in, but
    for what says which package it is, and under what licence.

    Nothing is unpacked on this machine. `BadWheel` for a path that leaves the folder, a link, or two wheels that
    disagree about one file.
    """
    contents = {MANIFEST: json.dumps(about, indent=1, sort_keys=True).encode() + b"\n"}
    for wheel in sorted(wheels, key=lambda path: path.name):
        for name, data in _wanted(wheel, drop, keep):
            if contents.setdefault(name, data) != data:
                raise BadWheel(f"{wheel.name} and another wheel disagree about {name}")
    with zipfile.ZipFile(destination, "w") as archive:
        for name in sorted(contents):
            archive.writestr(plain_entry(name, zipfile.ZIP_DEFLATED), contents[name], compresslevel=6)


def _opened(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except zipfile.BadZipFile as error:
        raise BadWheel(f"{wheel.name} is not a wheel: {error}") from None


def _wanted(wheel: Path, drop: Sequence[str], keep: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    with _opened(wheel) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
            raise BadWheel(f"{wheel.name} unpacks to more than {MAX_UNPACKED_BYTES / 1e9:.0f} GB")
        for member in members:
            _check(wheel, member)
            name = _place(member.filename)
            if not name or any(fnmatchcase(name, pattern) for pattern in (*SUPERFLUOUS, *drop)):
                continue
            if not keep or any(fnmatchcase(name, pattern) for pattern in (*keep, *ABOUT)):
                yield name, _read(wheel, archive, member)


def _read(wheel: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadWheel(f"{wheel.name} is damaged at {member.filename[:120]!r}: {error}") from None


def _check(wheel: Path, member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ":" in name or not name.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise BadWheel(f"{wheel.name} holds a path outside its folder: {name[:120]!r}")
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadWheel(f"{wheel.name} holds {name[:120]!r}, which is not a plain file")


def _place(name: str) -> str | None:
    """Where a member of a wheel belongs below the import folder (PEP 427); None where it does not travel."""
    if name.endswith("/"):
        return None
    top, _, rest = name.partition("/")
    if top.endswith(".data"):
        scheme, _, inside = rest.partition("/")
        return inside if scheme in ("purelib", "platlib") else None
    if top.endswith(".dist-info"):
        return name if rest == "METADATA" or LICENCES.search(PurePosixPath(rest).as_posix()) else None
    return name
