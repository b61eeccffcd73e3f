"""What the user's ssh_config says about a board, and which of its settings have no effect here.

fabric asks paramiko's reader, which knows Host, Match, HostName, User, Port, IdentityFile, ProxyJump and ProxyCommand
but not Include, without which many a `~/.ssh/config` says nothing; so the files are put together before it reads them.
"""

import glob
import io
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from paramiko.config import SSHConfig
from paramiko.ssh_exception import ConfigParseError

from orchestrator.errors import ConfigError

SYSTEM_FILE = Path("/etc/ssh/ssh_config")
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
    "hostkeyalias": f"HostKeyAlias: {OWN_KNOWN_HOSTS}",
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


def read_ssh_config(host: str, user: str | None = None, port: int | None = None) -> SSHConfig:
    """The user's file, then the machine's, as OpenSSH reads them. Raises `ConfigError`.

    `user` and `port` are the profile's and come first, since the first value counts: so they also stand for %r and %p
    in a ProxyCommand, which would else be this machine's user and 22.
    """
    config = SSHConfig()
    preset = [f"Host {host}", f"User {user}" if user else "", f"Port {port}" if port else ""]
    config.parse(io.StringIO("\n".join(preset)))
    for path in (Path.home() / ".ssh" / "config", SYSTEM_FILE):
        if not path.is_file():
            continue
        text = "\n".join(_lines(path, path.parent, INCLUDE_DEPTH))
        try:
            config.parse(io.StringIO(text))
        except ConfigParseError as error:
            raise ConfigError(f"{path}: {error}", f"see what OpenSSH makes of it: ssh -G -F {path} HOST") from None
    return config


def without_effect(settings: Mapping[str, object]) -> list[str]:
    """One sentence for each setting of a host that OpenSSH would honour and dynofarm does not."""
    return [f"ssh_config {reason}" for name, reason in WITHOUT_EFFECT.items() if name in settings]


def _lines(path: Path, folder: Path, depth: int) -> Iterator[str]:
    """The lines of a file with its Includes in place.

    After an Include the block around it is opened again: a Host line inside ends it in our text, not in OpenSSH's.
    """
    if depth == 0:
        raise ConfigError(f"{path}: Include goes deeper than {INCLUDE_DEPTH} files", "does a file include itself?")
    block = "Host *"
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    for line in lines:
        word, value = _setting(line)
        if word in ("host", "match"):
            block = NEVER if word == "match" and not _is_matched(value) else line
            yield block
            continue
        if word != "include":
            yield line
            continue
        for pattern in value.split():
            for included in sorted(glob.glob(str(folder / Path(pattern.strip('"')).expanduser()))):  # noqa: PTH207
                yield from _lines(Path(included), folder, depth - 1)
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
