"""`dynofarm model build` where nothing can be built: one sentence, and what to do next."""

import stat
import sys
from pathlib import Path

import pytest

from tests.farming import TestFarm


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give either a shape or --from FOLDER"),
        (("bert-tiny", "--from", "x"), "give either a shape or --from FOLDER"),
        (("bert-bsae",), "bert-bsae: no such shape; known: bert-large"),
        (("bert-tiny", "--form", "int9"), "no such form: int9; known: fp32"),
        (("bert-tiny", "--runtime", "onnx", "--form", "int4"), "int4: not made as onnx"),
        (("bert-tiny", "--length", "1"), "a length of 1 tokens"),
        (("bert-tiny", "--head", "generation"), "generation: not a head for bert-tiny"),
        (("--from", "x", "--vocabulary", "9"), "--vocabulary does not go with --from"),
        (("--from", "nowhere"), "there is no model.safetensors in it"),
        (("bert-tiny", "--python", "no-python"), "no-python: cannot be started"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_sentence(farm: TestFarm, words: tuple[str, ...], said: str) -> None:
    found = farm.run("model", "build", *words).failed(2)
    assert said in found.err
    assert "next: " in found.err
    assert not (farm.root / "models").exists()


def test_without_the_extra_it_says_what_to_install(farm: TestFarm, tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.execv({sys.executable!r}, ['python', '-S', *sys.argv[1:]])\n"
    )
    bare.chmod(bare.stat().st_mode | stat.S_IXUSR)
    found = farm.run("model", "build", "bert-tiny", "--python", str(bare)).failed(2)
    assert "which is not installed here" in found.err
    assert "next: pip install 'dynofarm[zoo]'" in found.err


def test_a_file_in_the_place_of_the_folder_is_said(farm: TestFarm) -> None:
    (farm.root / "models").write_text("a file")
    assert "models: this is no folder" in farm.run("model", "build", "bert-tiny").failed(2).err
