"""Talking to a board with the OpenSSH client: what a person at a keyboard would do."""

import subprocess
from pathlib import Path

from .board import Login


def ssh_argv(login: Login, known_hosts: Path, command: str, timeout_s: int = 15) -> list[str]:
    """The command line that runs `command` on a board, with its host key and nothing of the user's own settings."""
    known_hosts.write_text(login.known_hosts_line + "\n")
    options = {
        "BatchMode": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "ConnectTimeout": str(timeout_s),
        "LogLevel": "ERROR",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    address = ["-i", str(login.key_file), "-p", str(login.port), f"{login.user}@{login.host}"]
    return ["ssh", "-F", "none", *words, *address, command]


def run_there(
    login: Login, known_hosts: Path, command: str, timeout_s: int = 60, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a shell command on a board; exit code 255 is ssh's own for "no connection"."""
    return subprocess.run(
        ssh_argv(login, known_hosts, command, min(timeout_s, 15)),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
