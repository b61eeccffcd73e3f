"""SSH keys for test boards, made by ssh-keygen."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

from .board import BoardError


def make_key(path: Path, comment: str) -> str:
    """Make an ed25519 key without a passphrase in the place of any other; its public half as `ssh-ed25519 AAAA…`."""
    if shutil.which("ssh-keygen") is None:
        raise BoardError("there is no ssh-keygen here", "install it with: sudo apt install openssh-client")
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".pub").unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, timeout=20, stdin=subprocess.DEVNULL)
    return read_public_key(path)


def read_public_key(path: Path) -> str:
    """The public half of a key file, without its comment."""
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def fingerprint(public_key: str) -> str:
    """`SHA256:…` as ssh-keygen -l prints it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
