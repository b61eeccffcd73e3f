"""Which names a server answers to, and which places may post to it. Pure.

A page on the internet may let its own name point at this machine (DNS rebinding): the browser then sends it here with
that name as Host, and takes our pages for its own. So a name that nobody gave us is refused. An address in figures
cannot be pointed elsewhere.
"""

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

LARGEST_PORT = 65535
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
"""A name or an address, and perhaps a port (RFC 9110, 7.2); anything else is none of ours."""

LOOPBACK_NAMES = frozenset({"localhost"})
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - recognised, not bound to


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from its own machine alone."""
    address = _address(host)
    return host.lower() in LOOPBACK_NAMES or (address is not None and address.is_loopback)


def names_of(host: str, own: Collection[str], allowed: Collection[str]) -> frozenset[str]:
    """The names that a server bound to `host` answers to: those `allowed` by the user; bound to loopback, the names of
    loopback; bound to anything else the machine's `own` names and what it is bound to as well."""
    names = {*LOOPBACK_NAMES, *allowed}
    if not is_loopback(host):
        names |= {*own, host}
    return frozenset(name.lower().rstrip(".") for name in names if name)


def is_ours(header: str, names: Collection[str], *, loopback: bool) -> bool:
    """Whether the Host of a request is one of ours: a name of ours, or an address in figures (with `loopback` only one
    of loopback)."""
    parts = _HOST.fullmatch(header)
    if parts is None or int(parts["port"] or 0) > LARGEST_PORT:
        return False
    name = parts["name"]
    address = _address(name)
    if address is not None:
        return address.is_loopback or not loopback
    return name.lower().rstrip(".") in names


def is_same_origin(host: str, origin: str | None, referer: str | None, site: str | None) -> bool:
    """Whether a form was sent from a page of this server: by `Origin`, by `Referer` where a browser leaves that out,
    and by `Sec-Fetch-Site` where it sends that. A request that says nothing of where it comes from is refused."""
    if site is not None and site != "same-origin":
        return False
    told = origin if origin is not None else referer
    if not told:
        return False
    try:
        parts = urlsplit(told)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def is_local_path(path: str) -> bool:
    """Whether an address stays on this server: `/results?sort=p50`, but not `//elsewhere` or `/\\elsewhere`."""
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
