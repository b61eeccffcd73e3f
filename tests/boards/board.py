"""What every test board is, whatever emulates it."""

from dataclasses import dataclass
from pathlib import Path


class BoardError(Exception):
    """A test board that cannot be had or does not answer; says why and what helps."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Login:
    """How to reach a board."""

    host: str
    port: int
    user: str
    key_file: Path
    host_key: str
    """`ssh-ed25519 AAAA…`"""

    @property
    def known_hosts_line(self) -> str:
        return known_hosts_line(self.host, self.port, self.host_key)


def known_hosts_line(host: str, port: int, host_key: str) -> str:
    """One line of a known_hosts file, without its newline."""
    address = host if port == 22 else f"[{host}]:{port}"
    return f"{address} {host_key}"
