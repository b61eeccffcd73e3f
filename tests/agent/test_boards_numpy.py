"""Where no wheel of numpy exists for a board, its own system's serves, and never before what the bundle brings."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.serving import ROOT

SCRIPT = """
import importlib.util, json, sys
root, bundle = sys.argv[1:]
sys.path.insert(0, root)
from agent import worker
sys.path.insert(0, bundle)
worker._admit_the_boards_numpy()
spec = importlib.util.find_spec("numpy")
print(json.dumps({"path": sys.path, "numpy": spec and spec.origin}))
"""


def admit(bundle: Path) -> dict[str, Any]:
    """What a worker of this machine's Python sees, started as workers with a bundle are."""
    argv = [sys.executable, "-I", "-S", "-c", SCRIPT, str(ROOT), str(bundle)]
    done = subprocess.run(argv, capture_output=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def make_package(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    return folder / "__init__.py"


def site_folders(path: list[str]) -> list[str]:
    return [folder for folder in path if folder.endswith(("site-packages", "dist-packages"))]


def test_a_bundle_with_numpy_keeps_the_boards_packages_out(tmp_path: Path) -> None:
    own = make_package(tmp_path / "numpy")
    found = admit(tmp_path)
    assert found["numpy"] == str(own)
    assert site_folders(found["path"]) == []


def test_a_bundle_without_numpy_lets_the_boards_packages_in_behind_it(tmp_path: Path) -> None:
    make_package(tmp_path / "onnxruntime")
    found = admit(tmp_path)
    folders = site_folders(found["path"])
    if not folders:
        pytest.skip("this Python has no folder of packages at all")
    assert all(found["path"].index(folder) > found["path"].index(str(tmp_path)) for folder in folders)
    assert found["numpy"] is None or found["numpy"].startswith(tuple(folders))
