"""A farm for tests: the real `dynofarm` command in processes of its own, and a look into its store."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from orchestrator.store import Store
from tests.boards.loopback import LoopbackBoard
from tests.nursery import Command

QUICKEST = """\
protocol: {name: tiny, base: quick, warmup_inferences: 2, warmup_s: 0.0, warmup_limit_s: 0.2,
           min_inferences: 8, min_s: 0.0, max_s: 5.0}
"""
"""A protocol that takes milliseconds: these tests are about what happens around the measurement."""


@dataclass(frozen=True)
class Spoken:
    """What a command said, and how it ended."""

    argv: Sequence[str]
    status: int
    out: str
    err: str

    def ok(self) -> Self:
        assert self.status == 0, f"{' '.join(self.argv)} ended with {self.status}\n{self.out}\n{self.err}"
        return self

    def failed(self, status: int) -> Self:
        told = f"{' '.join(self.argv)} ended with {self.status}, expected {status}\n{self.out}\n{self.err}"
        assert self.status == status, told
        assert "Traceback" not in self.err, self.err
        return self

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class TestFarm:
    """One farm folder."""

    __test__ = False

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "home").mkdir()
        self.environment = {**os.environ, "HOME": str(root / "home"), "COLUMNS": "200", "NO_COLOR": "1"}
        self.environment["XDG_CACHE_HOME"] = str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"))
        for name in ("SSH_AUTH_SOCK", "DYNOFARM_DB"):
            self.environment.pop(name, None)

    def argv(self, *words: str) -> list[str]:
        """The command, as a process of its own is started with it."""
        return [sys.executable, "-m", "orchestrator.cli", *words]

    def variables(self) -> dict[str, str]:
        return {**self.environment, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}

    def start(self, *argv: str, environment: Mapping[str, str] | None = None) -> Command:
        """Start a command and do not wait for it."""
        return Command(argv, self.root, {**self.variables(), **(environment or {})})

    def run(self, *argv: str, timeout_s: float = 90, environment: Mapping[str, str] | None = None) -> Spoken:
        """Run a command to its end."""
        with self.start(*argv, environment=environment) as process:
            try:
                out, err = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
                raise AssertionError(f"{' '.join(argv)} did not end in {timeout_s} s\n{out}\n{err}") from None
        return Spoken(argv, process.returncode, out, err)

    def watch(self, *argv: str, environment: Mapping[str, str] | None = None) -> "Watched":
        """Start a command and follow what it says."""
        return Watched(self.start(*argv, environment=environment), argv)

    def add_board(self, board: LoopbackBoard, *options: str, at: tuple[str, int] | None = None) -> None:
        """Register a loopback board as a user would in a script; `at` is where it is reached if not at its own port."""
        host, port = at or (board.host, board.port)
        self.run(
            "device", "add", board.name, f"{board.user}@{host}:{port}",
            "--key", str(board.key_file), "--work-dir", str(board.work_dir), "--kind", "loopback",
            "--group", board.group, "--accept-fingerprint", board.host_key_fingerprint, "--no-check", *options,
        ).ok()  # fmt: skip

    def add_local(self, name: str = "local") -> None:
        """This machine as a board, with a work folder inside the farm."""
        if not (self.root / "device_profiles" / f"{name}.yaml").exists():
            self.run("device", "add", name, "--local", "--no-check").ok()
        self.run("device", "edit", name, "--set", f"work_dir={self.root / 'work-of' / name}").ok()

    def write_sweep(self, name: str, text: str) -> str:
        """Write a sweep file; its path relative to the farm."""
        path = self.root / "sweeps" / f"{name}.yaml"
        path.write_text(text)
        return str(path.relative_to(self.root))

    def sweep_of_fakes(self, on: str, *, repeats: int = 2, options: str = "{sleep_ms: 1}", more: str = "") -> str:
        """A sweep of the fake model with the quickest protocol."""
        axes = f"models: [fake]\nruntimes: [fake]\non: [{on}]\noptions: {options}\n"
        text = f"{axes}repeats: {repeats}\nreference: false\n{QUICKEST}{more}"
        return self.write_sweep("fakes", text)

    def store(self) -> Store:
        return Store.open(self.root / "results.db")

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows through the command that users have."""
        rows: list[dict[str, Any]] = self.run("sql", query, "--json").ok().json
        return rows


class Watched:
    """A running command whose standard error is read as it comes."""

    def __init__(self, process: Command, argv: Sequence[str]) -> None:
        self.process = process
        self._argv = argv
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()

    def wait_for(self, words: str, timeout_s: float = 60) -> None:
        """Wait until standard error has said this."""
        with self._news:
            told = self._news.wait_for(lambda: any(words in line for line in self._lines), timeout_s)
        assert told, f"{' '.join(self._argv)} never said {words!r}:\n{''.join(self._lines)}"

    def end(self, timeout_s: float = 120) -> Spoken:
        """Wait for the end of the command."""
        killer = threading.Timer(timeout_s, self.process.kill)
        killer.start()
        with self.process as process:
            assert process.stdout is not None
            out = process.stdout.read()
            status = process.wait()
            self._reader.join(5)
        killer.cancel()
        return Spoken(self._argv, status, out, "".join(self._lines))
