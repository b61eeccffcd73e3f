"""What is said to fetch a file from the relay of a site: `fetch` and `room` are verbs of their own, beside `serve`."""

from typing import List

from agent.records import dataclass


@dataclass(frozen=True)
class Fetch:
    """Fetch a file over SSH from `user` at `host`, where `command` writes it (from a byte on, which is added to it).

    `host_key` is the relay's, type and base64 as in known_hosts: no other is let pass.
    """

    digest: str
    size_bytes: int
    host: str
    port: int
    user: str
    host_key: str
    command: List[str]
    connect_timeout_s: float


@dataclass(frozen=True)
class Fetching:
    """So many bytes of it are there; said at least every other second while bytes come."""

    received_bytes: int
