"""Pushing to a board's real agent, without a session: what the tests of the transport share."""

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.protocol import BLOCK_BYTES
from orchestrator.transport import Transport
from orchestrator.transport.push import push as really_push
from orchestrator.transport.push_artifact import Artifact
from orchestrator.transport.push_tally import Pushed

AGENT = Path(__file__).resolve().parents[1] / "agent" / "__main__.py"


def receiver(work: Path, path: Path, python: str = sys.executable) -> Callable[[str, bool], list[str]]:
    """The command line of the agent of this checkout, for a file and a work folder."""
    data = path.read_bytes()

    def command(verb: str, zstd: bool) -> list[str]:
        argv = [python, "-I", "-S", str(AGENT), verb, "--work", str(work)]
        argv += ["--digest", hashlib.sha256(data).hexdigest(), "--size", str(len(data))]
        return [*argv, "--zstd"] if zstd else argv

    return command


def push_file(transport: Transport, work: Path, path: Path, python: str = sys.executable, **more: Any) -> Pushed:
    """Push a file to the work folder of a board on this machine."""
    with closing(Artifact(path)) as artifact:
        return really_push(transport, receiver(work, path, python), artifact, **more)


def noise(path: Path, mebibytes: int) -> Path:
    """A file that no compressor makes smaller, made quickly: blocks are packed one by one, so they may be alike."""
    path.write_bytes(os.urandom(BLOCK_BYTES) * mebibytes)
    return path
