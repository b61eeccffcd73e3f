"""Which private keys are shown to a server, in which order, and what is said when none fits.

A server gives up after six tries (MaxAuthTries), so an ssh-agent full of other people's keys locks its user out:
the profile's key goes alone; files that ssh_config names go before the agent.
"""

import binascii
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.agent import Agent
from paramiko.auth_strategy import AuthFailure, AuthSource, AuthStrategy, SourceResult
from paramiko.config import SSHConfig, SSHConfigDict
from paramiko.message import Message
from paramiko.pkey import PKey, UnknownKeyType
from paramiko.ssh_exception import SSHException
from paramiko.transport import Transport

from orchestrator.transport.hostkeys import fingerprint
from orchestrator.transport.kept import FromFiles, Kept, stamp_of

DEFAULT_FILES = ("id_ed25519", "id_ecdsa", "id_rsa")
OPENSSH_MAGIC = b"openssh-key-v1\0"


class KeySource(AuthSource):
    """One key to show, and its name for people."""

    def __init__(self, username: str, key: PKey, origin: str) -> None:
        super().__init__(username)
        self.key = key
        self._origin = origin

    @property
    def label(self) -> str:
        return f"{self._origin} ({fingerprint(self.key.asbytes())})"

    def authenticate(self, transport: Transport) -> list[str]:
        return transport.auth_publickey(self.username, self.key)


class KeyRing(AuthStrategy):
    """The keys for one server; fabric makes it, paramiko asks it. After a failure it tells what happened."""

    def __init__(
        self,
        ssh_config: SSHConfigDict,
        fabric_config: object,  # noqa: ARG002 - fabric passes it by name
        username: str,
        *,
        key_file: str | None,
        alone: bool,
    ) -> None:
        super().__init__(cast(SSHConfig, ssh_config))  # paramiko keeps it and never looks
        self.username = username
        self.locked: list[Path] = []
        """Files that need a passphrase and whose keys no ssh-agent holds."""
        self.unusable: list[str] = []
        """Sentences about files that cannot be used for another reason."""
        self._shown: list[KeySource] = []
        self._key_file = key_file
        self._alone = alone and key_file is not None
        self._settings: Mapping[str, object] = ssh_config
        self._agent: Agent | None = None
        self._transport: Transport | None = None

    def authenticate(self, transport: Transport) -> list[SourceResult]:
        """Show the keys until one fits. Raises paramiko's `AuthFailure`."""
        self._transport = transport
        try:
            return super().authenticate(transport)
        finally:
            if self._agent is not None:
                self._agent.close()

    def get_sources(self) -> Iterator[KeySource]:
        """The keys in their order, each once, until the server hangs up."""
        shown: set[bytes] = set()
        for key, origin in self._keys():
            public = key.asbytes()
            if public in shown:
                continue
            if self._transport is not None and not self._transport.is_active():
                return
            shown.add(public)
            self._shown.append(KeySource(self.username, key, origin))
            yield self._shown[-1]

    @property
    def tried(self) -> list[str]:
        """The names of the keys that were shown."""
        return [source.label for source in self._shown]

    def _keys(self) -> Iterator[tuple[PKey, str]]:
        named = [self._key_file] if self._key_file else []
        if not self._alone:
            named += self._identity_files()
        for name in named:
            yield from self._from_file(str(Path(name).expanduser()), named=True)
        if self._alone or str(self._settings.get("identitiesonly", "no")).lower() == "yes":
            return
        for key in self._agent_keys():
            yield key, f"ssh-agent: {getattr(key, 'comment', '') or key.get_name()}"
        for name in DEFAULT_FILES:
            yield from self._from_file(f"{Path.home()}/.ssh/{name}", named=False)

    def _identity_files(self) -> list[str]:
        files = self._settings.get("identityfile", [])
        return [str(file) for file in files if str(file) != "none"] if isinstance(files, list) else []

    def _from_file(self, name: str, *, named: bool) -> Iterator[tuple[PKey, str]]:
        try:
            yield _read_key(name), name
        except FileNotFoundError:
            if named:
                self.unusable.append(f"{name} is not there")
        except OSError as error:
            self.unusable.append(f"{name}: {error.strerror}")
        except TypeError:  # how the reader says that it needs a passphrase
            yield from self._from_agent(Path(name))
        except (ValueError, SSHException, UnknownKeyType, UnsupportedAlgorithm):
            self.unusable.append(f"{name} is not a private key that can be read")

    def _from_agent(self, path: Path) -> Iterator[tuple[PKey, str]]:
        public = public_half(path)
        for key in self._agent_keys():
            if key.asbytes() == public:
                yield key, f"{path}, through the ssh-agent"
                return
        self.locked.append(path)

    def _agent_keys(self) -> Sequence[PKey]:
        if self._agent is None and agent_answers():
            self._agent = Agent()
        return self._agent.get_keys() if self._agent is not None else ()


def _read_file(name: str) -> FromFiles[PKey]:
    """With the certificate that may lie beside it."""
    path = Path(name)
    stamps = {one: stamp_of(one) for one in (path, path.with_name(f"{path.name}-cert.pub"))}
    return FromFiles(PKey.from_path(name), stamps)


_files = Kept(_read_file, FromFiles.is_current)


def _read_key(name: str) -> PKey:
    """The key in a file, which is mostly the one that was read for the board before. Raises what paramiko does."""
    return _files.of(name).content


def agent_answers() -> bool:
    """Does SSH_AUTH_SOCK lead to anybody? A stale one is as good as none."""
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        return False
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(path)
        except OSError:
            return False
    return True


def public_half(path: Path) -> bytes | None:
    """The public key of a locked key file: it stands in clear in OpenSSH's format, or beside it in a `.pub`."""
    body = b"".join(line for line in path.read_bytes().splitlines() if not line.startswith(b"-----"))
    try:
        data = binascii.a2b_base64(body)
        if data.startswith(OPENSSH_MAGIC):
            message = Message(data[len(OPENSSH_MAGIC) :])
            for _ in ("cipher", "key derivation", "its options"):
                message.get_binary()
            message.get_int()
            return message.get_binary()
        return binascii.a2b_base64(path.with_name(f"{path.name}.pub").read_bytes().split()[1])
    except (ValueError, OSError, IndexError):
        return None


def ring_of(failure: AuthFailure) -> KeyRing | None:
    """The key ring that failed."""
    strategy = failure.result.strategy
    return strategy if isinstance(strategy, KeyRing) else None
