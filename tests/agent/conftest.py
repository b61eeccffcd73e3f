"""Real runtimes for the tests: wheels from the package index, kept in a cache folder, used as a board uses a bundle."""

import fcntl
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.agent.serving import FolderBoard
from tests.pythons import NEWEST, OLDEST, find_python

ROOT = Path(__file__).resolve().parents[2]
ONE_RUN = Path(__file__).with_name("one_run.py")
MODELS = ROOT / "examples" / "models"

Unpacked = Callable[[str], Path]
RunOnce = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def wheel_cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = base / "dynofarm-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@pytest.fixture(scope="session")
def unpacked(wheel_cache: Path) -> Unpacked:
    """`unpacked("numpy==1.26.4")`: the folder of that wheel for this Python; skips where none can be had."""

    unreachable: dict[str, str] = {}

    def fetch(requirement: str) -> Path:
        folder = wheel_cache / f"{requirement}-py{sys.version_info.major}{sys.version_info.minor}"
        with (wheel_cache / f"{requirement}.lock").open("w") as lock:  # one a wheel: others are fetched meanwhile
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists() and requirement not in unreachable:
                fault = _download(requirement, folder)
                if fault:
                    unreachable[requirement] = fault
        if requirement in unreachable:
            pytest.skip(f"{requirement} cannot be had from the package index: {unreachable[requirement]}")
        return folder

    return fetch


@pytest.fixture(scope="session")
def litert_library(unpacked: Unpacked) -> Path:
    """The library that is pushed to boards, out of the wheel of the one version that the agent is bound to."""
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"there is no LiteRT library for {platform.machine()}")
    return unpacked("ai-edge-litert==2.3.0") / "ai_edge_litert" / "libLiteRt.so"


@pytest.fixture(scope="session")
def coverage_alone(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A folder that holds the coverage package and nothing else, while coverage is measured."""
    if "COVERAGE_PROCESS_CONFIG" not in os.environ:
        return None
    folder = tmp_path_factory.mktemp("coverage")
    package = importlib.util.find_spec("coverage")
    assert package is not None
    assert package.origin is not None
    (folder / "coverage").symlink_to(Path(package.origin).parent)
    return folder


@pytest.fixture(scope="session")
def run_once(coverage_alone: Path | None) -> RunOnce:
    """Run a model in a process of its own with a runtime; the answer of `one_run.py`, outputs as numpy arrays."""

    def run(
        runtime: str,
        model: Path,
        recipes: Sequence[dict[str, Any]],
        *,
        carrier: Path | None = None,
        paths: Sequence[Path] = (),
        threads: int = 1,
        delegate: str = "xnnpack",
        options: dict[str, Any] | None = None,
        seeds: Sequence[int] = (1,),
        inferences: int = 1,
        profile: bool = False,
        python: str = sys.executable,
    ) -> dict[str, Any]:
        request = {
            "root": str(ROOT),
            "paths": [str(path) for path in paths],
            "runtime": runtime,
            "carrier": str(carrier) if carrier else None,
            "model": str(model),
            "threads": threads,
            "delegate": delegate,
            "options": options or {},
            "recipes": list(recipes),
            "seeds": list(seeds),
            "inferences": inferences,
            "profile": profile,
            "coverage": str(coverage_alone) if coverage_alone and python == sys.executable else None,
        }
        done = subprocess.run(
            [python, "-I", "-S", str(ONE_RUN)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        answer["stderr"] = done.stderr
        answer["names"] = [name for name, *_ in answer.get("outputs", [])]
        answer["outputs"] = [
            np.frombuffer(b64decode(data), dtype).reshape(shape) for _, dtype, shape, data in answer.get("outputs", [])
        ]
        return answer

    return run


@pytest.fixture(scope="session", params=[OLDEST, NEWEST])
def other_python(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another Python, from PATH or pyenv; the agent must run on the oldest and on the newest."""
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"there is no Python {request.param} on this machine")
    yield found


def _download(requirement: str, folder: Path) -> str | None:
    """Fetch and unpack a wheel; what went wrong, if it did."""
    wheels, partial = folder.with_name(folder.name + ".wheels"), folder.with_name(folder.name + ".partial")
    quick = ["-q", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            *quick,
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            wheels,
            requirement,
        ],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(partial)
    shutil.rmtree(wheels)
    partial.rename(folder)
    return None


@pytest.fixture
def board(tmp_path: Path) -> Iterator[FolderBoard]:
    """A board whose agent runs on this Python."""
    found = FolderBoard(tmp_path / "work")
    yield found
    found.close()


@pytest.fixture
def other_board(tmp_path: Path, other_python: str) -> Iterator[FolderBoard]:
    """A board whose agent runs on the oldest and on the newest Python."""
    found = FolderBoard(tmp_path / "work", other_python)
    yield found
    found.close()
