"""The tools that the farm is compared with, each in an environment of its own below the system's temporary folder.

Their versions contradict each other and ours (pyinfra wants paramiko below 5), and none of them belongs to dynofarm.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent / "peers"
PACKAGES = {
    "fabric": ("fabric==3.2.3", "paramiko==5.1.0"),
    "pyinfra": ("pyinfra==3.10.0",),
    "parallel_ssh": ("parallel-ssh==2.16.0.post1",),
    "mitogen": ("mitogen==0.3.54",),
    "ansible": ("ansible-core==2.19.14",),
    "ml_systems_lab": ("ml-systems-lab==0.2.2", "onnxruntime==1.31.1"),
}
LIMIT_S = 300.0


@dataclass(frozen=True)
class Asked:
    """What one tool took for a crowd. `process_s` has its start and imports; `wall_s` has not, ansible's aside."""

    wall_s: float
    process_s: float
    cpu_s: float
    answered: int


def environment(peer: str) -> Path:
    """The folder of the peer's programs; made once, kept for the next run."""
    folder = Path(tempfile.gettempdir()) / f"dynofarm-peers-{os.getuid()}" / peer
    done = folder / "installed"
    wanted = " ".join(PACKAGES[peer])
    if not done.exists() or done.read_text() != wanted:
        sys.stderr.write(f"making an environment for {peer} …\n")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", *PACKAGES[peer]], check=True)
        done.write_text(wanted)
    return folder / "bin"


def ask(peer: str, places: Path) -> Asked:
    """Let one of them connect to every board and run `true` there. `ours…` are dynofarm, which may do more."""
    if peer == "ansible":
        return _ansible(places, "raw", ["-a", "true"])
    if peer.startswith("ours"):
        mode = {"ours, asked": "ask", "ours, probed": "probe", "ours, first answer": "first"}.get(peer, "true")
        return _told([sys.executable, str(SCRIPTS / "ask_dynofarm.py"), str(places), mode])
    return _told([str(environment(peer) / "python"), str(SCRIPTS / f"ask_{peer}.py"), str(places)])


def ansible_ping(places: Path) -> Asked:
    """Its own module `ping`: the first answer of Python on the board."""
    return _ansible(places, "ping", [])


def _told(argv: Sequence[str]) -> Asked:
    began = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=_variables(), text=True) as peer:
        assert peer.stdout is not None
        line = peer.stdout.readline()
        process_s = time.perf_counter() - began
        peer.wait(LIMIT_S)
    took: dict[str, Any] = json.loads(line)
    return Asked(took["wall_s"], process_s, took["cpu_s"], took["answered"])


def _ansible(places: Path, module: str, options: Sequence[str]) -> Asked:
    """As it comes, but with a fork a board (it ships with five) and no connection kept from an earlier run."""
    bin_folder = environment("ansible")
    boards = json.loads(places.read_text())
    with tempfile.TemporaryDirectory(prefix="dynofarm-ansible-") as name:
        folder = Path(name)
        lines = [
            f"{one['name']} ansible_host={one['host']} ansible_port={one['port']} ansible_user={one['user']}"
            f" ansible_ssh_private_key_file={one['key_file']} ansible_python_interpreter=/usr/bin/python3"
            for one in boards
        ]
        (folder / "inventory").write_text("\n".join(lines) + "\n")
        common = f"-o UserKnownHostsFile={boards[0]['known_hosts']} -o ControlMaster=auto -o ControlPersist=1s"
        variables = _variables() | {
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_SSH_ARGS": common,
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
        }
        argv = [str(bin_folder / "ansible"), "all", "-i", str(folder / "inventory"), "-m", module, *options]
        began = time.perf_counter()
        with subprocess.Popen(
            [*argv, "-f", str(len(boards))], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=variables, text=True
        ) as peer:
            assert peer.stdout is not None
            said = peer.stdout.read()
            _, _, usage = os.wait4(peer.pid, 0)
            peer.returncode = 0
        took_s = time.perf_counter() - began
        time.sleep(1.5)  # its ssh masters leave a second later
    answered = sum("| SUCCESS" in line or "| CHANGED" in line for line in said.splitlines())
    return Asked(took_s, took_s, usage.ru_utime + usage.ru_stime, answered)


def _variables() -> dict[str, str]:
    """No ssh-agent: a key of the benchmark's own is named to each of them."""
    return {name: value for name, value in os.environ.items() if name not in ("SSH_AUTH_SOCK", "PYTHONPATH")}
