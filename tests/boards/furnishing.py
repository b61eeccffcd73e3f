"""What a namespaced board is given before it starts, and the conversation that starts it."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import foreign
from .processes import MARKER
from .sshd import sshd_config
from .tree import LOGIN_ID

SETTINGS = Path("etc/dynofarm-board")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def furnish(
    folder: Path, name: str, identity: str, emulation: str, public_key: str, environment: dict[str, str]
) -> None:
    """Make the board's own layer over its tree, `upper`: keys, sshd's settings, its name and the mark of what it is."""
    for needed in ("root", "scratch", f"upper/{SETTINGS}"):
        (folder / needed).mkdir(parents=True, exist_ok=True)
    upper = folder / "upper"
    settings = upper / SETTINGS
    (settings / "authorized_keys").write_text(public_key + "\n")
    (settings / "host_key").write_bytes((folder / "host_key").read_bytes())
    (settings / "host_key").chmod(0o600)
    place = Path("/") / SETTINGS
    config = sshd_config(
        listen="0.0.0.0",
        port=22,
        host_key=place / "host_key",
        authorized_keys=place / "authorized_keys",
        pid_file=Path("/run/sshd.pid"),
        environment={MARKER: identity, **environment},
    )
    (settings / "sshd_config").write_text(config)
    (upper / "etc/hostname").write_text(f"{name}\n")
    (upper / "etc/machine-id").write_text(hashlib.sha256(identity.encode()).hexdigest()[:32] + "\n")
    (upper / "etc/dynofarm-emulated").write_text(emulation + "\n")


def make_spec(
    folder: Path,
    name: str,
    identity: str,
    architecture: str,
    *,
    tree: Path,
    log_file: Path,
    disk_bytes: int,
    cgroups: list[str],
) -> dict[str, Any]:
    """What `enter.py` needs to know."""
    covers = {}
    if text := foreign.cpuinfo(architecture, os.cpu_count() or 1):
        (folder / "cpuinfo").write_text(text)
        covers["proc/cpuinfo"] = str(folder / "cpuinfo")
    return {
        "folder": str(folder),
        "name": name,
        "tree": str(tree),
        "log": str(log_file),
        "disk_bytes": disk_bytes,
        "login_id": LOGIN_ID,
        "cgroups": cgroups,
        "covers": covers,
        "binfmt": foreign.registration(architecture).hex(),
        "environment": {"PATH": _PATH, MARKER: identity},
    }


def enter(spec: dict[str, Any], file: Path, on_process: Callable[[int], None], on_first: Callable[[int], None]) -> bool:
    """Start `enter.py` and answer what it asks: the map of users first, then the network link.

    `on_process` gets the process before it does anything, `on_first` the first process of the board before it runs.
    False when the namespaces could not be made; the log says why.
    """
    file.write_text(json.dumps(spec, indent=2))
    with Path(spec["log"]).open("ab") as log:
        maker = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("enter.py")), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=spec["environment"],
            start_new_session=True,
        )
    with maker:
        assert maker.stdin is not None and maker.stdout is not None
        try:
            on_process(maker.pid)
            maker.stdin.write("go\n")
            maker.stdin.flush()
            for line in maker.stdout:
                word, _, number = line.strip().partition(" ")
                if word == "map":
                    for kind in ("uid_map", "gid_map"):
                        Path(f"/proc/{maker.pid}/{kind}").write_text("0 0 65536")
                else:
                    on_first(int(number))
                maker.stdin.write("go\n")
                maker.stdin.flush()
        except BaseException:
            maker.kill()
            raise
    return maker.returncode == 0
