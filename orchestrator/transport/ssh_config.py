"""What the user's ssh_config says about a board, and which of its settings have no effect here.

fabric asks paramiko's reader, which knows Host, Match, HostName, User, Port, IdentityFile, ProxyJump and ProxyCommand
but not Include, without which many a `~/.ssh/config` says nothing; so the files are put together before it reads them.
"""

import glob
import io
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramiko.config import SSHConfig, SSHConfigDict
from paramiko.ssh_exception import ConfigParseError

from orchestrator.errors import ConfigError
from orchestrator.transport.kept import FromFiles, Kept, Stamp, stamp_of

SYSTEM_FILE = "/etc/ssh/ssh_config"
log = logging.getLogger(__name__)

INCLUDE_DEPTH = 16
"""OpenSSH's own limit."""

MATCHED = {"all", "canonical", "final", "host", "originalhost", "user", "localuser", "exec"}
"""The conditions of Match that paramiko knows; a block with another one it would apply to every host."""
NEVER = "Host !*"

OWN_KNOWN_HOSTS = "dynofarm keeps its own known_hosts beside the profiles and is always strict"
OWN_WATCH = "dynofarm watches its boards itself"
OWN_CIPHERS = "dynofarm chooses the fastest of the safe ones"
WITHOUT_EFFECT = {
    "userknownhostsfile": f"UserKnownHostsFile: {OWN_KNOWN_HOSTS}",
    "globalknownhostsfile": f"GlobalKnownHostsFile: {OWN_KNOWN_HOSTS}",
    "stricthostkeychecking": f"StrictHostKeyChecking: {OWN_KNOWN_HOSTS}",
    "serveraliveinterval": f"ServerAliveInterval: {OWN_WATCH}",
    "serveralivecountmax": f"ServerAliveCountMax: {OWN_WATCH}",
    "ciphers": f"Ciphers: {OWN_CIPHERS}",
    "macs": f"MACs: {OWN_CIPHERS}",
    "kexalgorithms": f"KexAlgorithms: {OWN_CIPHERS}",
    "hostkeyalgorithms": f"HostKeyAlgorithms: {OWN_CIPHERS}",
    "compression": "Compression: it costs more than it wins on model files",
    "connecttimeout": "ConnectTimeout: connect_timeout of the profile counts",
    "identityagent": "IdentityAgent: the agent is the one of SSH_AUTH_SOCK",
    "certificatefile": "CertificateFile: only a certificate beside its key (KEY-cert.pub) is used",
    "pkcs11provider": "PKCS11Provider: load the key into the ssh-agent",
    "addressfamily": "AddressFamily: every address of the name is tried",
    "bindaddress": "BindAddress: the system chooses",
    "bindinterface": "BindInterface: the system chooses",
    "remotecommand": "RemoteCommand: dynofarm starts its own",
}


def read_ssh_config(user: str | None = None, port: int | None = None) -> SSHConfig:
    """The user's file, then the machine's, as OpenSSH reads them. Raises `ConfigError`.

    `user` and `port` are the profile's and come first, since the first value counts: so they also stand for %r and %p
    in a ProxyCommand, which would else be this machine's user and 22.
    """
    config = _Asked()
    config.add(_presets.of((user, port)))
    for name in (f"{Path.home()}/.ssh/config", SYSTEM_FILE):
        config.add(_files.of(name).content)
    return config


Block = dict[str, Any]


class _Asked(SSHConfig):
    """Answers for a host once and remembers it: fabric asks again what was asked before it."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: dict[str, SSHConfigDict] = {}

    def add(self, blocks: "Iterable[Block]") -> None:
        """Let them speak after those before. They are shared; paramiko's reader changes none of them."""
        self._config.extend(blocks)  # type: ignore[attr-defined]

    def lookup(self, hostname: str) -> SSHConfigDict:
        if hostname not in self._answers:
            self._answers[hostname] = super().lookup(hostname)
        return SSHConfigDict(self._answers[hostname])

    # paramiko asks the system who uses this machine for each block and each value, needed or not: 7 ms for a board with
    # 300 of them in its user's file.

    def _does_match(self, match_list: list[Any], *about: Any) -> bool:
        return bool(match_list) and bool(super()._does_match(match_list, *about))  # type: ignore[misc]

    def _tokenize(self, config: SSHConfigDict, target_hostname: str, key: str, value: str) -> str:
        if "%" not in value and "~" not in value:
            return value
        return str(super()._tokenize(config, target_hostname, key, value))  # type: ignore[misc]


@dataclass(frozen=True)
class _File(FromFiles[tuple[Block, ...]]):
    """A file as paramiko's reader took it in, Includes in place, and what it was made of."""

    included: Mapping[str, tuple[str, ...]]
    """The files that each pattern of an Include meant."""

    def is_current(self) -> bool:
        return super().is_current() and all(_matching(pattern) == names for pattern, names in self.included.items())


def _take_in(name: str) -> _File:
    path = Path(name)
    stamps: dict[Path, Stamp] = {path: stamp_of(path)}
    included: dict[str, tuple[str, ...]] = {}
    blocks: tuple[Block, ...] = ()
    if path.is_file():
        text = "\n".join(_lines(path, path.parent, INCLUDE_DEPTH, stamps, included))
        try:
            blocks = _blocks(text)
        except ConfigParseError as error:
            raise ConfigError(f"{path}: {error}", f"see what OpenSSH makes of it: ssh -G -F {path} HOST") from None
    return _File(blocks, stamps, included)


_files = Kept(_take_in, _File.is_current)
"""Each taken in once for all boards, and again when it or one that it includes changed."""


def _blocks(text: str) -> tuple[Block, ...]:
    reader = SSHConfig()
    reader.parse(io.StringIO(text))
    return tuple(reader._config)  # type: ignore[attr-defined]


def _preset(place: tuple[str | None, int | None]) -> tuple[Block, ...]:
    user, port = place
    return _blocks(f"{f'User {user}' if user else ''}\n{f'Port {port}' if port else ''}")


_presets = Kept(_preset)


def _matching(pattern: str) -> tuple[str, ...]:
    return tuple(sorted(glob.glob(pattern)))  # noqa: PTH207 - any folder, or none


def without_effect(settings: Mapping[str, object]) -> list[str]:
    """One sentence for each setting of a host that OpenSSH would honour and dynofarm does not."""
    return [f"ssh_config {reason}" for name, reason in WITHOUT_EFFECT.items() if name in settings]


def _lines(
    path: Path,
    folder: Path,
    depth: int,
    stamps: dict[Path, Stamp],
    found: dict[str, tuple[str, ...]],
) -> Iterator[str]:
    """The lines of a file with its Includes in place; notes in `stamps` and `found` what they were made of.

    After an Include the block around it is opened again: a Host line inside ends it in our text, not in OpenSSH's.
    """
    if depth == 0:
        raise ConfigError(f"{path}: Include goes deeper than {INCLUDE_DEPTH} files", "does a file include itself?")
    block = "Host *"
    stamps[path] = stamp_of(path)
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    for line in lines:
        name, value = _setting(line)
        if name in ("host", "match"):
            block = NEVER if name == "match" and not _is_matched(value) else line
            yield block
            continue
        if name != "include":
            yield line
            continue
        for word in value.split():
            pattern = str(folder / Path(word.strip('"')).expanduser())
            found[pattern] = _matching(pattern)
            for included in found[pattern]:
                yield from _lines(Path(included), folder, depth - 1, stamps, found)
        yield block


def _is_matched(conditions: str) -> bool:
    """Can every condition of a Match line be decided? They are words, each with a value but the first three."""
    words = iter(conditions.lower().split())
    for word in words:
        condition = word.lstrip("!")
        if condition not in MATCHED:
            log.warning("ssh_config: a block is passed over, Match %s is not known here", condition)
            return False
        if condition == "exec":
            return True  # its command may hold any words
        if condition not in ("all", "canonical", "final"):
            next(words, "")
    return True


def _setting(line: str) -> tuple[str, str]:
    found = re.match(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*\S)\s*$", line)
    return (found[1].lower(), found[2]) if found else ("", "")
