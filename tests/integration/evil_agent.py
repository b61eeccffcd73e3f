"""An agent that says what a test wants it to: a `python` for the profile of a board that has gone mad.

The real command talks to it over real pipes; only what the board says is made up.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agent.protocol import (
    Collected,
    Error,
    Failure,
    Holdings,
    JobFailure,
    JobSpec,
    Probed,
    Receive,
    Receiving,
    Result,
    encode,
)
from tests.farming import TestFarm
from tests.making import make_conditions, make_facts, make_result
from tests.talking import Answer, TalkingAgent

__all__ = ["Collected", "Result", "failed", "make_conditions", "make_result", "say_raw", "serve", "slowly", "sys"]
"""What the programs of mad boards are written with."""

ROOT = Path(__file__).resolve().parents[2]


def write_board(folder: Path, name: str, program: str) -> Path:
    """A `python` that is this program; it may use the names in `__all__`."""
    path = folder / name
    head = f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
    path.write_text(f"{head}from tests.integration.evil_agent import *\n{program}\n")
    path.chmod(0o755)
    return path


def add_evil_board(farm: TestFarm, name: str, program: str) -> None:
    """Register a board on this machine whose Python is the program."""
    python = write_board(farm.root, f"python-of-{name}", program)
    profile = f"transport: local\ngroup: {name}\npython: {python}\nwork_dir: {farm.root / 'work-of' / name}\n"
    (farm.root / "device_profiles" / f"{name}.yaml").write_text(profile)


def say_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def measured(job: JobSpec) -> Answer:
    """What an honest board says."""
    yield Result(make_result(job.job_id))


def nothing() -> Answer:
    return ()


def refused(_order: Receive) -> None:
    say_raw(encode(Error("internal", "it takes no files")))


def slowly(order: Receive) -> None:
    """Take a file a megabyte a second, and whatever comes behind it."""
    say_raw(encode(Receiving(order.digest, 0)))
    while os.read(0, 500_000):
        time.sleep(0.5)


def failed(job: JobSpec, reason: str) -> Failure:
    return Failure(JobFailure(job.job_id, reason, "mad"))


class EvilAgent(TalkingAgent):
    """Over its own standard input and output."""

    def __init__(
        self,
        run: Callable[[JobSpec], Answer],
        collect: Callable[[], Answer],
        receive: Callable[[Receive], None],
        probed: Probed,
        *,
        holds: bool,
    ) -> None:
        super().__init__("0" * 64, "/nowhere")
        self._run, self._collect, self._receive = run, collect, receive
        self._probed, self._holds = probed, holds

    def hear(self, request: Any) -> None:
        if isinstance(request, Receive):
            self._receive(request)
        else:
            super().hear(request)

    def send(self, data: bytes) -> None:
        say_raw(data)

    def leave(self, status: int) -> None:
        sys.exit(status)

    def probed(self) -> Probed:
        return self._probed

    def holdings(self, digests: Sequence[str]) -> Holdings:
        names = list(digests)
        return Holdings(names, [], names) if self._holds else Holdings([], names, [])

    def spooled(self) -> Answer:
        return self._collect()

    def run(self, job: JobSpec) -> Answer:
        return self._run(job)


def serve(
    run: Callable[[JobSpec], Answer] = measured,
    collect: Callable[[], Answer] = nothing,
    facts: dict[str, Any] | None = None,
    conditions: dict[str, Any] | None = None,
    *,
    receive: Callable[[Receive], None] = refused,
    holds: bool = True,
) -> None:
    """Talk like an agent. What `run` and `collect` yield is sent: messages, or bytes as they are.

    It `holds` all that it is asked for, so that nothing is pushed to it.
    """
    probed = Probed(make_facts(**(facts or {})), make_conditions(**(conditions or {})))
    agent = EvilAgent(run, collect, receive, probed, holds=holds)
    agent.boot()
    while data := os.read(0, 1 << 16):
        agent.take(data)
