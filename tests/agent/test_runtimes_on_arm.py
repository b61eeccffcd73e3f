"""Runtimes bound by what a processor's calling convention fixes, on an emulated aarch64: the same outputs as here.

The emulator runs the agent's own Python of Debian's arm64 tree, which `tests/boards` makes; where either is missing the
tests skip. No speed is looked at.
"""

import fcntl
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.carriers.package_index import NoMatch, PackageIndex, Unreachable
from orchestrator.errors import RuntimeUnavailable
from orchestrator.runtimes.targets import Target
from tests.agent.test_runtime_executorch import NETWORKS, OF, WHEEL
from tests.boards.image import PACKAGES
from tests.boards.tree import tree_path

ARM = Target((3, 11), "aarch64", (2, 36))


@pytest.fixture(scope="module")
def arm_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    emulator = shutil.which("qemu-aarch64-static")
    tree = next((one for one in (tree_path("arm64", PACKAGES), tree_path("arm64")) if one.is_dir()), None)
    if platform.machine() != "x86_64" or emulator is None or tree is None:
        pytest.skip("needs x86-64, qemu-aarch64-static, and an arm64 tree of tests/boards")
    script = tmp_path_factory.mktemp("arm") / "python3"
    # As shipped, qemu shows every feature it knows, and no board has that processor.
    script.write_text(f'#!/bin/sh\nQEMU_CPU=cortex-a76 exec {emulator} -L {tree} {tree}/usr/bin/python3 "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture(scope="module")
def arm_wheel(wheel_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's aarch64 twin, unpacked."""
    folder = wheel_cache / f"{WHEEL}-aarch64"
    with (wheel_cache / "lock").open("w") as lock:  # several workers of the tests want it at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            index = PackageIndex(tmp_path_factory.mktemp("index"))
            try:
                (file,) = index.download(index.resolve([WHEEL], ARM), ARM).iterdir()
            except (NoMatch, Unreachable, RuntimeUnavailable) as error:
                pytest.skip(f"{WHEEL} cannot be had from the package index: {error}")
            partial = Path(tempfile.mkdtemp(dir=wheel_cache)) / "wheel"
            shutil.unpack_archive(file, partial, "zip")
            partial.rename(folder)
            partial.parent.rmdir()
    return folder


@pytest.mark.parametrize("network", ["image", "tokens"])
@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_executorch_gives_the_same_outputs_on_an_emulated_arm(
    run_once: Any, unpacked: Any, arm_python: str, arm_wheel: Path, network: str, delegate: str
) -> None:
    model = NETWORKS / (network + ("-xnnpack" if delegate == "xnnpack" else "") + ".pte")
    there = run_once("executorch", model, OF[network], paths=[arm_wheel], delegate=delegate, python=arm_python)
    here = run_once("executorch", model, OF[network], paths=[unpacked(WHEEL)], delegate=delegate)
    assert there["details"] == here["details"]
    for our, their in zip(there["outputs"], here["outputs"], strict=True):
        assert np.abs(our - their).max() <= 1e-5 * np.ptp(their)


def test_a_program_that_cannot_run_is_told_in_the_same_words_on_an_emulated_arm(
    run_once: Any, unpacked: Any, arm_python: str, arm_wheel: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.pte"
    data = (NETWORKS / "image.pte").read_bytes()
    model.write_bytes(data.replace(b"aten::convolution", b"aten::conv0luti0n"))
    there = run_once("executorch", model, OF["image"], paths=[arm_wheel], delegate="none", python=arm_python)
    here = run_once("executorch", model, OF["image"], paths=[unpacked(WHEEL)], delegate="none")
    assert (there["error"], there["message"]) == (here["error"], here["message"])
    assert "aten::conv0luti0n" in there["message"]
