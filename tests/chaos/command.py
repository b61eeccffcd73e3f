"""The commands of the storm: `dynofarm run`, `run --resume` whenever it ended with jobs owed, and a colleague's."""

import contextlib
import math
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK_WAIT = "60s"
LEEWAY_S = 5
"""Before a reservation ends by itself its owner gives it back, if at all."""


@dataclass(frozen=True)
class Ended:
    """A command that ended. `status` is negative where a signal ended it; `sent`: the signals that the storm sent it;
    `said`: all its output; `owes`: whether a sweep of its own owed jobs then."""

    words: str
    status: int
    sent: frozenset[int]
    said: str
    owes: bool


class Person:
    """Who gives one command at a time; all that these say is kept in `said`."""

    def __init__(self, farm: Path, environment: Mapping[str, str], name: str) -> None:
        self._farm = farm
        self.name = name
        self.said = farm / f"{name}.log"
        self.starts = 0
        self.ended: list[Ended] = []
        self._words = ""
        self._sent: set[int] = set()
        self._said_before_bytes = 0
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1"}
        self._environment["HOME"] = str(farm)
        for variable in ("SSH_AUTH_SOCK", "DYNOFARM_DB"):
            self._environment.pop(variable, None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether a command runs; one that ended is taken note of."""
        if self._process is None:
            return False
        status = self._process.poll()
        if status is None:
            return True
        said = self.said.read_bytes()[self._said_before_bytes :].decode(errors="replace")
        self.ended.append(Ended(self._words, status, frozenset(self._sent), said, self._owes()))
        self._process = None
        return False

    def send(self, number: signal.Signals) -> bool:
        """Whether there was a process to be hit."""
        if self._process is None or self._process.poll() is not None:
            return False
        self._sent.add(number)
        self._process.send_signal(number)
        return True

    def end(self, patience_s: float) -> None:
        """Make it end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self, *words: str) -> None:
        self.starts += 1
        self._words, self._sent = " ".join(words), set()
        with self.said.open("ab") as said:
            said.write(f"--- {self._words}\n".encode())
            said.flush()
            self._said_before_bytes = said.tell()
            self._process = subprocess.Popen(
                self._argv(*words),
                cwd=self._farm,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                # A session of its own: see tests/boards/loopback.py.
                start_new_session=True,
            )

    def _argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "orchestrator.cli", *words]

    def _owes(self) -> bool:
        return False


class Orchestrator(Person):
    """Runs sweeps that bear its name."""

    def __init__(self, farm: Path, environment: Mapping[str, str], name: str = "storm") -> None:
        super().__init__(farm, environment, name)
        self.sweep_file = f"sweeps/{name}.yaml"

    def run(self, *words: str) -> None:
        """Start `run` with these words."""
        self._start("run", *words, "--wait", LOCK_WAIT)

    def limit_files(self, more_bytes: int | None) -> bool:
        """Let its files grow by so much and no more, as on a disk that is almost full; None lifts it."""
        if self._process is None or self._process.poll() is not None:
            return False
        pid = self._process.pid
        size_bytes = resource.RLIM_INFINITY
        if more_bytes is not None:
            size_bytes = max((path.stat().st_size for path in self._farm.glob("results.db*")), default=0) + more_bytes
        with contextlib.suppress(OSError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))
            return True
        return False

    def unfinished_sweep(self) -> int | None:
        """The newest of its sweeps that owes jobs."""
        found = self._ask("SELECT max(sweep_id) FROM sweeps_view WHERE owed > 0 AND name = ?")
        return None if found is None else int(found)

    def sweeps(self) -> int:
        """How many of its sweeps were planned so far."""
        return int(self._ask("SELECT count(*) FROM sweeps_view WHERE name = ?"))

    def _owes(self) -> bool:
        return self.unfinished_sweep() is not None

    def _ask(self, query: str) -> Any:
        with closing(sqlite3.connect(self._farm / "results.db")) as connection:
            return connection.execute(query, (self.name,)).fetchone()[0]


class Colleague(Person):
    """Somebody else, who wants boards for themselves now and then."""

    def __init__(self, farm: Path, environment: Mapping[str, str]) -> None:
        super().__init__(farm, {**environment, "LOGNAME": "colleague"}, "colleague")

    def reserve(self, board: str, lasts_s: float) -> bool:
        """Begin to; False while they do something else."""
        return self._try("device", "reserve", board, "--for", f"{math.ceil(lasts_s) + LEEWAY_S}s", "--why", "a storm")

    def release(self, board: str) -> bool:
        """Begin to, likewise; what is not given back ends by itself."""
        return self._try("device", "release", board)

    def _try(self, *words: str) -> bool:
        if self.runs:
            return False
        self._start(*words)
        return True
