"""The packages of a board's Python: the versions that it would tell, whatever lies around them."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from agent import packages


def breathe() -> None:
    pass


def put(folder: Path, name: str, facts: str | bytes | None, file_name: str = "METADATA") -> None:
    entry = folder / name
    entry.mkdir(parents=True)
    if facts is not None:
        (entry / file_name).write_bytes(facts if isinstance(facts, bytes) else facts.encode())


def test_versions_are_those_that_this_python_tells() -> None:
    own = {name: importlib.metadata.version(name) for name in ("numpy", "psutil")}
    assert packages.find_modules(sys.path, breathe).items() >= own.items()


def test_names_are_taken_as_pip_takes_them(tmp_path: Path) -> None:
    put(tmp_path, "tflite_runtime_nightly-2.14.0.dev20230508.dist-info", "Name: x\nVersion: 2.14.0.dev20230508\n\n")
    put(tmp_path, "AI.Edge-LiteRT-1.0.dist-info", "Version: 9\n")  # no name that any tool writes: the dash ends it
    put(tmp_path, "ai_edge_litert-2.1.5.dist-info", "Metadata-Version: 2.1\nName: ai-edge-litert\nVersion: 2.1.5\n")
    put(tmp_path, "MNN-3.2.0.dist-info", "Version: 3.2.0\n")
    put(tmp_path, "numpy_financial-1.0.dist-info", "Version: 1.0\n")
    found = packages.find_modules([str(tmp_path)], breathe)
    assert found == {"tflite_runtime": "2.14.0.dev20230508", "ai_edge_litert": "2.1.5", "MNN": "3.2.0"}


def test_the_first_folder_wins_and_the_plain_package_before_its_variants(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    put(first, "numpy-2.0.0.dist-info", "Version: 2.0.0\n")
    put(first, "onnxruntime_gpu-1.16.0.dist-info", "Version: 1.16.0\n")
    put(second, "numpy-1.24.2.egg-info", "Version: 1.24.2\n", "PKG-INFO")
    put(second, "onnxruntime-1.23.0.dist-info", "Version: 1.23.0\n")
    folders = [str(tmp_path / "gone"), str(first), str(second)]
    assert packages.find_modules(folders, breathe) == {"numpy": "2.0.0", "onnxruntime": "1.23.0"}


def test_old_distributions_are_found_too(tmp_path: Path) -> None:
    put(tmp_path, "numpy-1.24.2.egg-info", "Metadata-Version: 2.1\nVersion: 1.24.2\n", "PKG-INFO")
    (tmp_path / "psutil-5.9.4-py3.11-linux-x86_64.egg-info").write_text("Metadata-Version: 1.1\nVersion: 5.9.4\n")
    assert packages.find_modules([str(tmp_path)], breathe) == {"numpy": "1.24.2", "psutil": "5.9.4"}


def test_eggs_on_the_path_are_packages_themselves(tmp_path: Path) -> None:
    facts = "Metadata-Version: 1.0\nName: tflite-runtime\nVersion: 2.5.0.post1\n"
    put(tmp_path / "x.egg", "EGG-INFO", facts, "PKG-INFO")
    put(tmp_path / "psutil-5.9.4-py3.8-linux-aarch64.egg", "EGG-INFO", "", "PKG-INFO")
    put(tmp_path / "numpy-1.19.0-py3.8.egg", "EGG-INFO", None)
    put(tmp_path / "MNN-1.0-py3.8.egg.disabled", "EGG-INFO", None)
    put(tmp_path / "onnxruntime.egg", "EGG-INFO", None)  # a name without a version
    folders = [f"{path}/" if path.name == "x.egg" else str(path) for path in sorted(tmp_path.iterdir())]
    found = packages.find_modules(folders, breathe)
    assert found == {"tflite_runtime": "2.5.0.post1", "psutil": "5.9.4", "numpy": "1.19.0"}
    assert packages.find_modules([str(tmp_path)], breathe) == {}, "those that are not on the path"


@pytest.mark.parametrize("facts", [None, "", "Name: numpy\n\nVersion: 9.9 (of a description)\n", b"\xff\xfe\x00"])
def test_facts_that_say_nothing_leave_what_the_name_says(tmp_path: Path, facts: str | bytes | None) -> None:
    put(tmp_path, "numpy-1.26.4.dist-info", facts)
    put(tmp_path, "psutil.dist-info", facts)  # a name that says none either
    assert packages.find_modules([str(tmp_path)], breathe) == {"numpy": "1.26.4"}
