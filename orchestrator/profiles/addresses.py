"""Checks of what a profile hands to SSH and to a board: nothing that could pass for an option or for shell. Pure.

Each function gives the text back, or raises `UsageError` with the reason. The command line that SSH starts is quoted
as well; these checks stand before it, because an ssh_config may put host and user into a `ProxyCommand`.
"""

import re
from typing import Any

from orchestrator.errors import UsageError

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}(?:\.[0-9.]{1,12})?(?:%[A-Za-z0-9_.-]{1,32})?", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}\$?", re.ASCII)
_PROGRAM = re.compile(r"[A-Za-z0-9._+/-]{1,1024}", re.ASCII)
_FOLDER = re.compile(r"~?(?:/[A-Za-z0-9._+@-]{1,255})+/?", re.ASCII)


def split_address(address: str) -> dict[str, Any]:
    """`[USER@]HOST[:PORT]` as keys of a profile; an IPv6 address with a port stands in brackets. No checks."""
    user, at, rest = address.rpartition("@")
    parts = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]*))(?::(\d{1,9}))?", rest, re.ASCII)
    keys: dict[str, Any] = {"host": (parts[1] or parts[2]) if parts else rest}
    if at:
        keys["user"] = user
    if parts and parts[3]:
        keys["port"] = int(parts[3])
    return keys


def check_host(value: Any) -> Any:
    """A name of DNS, of ssh_config or of /etc/hosts, or an address of either kind."""
    if not isinstance(value, str):
        return value
    _refuse_option(value)
    if "@" in value:
        raise UsageError("the login name stands under user")
    if re.fullmatch(r"[^:\[\]]+:\d+", value) or value.startswith("["):
        raise UsageError("the port stands under port")
    if not (_HOST.fullmatch(value) or (":" in value and _IPV6.fullmatch(value))):
        raise UsageError("not a host name")
    return value


def check_user(value: Any) -> Any:
    """A login name."""
    return _matching(value, _USER, "not a login name")


def check_jump(value: Any) -> Any:
    """`user@host:port`, user and port may be missing; an IPv6 address with a port stands in brackets."""
    if not isinstance(value, str):
        return value
    _refuse_option(value)
    if "," in value:
        raise UsageError("one host only; a chain of them belongs in ssh_config")
    keys = split_address(value)
    check_user(keys.get("user", "none"))
    check_host(keys["host"])
    if not 1 <= keys.get("port", 22) <= 65535:
        raise UsageError("a port is from 1 to 65535")
    return value


def check_relay_address(value: Any) -> Any:
    """`host:port`, the port may be missing; an IPv6 address with a port stands in brackets."""
    if isinstance(value, str) and "@" in value:
        raise UsageError("the login name stands under user")
    return check_jump(value)


def check_key_file(value: Any) -> Any:
    """The path of a private key on this machine."""
    if not isinstance(value, str):
        return value
    _refuse_option(value)
    if not value or not value.isprintable():
        raise UsageError("not a path")
    if value.endswith(".pub"):
        raise UsageError("the public half of the key; name the private one")
    return value


def check_power(value: Any) -> Any:
    """A command of this machine as a list of words. One text would need a shell to be taken apart."""
    if isinstance(value, str):
        raise UsageError(f"one text; write a list of words: [{', '.join(value.split())}]")
    if not isinstance(value, list) or not value:
        raise UsageError("no command")
    if not all(isinstance(word, str) and word and word.isprintable() for word in value):
        raise UsageError("words are texts; put quotes around numbers")
    program = value[0]
    if "{" in program or program.startswith("-") or ("/" in program and not program.startswith(("/", "~/"))):
        raise UsageError("the first word names no program")
    return value


def check_python(value: Any) -> Any:
    """A program on the board."""
    if isinstance(value, str) and value.startswith("~"):
        raise UsageError("~ is not expanded here; paths begin in the login folder anyway")
    return _matching(value, _PROGRAM, "not the name or path of a program")


def check_work_dir(value: Any) -> Any:
    """A folder of its own on the board."""
    if isinstance(value, str) and ".." in value.split("/"):
        raise UsageError(".. is not allowed")
    return _matching(value, _FOLDER, "not such a path")


def _matching(value: Any, pattern: "re.Pattern[str]", reason: str) -> Any:
    if not isinstance(value, str):
        return value
    _refuse_option(value)
    if not pattern.fullmatch(value):
        raise UsageError(reason)
    return value


def _refuse_option(value: str) -> None:
    if value.startswith("-"):
        raise UsageError("it would pass for an option")
