"""The farm's own known_hosts: the key each board showed when a person accepted it, in OpenSSH's file format.

It lies beside the profiles and belongs to dynofarm alone; `~/.ssh/known_hosts` is neither read nor written.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError, DiskFull
from orchestrator.transport.kept import FromFiles, Kept, stamp_of

SSH_PORT = 22
PATTERN_SIGNS = frozenset("*?!|")
"""What a name has that is no plain name: wildcards, a negation, a hashed name."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HostKey:
    """The public half of a server's key, bound to the name it was met under."""

    key_line: str
    """One line of known_hosts: name, type, base64."""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding."""
        return fingerprint(base64.b64decode(self.key_line.split()[2]))

    @property
    def key_type(self) -> str:
        return self.key_line.split()[1]

    @classmethod
    def of(cls, host: str, port: int, key_type: str, blob: bytes) -> "HostKey":
        encoded = base64.b64encode(blob).decode("ascii")
        return cls(f"{host_name(host, port)} {key_type} {encoded}")


def fingerprint(blob: bytes) -> str:
    """SHA-256 of the key's wire form, as OpenSSH writes it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii")
    return f"SHA256:{digest.rstrip('=')}"


def host_name(host: str, port: int) -> str:
    """The name under which known_hosts files a server: `host`, or `[host]:port` off the usual port."""
    return host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"


@dataclass(frozen=True)
class _Entry:
    names: tuple[str, ...]
    key_type: str
    blob: bytes
    marker: str = ""


class KnownHosts:
    """What a known_hosts file says, read once. A file that is not there, or None, knows nobody."""

    def __init__(self, path: Path | None) -> None:
        lines = _read_lines(path) if path is not None else []
        entries = [entry for line in lines if (entry := _parse(line)) is not None]
        # Looking through all lines for every board would cost a farm the square of its size.
        self._by_name: dict[str, list[tuple[int, _Entry]]] = {}
        self._patterns: list[tuple[int, _Entry]] = []
        for place in enumerate(entries):
            names = place[1].names
            if any(PATTERN_SIGNS & set(name) for name in names):
                self._patterns.append(place)
                continue
            for name in {name.lower() for name in names}:
                self._by_name.setdefault(name, []).append(place)

    def keys_of(self, host: str, port: int) -> tuple[HostKey, ...]:
        """The accepted keys of a server, in the order of the file."""
        name = host_name(host, port)
        return tuple(
            HostKey.of(host, port, entry.key_type, entry.blob) for entry in self._entries_of(name) if not entry.marker
        )

    def is_revoked(self, host: str, port: int, blob: bytes) -> bool:
        """Does an `@revoked` line forbid this key for this server?"""
        name = host_name(host, port)
        return any(entry.marker == "@revoked" and entry.blob == blob for entry in self._entries_of(name))

    def _entries_of(self, name: str) -> list[_Entry]:
        matching = [place for place in self._patterns if _names_match(place[1].names, name)]
        found = sorted([*self._by_name.get(name, ()), *matching], key=lambda place: place[0])
        return [entry for _, entry in found]


def _read_file(path: Path) -> FromFiles[KnownHosts]:
    stamps = {path: stamp_of(path)}
    return FromFiles(KnownHosts(path), stamps)


_files = Kept(_read_file, FromFiles.is_current)


def read_known_hosts(path: Path) -> KnownHosts:
    """The file as it is now. It is read again only when it changed: hundreds of boards are looked up in it at once."""
    return _files.of(path).content


def accepted_instead(known_hosts: Path, key_line: str) -> list[str]:
    """The fingerprints of the other keys of this line's server, which `accept` would remove. Raises `ConfigError`."""
    name, _, encoded = key_line.split()[:3]
    entries = KnownHosts(known_hosts)._entries_of(name)
    return [fingerprint(one.blob) for one in entries if not one.marker and one.blob != base64.b64decode(encoded)]


def accept(known_hosts: Path, key_line: str) -> None:
    """Make this key the only accepted one of its server. Twice is once. Raises `ConfigError`, `DiskFull`."""
    entry = _parse(key_line)
    if entry is None or entry.marker or len(entry.names) != 1:
        raise ConfigError(f"not a host key: {key_line!r}", "a line of known_hosts is: name, key type, base64")
    with _locked(known_hosts):
        before = _read_lines(known_hosts)
        wanted = key_line.strip()
        if wanted in before and len(_without(before, entry.names[0])) == len(before) - 1:
            return
        _replace(known_hosts, [*_without(before, entry.names[0]), wanted])


def forget(known_hosts: Path, host: str, port: int) -> bool:
    """Remove what is known of a server; False when nothing was. Raises `ConfigError`, `DiskFull`."""
    if not known_hosts.exists():
        return False
    with _locked(known_hosts):
        before = _read_lines(known_hosts)
        after = _without(before, host_name(host, port))
        if after == before:
            return False
        _replace(known_hosts, after)
        return True


def _without(lines: list[str], name: str) -> list[str]:
    """The lines with `name` taken out of each; wildcards, markers and comments stay as they are."""
    kept = []
    for line in lines:
        entry = _parse(line)
        if entry is None or entry.marker or not any(_is_name(one, name) for one in entry.names):
            kept.append(line)
            continue
        others = ",".join(one for one in entry.names if not _is_name(one, name))
        if others:
            kept.append(f"{others} {line.split(maxsplit=1)[1]}")
    return kept


def _parse(line: str) -> _Entry | None:
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return None
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    try:
        names, key_type, encoded = fields[:3]
        blob = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        log.warning("a line of known_hosts that is none was passed over: %r", line)
        return None
    return _Entry(tuple(names.split(",")), key_type, blob, marker)


def _names_match(patterns: tuple[str, ...], name: str) -> bool:
    """OpenSSH's rule: one pattern must match, and none that begins with `!`."""
    if any(pattern.startswith("!") and _pattern_matches(pattern[1:], name) for pattern in patterns):
        return False
    return any(_is_name(pattern, name) or _pattern_matches(pattern, name) for pattern in patterns)


def _is_name(pattern: str, name: str) -> bool:
    """Is it exactly this name, in clear or hashed (`|1|salt|HMAC-SHA1`, as `HashKnownHosts` writes it)?"""
    if not pattern.startswith("|1|"):
        return pattern.lower() == name
    try:
        salt, expected = (base64.b64decode(part, validate=True) for part in pattern[3:].split("|"))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), expected)


def _pattern_matches(pattern: str, name: str) -> bool:
    if pattern.startswith("|"):
        return False
    expression = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name) is not None


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "dynofarm keeps the accepted host keys in this file") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two commands that accept keys at once must not lose one; the folder itself is the lock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"{path.parent}: {error.strerror}", "dynofarm keeps the accepted host keys there") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: Path, lines: list[str]) -> None:
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise DiskFull(f"{path}: {error.strerror}; the key was not accepted") from None
