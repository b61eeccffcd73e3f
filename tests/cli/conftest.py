"""The command in this process: no board, no subprocess, the real store and the real files."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from orchestrator.cli.main import main
from orchestrator.runs import Job, Run
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.making import MOMENT, make_model


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    status: int
    out: str
    err: str

    def ok(self) -> Self:
        assert self.status == 0, f"ended with {self.status}\n{self.out}\n{self.err}"
        return self

    def failed(self, status: int) -> Self:
        assert self.status == status, f"ended with {self.status}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        assert "a fault of dynofarm" not in self.err
        return self

    @property
    def json(self) -> Any:
        """Standard output as JSON; fails when anything else is on it."""
        return json.loads(self.out)


Dynofarm = Callable[..., Answer]


@pytest.fixture(autouse=True)
def plain_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DYNOFARM_DB", "COLUMNS", "VISUAL", "EDITOR", "NO_COLOR", "FORCE_COLOR", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    folder = tmp_path / "farm"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The folder in which the commands run: no farm yet."""
    return tmp_path / "farm"


@pytest.fixture
def dynofarm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dynofarm:
    def run(*words: str) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["dynofarm", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Answer(int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def farm(dynofarm: Dynofarm, empty: Path) -> Path:
    """A fresh farm in the current folder."""
    dynofarm("init").ok()
    return empty


def keep_runs(farm: Path, runs: Sequence[Run], more: Sequence[Job] = (), name: str = "nightly") -> int:
    """Plan a sweep whose jobs ended like this (`more` are still owed), and store it whole."""
    jobs = [run.job for run in runs] + list(more)
    with Store.open(farm / "results.db", create=True) as store:
        sweep_id = store.create_sweep(Sweep(name, ("bert",), ("all",)), jobs, [make_model()], MOMENT)
        for run in runs:
            store.save_run(run)
    return sweep_id


def as_process(
    *words: str, farm: Path, environment: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """The argv and the variables of the command as a process of its own."""
    root = str(Path(__file__).resolve().parents[2])
    variables = {**os.environ, "PYTHONPATH": root, **(environment or {})}
    return [sys.executable, "-m", "orchestrator.cli", "-C", str(farm), *words], variables
