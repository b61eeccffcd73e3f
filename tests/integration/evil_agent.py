"""An agent that says what a test wants it to: a `python` for the profile of a board that has gone mad.

The real command talks to it over real pipes; only what the board says is made up.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agent.protocol import (
    PROTOCOL_VERSION,
    Collect,
    Collected,
    Evict,
    Evicted,
    Failure,
    Have,
    Heartbeat,
    Hello,
    Holdings,
    JobFailure,
    JobSpec,
    Ping,
    Probe,
    Probed,
    Ready,
    Result,
    RunJob,
    decode,
    encode,
)
from tests.farming import TestFarm
from tests.making import make_conditions, make_facts, make_result

ROOT = Path(__file__).resolve().parents[2]
Answer = Iterable[Any]


def write_board(folder: Path, name: str, program: str) -> Path:
    """A `python` that is this program; it may use all names of this module."""
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


def say(message: Any) -> None:
    say_raw(encode(message))


def say_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def measured(job: JobSpec) -> Answer:
    """What an honest board says."""
    yield Result(make_result(job.job_id))


def nothing() -> Answer:
    return ()


def failed(job: JobSpec, reason: str) -> Failure:
    return Failure(JobFailure(job.job_id, reason, "mad"))


def serve(
    run: Callable[[JobSpec], Answer] = measured,
    collect: Callable[[], Answer] = nothing,
    facts: dict[str, Any] | None = None,
    conditions: dict[str, Any] | None = None,
    *,
    holds: bool = True,
) -> None:
    """Talk like an agent. What `run` and `collect` yield is sent: messages, or bytes as they are.

    It `holds` all that it is asked for, so that nothing is pushed to it.
    """
    say_raw(b"dynofarm-boot python=3.11.2 state=have\n")
    probed = Probed(make_facts(**(facts or {})), make_conditions(**(conditions or {})))
    for line in sys.stdin.buffer:
        request = decode(line)
        answers: Answer = ()
        if isinstance(request, Hello):
            answers = [Ready(PROTOCOL_VERSION, "0" * 64, 1, [], 0, "/nowhere")]
        elif isinstance(request, Probe):
            answers = [probed]
        elif isinstance(request, Have):
            names = request.digests
            answers = [Holdings(names, [], names) if holds else Holdings([], names, [])]
        elif isinstance(request, Evict):
            answers = [Evicted([], 10**12, 0)]
        elif isinstance(request, Collect):
            answers = [*collect(), Collected(0)]
        elif isinstance(request, Ping):
            answers = [Heartbeat()]
        elif isinstance(request, RunJob):
            answers = run(request.job)
        for answer in answers:
            if isinstance(answer, bytes):
                say_raw(answer)
            else:
                say(answer)
