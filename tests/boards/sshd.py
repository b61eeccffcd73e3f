"""The OpenSSH server of a test board: where it is, how it is configured, whether it answers."""

import os
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from .board import BoardError


def find_sshd() -> str:
    """The path of sshd; `BoardError` says where it was looked for. It is rarely in the PATH of a user."""
    looked = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
    found = shutil.which("sshd", path=looked)
    if found is None:
        raise BoardError(
            "there is no sshd here, neither in PATH nor in /usr/sbin",
            "install it with: sudo apt install openssh-server (nothing of it needs to be running)",
        )
    return found


def has_sshd() -> bool:
    """Whether loopback boards can be had."""
    try:
        find_sshd()
    except BoardError:
        return False
    return True


def sshd_config(
    *,
    listen: str,
    port: int,
    host_key: Path,
    authorized_keys: Path,
    pid_file: Path,
    environment: Mapping[str, str],
    max_sessions: int = 10,
    subsystem: str = "internal-sftp",
) -> str:
    """The text of an sshd_config that lets in one key and nobody else, and reads nothing of the machine's own."""
    lines = [
        f"ListenAddress {listen}:{port}",
        f"HostKey {quoted(str(host_key))}",
        f"AuthorizedKeysFile {quoted(str(authorized_keys))}",
        f"PidFile {quoted(str(pid_file))}",
        "UsePAM no",
        "StrictModes no",  # keys may lie below a temporary folder that others may write to
        "PubkeyAuthentication yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "PermitUserEnvironment no",
        "UseDNS no",
        "PrintMotd no",
        "PrintLastLog no",
        "X11Forwarding no",
        "MaxStartups 200:30:400",
        f"MaxSessions {max_sessions}",
        "LogLevel VERBOSE",
        f"Subsystem sftp {subsystem}",
    ]
    if environment:
        # One line: sshd takes only the first SetEnv.
        lines.append("SetEnv " + " ".join(quoted(f"{name}={value}") for name, value in environment.items()))
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A word of an sshd_config."""
    if '"' in text or "\n" in text or "\\" in text:
        raise BoardError(f"{text!r} cannot stand in an sshd_config", "choose a path without quotes and backslashes")
    return f'"{text}"' if " " in text or "#" in text else text


def read_banner(host: str, port: int, timeout_s: float) -> str:
    """The first line of an SSH server, or nothing when it refuses, is silent or is not there in time."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            return connection.recv(255).decode("ascii", "replace").strip()
    except OSError:
        return ""


def wait_for_banner(host: str, port: int, timeout_s: float, pause_s: float = 0.02) -> bool:
    """Whether an SSH server spoke in time. A frozen board accepts connections and stays silent."""
    end = time.monotonic() + timeout_s
    while (left := end - time.monotonic()) > 0:
        if read_banner(host, port, min(left, 2.0)).startswith("SSH-"):
            return True
        time.sleep(pause_s)
    return False


def free_port(host: str) -> int:
    """A port of this address that nobody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise BoardError(
                f"{host}: this address cannot be used: {error.strerror}", "127.0.0.0/8 is Linux's"
            ) from None
        return int(probe.getsockname()[1])
