"""A board of one folder, and a real agent that serves it over pipes: what the tests of the agent talk to."""

import contextlib
import fcntl
import hashlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from agent.protocol import (
    BLOCK_BYTES,
    FRAME,
    PROTOCOL_VERSION,
    Conditions,
    Gate,
    Heartbeat,
    Hello,
    InputRecipe,
    JobResult,
    JobSpec,
    MeasureProtocol,
    Memory,
    ModelOnBoard,
    Ready,
    RunJob,
    RuntimeOnBoard,
    Samples,
    Stage,
    ThermalGate,
    Timing,
    decode,
    encode,
)
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
MODEL = b"any bytes are a model to the fake runtime"
MODEL_DIGEST = hashlib.sha256(MODEL).hexdigest()
SHORT = MeasureProtocol("short", 2, 0.01, 0.6, 5, 0.05, 1.0)
PATIENCE_S = 30.0


def make_job(job_id: str = "job-1", **changes: Any) -> JobSpec:
    values: dict[str, Any] = {
        "job_id": job_id,
        "model": ModelOnBoard(MODEL_DIGEST, "toy", "fake", [InputRecipe("x", "float32", [4], "uniform")]),
        "runtime": RuntimeOnBoard("fake", None, "none"),
        "threads": 1,
        "delegate": "none",
        "options": {},
        "protocol": SHORT,
        "seed": 7,
        "references": [],
        "thermal": ThermalGate(None),
        "cpu_affinity": None,
        "sample_hz": 20.0,
        "deadline_s": 20.0,
    }
    return JobSpec(**(values | changes))


def make_result(job_id: str = "job-1", **changes: Any) -> JobResult:
    now = Conditions("2026-11-03T12:00:00+00:00", None, None, None, None, {}, None, None, None, None, None, None)
    values: dict[str, Any] = {
        "job_id": job_id,
        "runtime_version": "1",
        "timing": Timing(1, 2, 3, 4, True, [10, 11], 5, 21, 20),
        "memory": Memory(None, None, None, None),
        "gate": Gate(0, None, None),
        "outputs_digest": "0" * 64,
        "details": {},
        "thermal_wait_s": 0.0,
        "conditions_before": now,
        "conditions_after": now,
        "samples": Samples([], {}),
    }
    return JobResult(**(values | changes))


def frames_of(data: bytes, start: int = 0) -> Iterator[bytes]:
    """The frames that carry a file, uncompressed, from byte `start` on."""
    while start < len(data):
        block = data[start : (start // BLOCK_BYTES + 1) * BLOCK_BYTES]
        yield FRAME.pack(start, len(block), len(block)) + block
        start += len(block)


class FolderBoard:
    """A work folder with a model in it; `serve` starts an agent there."""

    def __init__(self, work: Path, python: str | None = None) -> None:
        self.work = work
        self.python = python
        self.talks: list[Talk] = []
        for name in ("blobs", "bundles", "incoming", "spool"):
            (work / name).mkdir(parents=True, exist_ok=True)
        (work / "blobs" / MODEL_DIGEST).write_bytes(MODEL)

    def command(self, *words: str) -> list[str]:
        if self.python is None:
            return [sys.executable, "-m", "agent", *words]
        return [self.python, "-I", "-S", str(ROOT / "agent" / "__main__.py"), *words]

    def start(self, before: Callable[[], None] | None = None, root: str = "/") -> "Talk":
        """Start an agent; `root`: the recorded tree of /proc and /sys that is its board."""
        talk = Talk(self.command("serve", "--work", str(self.work), "--root", root), before)
        self.talks.append(talk)
        return talk

    def serve(self, root: str = "/", **hello: Any) -> "Talk":
        talk = self.start(root=root)
        talk.ready = talk.ask(make_hello(**hello), Ready)
        return talk

    def receive(self, digest: str, data: bytes, size: int | None = None) -> tuple[int, Any]:
        size = len(data) if size is None else size
        argv = self.command("receive", "--work", str(self.work), "--digest", digest, "--size", str(size))
        stream = b"".join(frames_of(data))
        done = subprocess.run(argv, input=stream, capture_output=True, cwd=ROOT, timeout=PATIENCE_S, check=False)
        return done.returncode, decode(done.stdout.splitlines()[-1])

    def spooled(self) -> list[str]:
        return sorted(path.name for path in (self.work / "spool").iterdir())

    def close(self) -> None:
        for talk in self.talks:
            talk.close()


def make_hello(**changes: Any) -> Hello:
    return Hello(**({"protocol": PROTOCOL_VERSION, "holder": "tests", "heartbeat_s": 0.2} | changes))


class Talk:
    """One agent process and what it said. Stages and heartbeats are noted on the side."""

    ready: Ready

    def __init__(self, argv: list[str], before: Callable[[], None] | None = None, skip_lines: int = 0) -> None:
        self.skipped: list[bytes] = []
        self._skip_lines = skip_lines
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            preexec_fn=before,  # noqa: PLW1509 - no thread of this test runs yet
        )
        self._may_listen = threading.Event()
        self._may_listen.set()
        self.stages: list[Stage] = []
        self.heartbeats: list[float] = []
        self.words = b""
        self._heard: queue.Queue[Any] = queue.Queue()
        self._threads = [threading.Thread(target=self._listen), threading.Thread(target=self._listen_to_errors)]
        for thread in self._threads:
            thread.start()

    def say(self, message: Any) -> None:
        self.say_raw(encode(message))

    def say_raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self, kind: type) -> Any:
        """The next message that is neither a stage nor a heartbeat; it must be of this kind."""
        try:
            message = self._heard.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"nothing was heard; errors: {self.words!r}") from None
        assert isinstance(message, kind), f"{message!r}; errors: {self.words!r}"
        return message

    def ask(self, message: Any, kind: type) -> Any:
        self.say(message)
        return self.hear(kind)

    def run(self, job: JobSpec, kind: type) -> Any:
        return self.ask(RunJob(job), kind)

    def wait_for_stage(self, name: str) -> Stage:
        def found() -> Stage | None:
            return next((stage for stage in self.stages if stage.name == name), None)

        wait_until(lambda: found() is not None, f"stage {name}")
        stage = found()
        assert stage is not None
        return stage

    def stall(self) -> None:
        """Stop taking what the agent says, with its pipe made as small as a pipe can be."""
        assert self.process.stdout is not None
        fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        self._may_listen.clear()

    def go_on(self) -> None:
        self._may_listen.set()

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_S)

    def nothing_more(self) -> bool:
        """After the end: nothing was said that was not heard."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
        return self._heard.empty()

    def close(self) -> None:
        self._may_listen.set()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the agent does not leave when it is told to; errors: {self.words!r}") from None
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self._may_listen.wait(PATIENCE_S)
                if len(self.skipped) < self._skip_lines:
                    self.skipped.append(line)
                    continue
                message = decode(line)
                if isinstance(message, Heartbeat):
                    self.heartbeats.append(time.monotonic())
                elif isinstance(message, Stage):
                    self.stages.append(message)
                else:
                    self._heard.put(message)

    def _listen_to_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.words += line


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in found]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def worker_of(talk: Talk) -> int:
    """The agent may have other children for a moment: a worker is known by its command."""

    def find_workers() -> list[int]:
        return [pid for pid in children_of(talk.process.pid) if b"worker" in command_of(pid)]

    wait_until(lambda: bool(find_workers()), "a worker")
    return find_workers()[0]


def command_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def is_root() -> bool:
    return os.geteuid() == 0


def names_in(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())
