"""From a profile to the servers on the way: each jump host, then the board. fabric resolves the names.

The order of several jump hosts is ours: fabric 3.2 visits a ProxyJump list backwards.
"""

import copy
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fabric import Config, Connection
from paramiko.config import SSHConfig
from paramiko.ssh_exception import SSHException

from orchestrator.devices import Device
from orchestrator.errors import ConfigError
from orchestrator.transport.hostkeys import SSH_PORT
from orchestrator.transport.kept import Kept
from orchestrator.transport.keys import KeyRing
from orchestrator.transport.ssh_config import read_ssh_config, without_effect

SHELL_SIGNS = re.compile(r"[|<>;&$`]")
PLAIN_NAME = re.compile(r"[^\s,*?!|\"@#][^\s,*?!|\"]*")
"""What a line of known_hosts can begin with and mean one server."""


@dataclass(frozen=True)
class Hop:
    """One server on the way to a board."""

    device: str
    connection: Any
    """fabric's `Connection`."""
    is_jump: bool
    proxy_command: str | None = None
    has_route: bool = False
    """It is reached through the hop before it."""
    host_key_alias: str | None = None
    """The name of ssh_config under which its keys are known, instead of its address."""

    @property
    def host(self) -> str:
        return str(self.connection.host)

    @property
    def port(self) -> int:
        return int(self.connection.port)

    @property
    def user(self) -> str:
        return str(self.connection.user)

    @property
    def known_as(self) -> tuple[str, int]:
        """The host and port under which known_hosts files it; an alias stands there alone, as on the usual port."""
        return (self.host, self.port) if self.host_key_alias is None else (self.host_key_alias, SSH_PORT)

    @property
    def address(self) -> str:
        """For people."""
        return self.host if self.port == SSH_PORT else f"{self.host}, port {self.port}"

    @property
    def subject(self) -> str:
        """How a sentence about this server begins."""
        if self.is_jump:
            return f"{self.device}: the jump host {self.connection.original_host} ({self.address})"
        return f"{self.device} ({self.address})"


@dataclass(frozen=True)
class Route:
    """The servers in the order in which they are met, the board last, and what the user should know about it."""

    hops: tuple[Hop, ...]
    warnings: tuple[str, ...]


def find_route(device: Device) -> Route:
    """Resolve a device through ssh_config; keys of the profile win. Raises `ConfigError`."""
    if not device.host:
        raise ConfigError(
            f"{device.name} has no host in its profile", f"dynofarm device edit {device.name} --set host=…"
        )
    try:
        return _resolve(device, device.host.strip("[]"))
    except (SSHException, ValueError, KeyError) as error:
        raise ConfigError(
            f"{device.name}: ssh_config cannot be used for {device.host}: {error}",
            f"see what OpenSSH makes of it: ssh -G {device.host}",
        ) from error


def _resolve(device: Device, host: str) -> Route:
    own = read_ssh_config(device.user, device.port)
    proxy_jump = own.lookup(host).get("proxyjump", "")
    jumps = _jumps(str(proxy_jump) if device.jump is None else device.jump, host)
    hops: list[Hop] = []
    warnings: dict[str, None] = {}
    for place, is_jump in [*((_split(jump), True) for jump in jumps), ((device.user, host, device.port), False)]:
        user, name, port = place
        config = read_ssh_config(user, port) if is_jump else own
        settings = config.lookup(name)
        ring = partial(KeyRing, key_file=device.key_file, alone=not is_jump)
        command = None if hops else _proxy_command(settings)
        connection, alias = _connection(place, config, ring, hops), _host_key_alias(settings)
        hops.append(Hop(device.name, connection, is_jump, command, bool(hops), alias))
        warnings |= dict.fromkeys(without_effect(settings))
        if command and SHELL_SIGNS.search(command):
            warnings |= {"ssh_config ProxyCommand: it runs without a shell, so | < > ; & $ mean nothing in it": None}
    return Route(tuple(hops), tuple(warnings))


class _Leg(Connection):  # type: ignore[misc]
    """fabric's `Connection`, made in a quarter of the time: it lists itself whole for each attribute that it sets, to
    pass those that are none on to its configuration. Nothing here sets such a one. What paramiko is told besides is
    known once the board is dialled."""

    __setattr__ = object.__setattr__

    def resolve_connect_kwargs(self, _told: object) -> dict[str, object]:
        return {}


@dataclass(frozen=True)
class _Authentication:
    """The part of fabric's configuration that says how to log in."""

    strategy_class: partial[KeyRing]


def _make_defaults(_: None) -> Any:
    """fabric puts its configuration together from ten levels, and looks through them for each value: what is asked for
    here is found once, and kept beside them. lazy: the user's ~/.fabric files are about other things."""
    config = Config(ssh_config=SSHConfig(), lazy=True)
    config._set(user=config.user, port=config.port, inline_ssh_env=config.inline_ssh_env)
    return config


_fabric_defaults = Kept(_make_defaults)


def _connection(
    place: tuple[str | None, str, int | None], ssh_config: SSHConfig, ring: partial[KeyRing], hops: Sequence[Hop]
) -> Any:
    user, host, port = place
    config = copy.copy(_fabric_defaults.of(None))
    config._set(base_ssh_config=ssh_config)
    gateway = hops[-1].connection if hops else False
    # forward_agent: fabric stumbles over a path in it
    leg = _Leg(host, user=user, port=port, config=config, gateway=gateway, forward_agent=False, connect_timeout=1)
    leg.authentication = _Authentication(ring)
    return leg


def _split(jump: str) -> tuple[str | None, str, int | None]:
    """`[user@]host[:port]`, `[user@][v6]:port`, or the same after `ssh://`."""
    user, _, place = jump.removeprefix("ssh://").rpartition("@")
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?", place)
    if found is None:
        return user or None, place, None
    return user or None, found[1].strip("[]"), int(found[2]) if found[2] else None


def _jumps(value: str, host: str) -> list[str]:
    """The names of a ProxyJump list, with the jump hosts of the first one before it.

    `Host *` with a ProxyJump means the jump host too; as in OpenSSH nobody is reached through itself.
    """
    names = [name.strip() for name in value.split(",") if name.strip()]
    if names == ["none"] or host in {_split(name)[1] for name in names}:
        return []
    met = {host}
    while names and (first := _split(names[0])[1]) not in met:
        met.add(first)
        before = str(read_ssh_config().lookup(first).get("proxyjump", "none"))
        further = [name.strip() for name in before.split(",") if name.strip()]
        if further == ["none"] or met & {_split(name)[1] for name in further}:
            break
        names = further + names
    return names


def _proxy_command(settings: Mapping[str, object]) -> str | None:
    command = settings.get("proxycommand")
    if command is None or "proxyjump" in settings:
        return None
    shlex.split(str(command))  # an open quote is an error of the file, said here
    return str(command)


def _host_key_alias(settings: Mapping[str, object]) -> str | None:
    """In lower case, as OpenSSH takes it. A wildcard would let one server's key pass for all: raises `ValueError`."""
    value = settings.get("hostkeyalias")
    if value is None:
        return None
    alias = re.sub(r"\s+#.*", "", str(value)).strip('"').lower()
    if PLAIN_NAME.fullmatch(alias) is None:
        raise ValueError(f"HostKeyAlias {value}: it must be one plain name")
    return alias
