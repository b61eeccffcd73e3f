"""The built-in reference model: the same bytes for everybody, made by a script, shipped with the package."""

import hashlib
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import orchestrator.reference_model
from orchestrator.model_files import read_model
from orchestrator.reference_model import NAME, reference_model

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(orchestrator.reference_model.__file__).with_name("reference.tflite")
DIGEST = "d4a584665872ad6ee8accdbe10ac7760a9ca291622966a1338c50e3924984480"


def test_its_bytes_never_change() -> None:
    """Control charts compare its times over years: another file must get another name."""
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == DIGEST
    assert reference_model().digest == DIGEST


def test_the_script_writes_exactly_the_file_that_is_shipped(tmp_path: Path) -> None:
    made = tmp_path / "reference.tflite"
    script = ROOT / "scripts" / "reference_model.py"
    subprocess.run([sys.executable, str(script), str(made)], cwd=tmp_path, check=True, timeout=60)
    assert made.read_bytes() == FILE.read_bytes()


def test_it_is_a_small_float_network_that_any_board_can_hold() -> None:
    model = reference_model()
    assert (model.name, model.format, model.path) == (NAME, "tflite", FILE)
    assert model.size_bytes == FILE.stat().st_size < 100_000
    assert [(one.dtype, one.shape) for one in (*model.inputs, *model.outputs)] == [("float32", (256, 128))] * 2
    assert dict(model.operators) == {"FULLY_CONNECTED": 24}
    assert model.licence == "Apache-2.0"


def test_it_is_read_once_and_like_any_model() -> None:
    assert reference_model() is reference_model()
    plain = read_model(FILE, NAME)
    assert (plain.digest, plain.recipes, plain.inputs) == (
        reference_model().digest,
        reference_model().recipes,
        reference_model().inputs,
    )


def test_the_wheel_carries_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling, which builds the wheel, is not installed here")
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("orchestrator/reference_model/reference.tflite") == FILE.read_bytes()
        names = archive.namelist()
    assert "orchestrator/store/migrations/versions/0002_trust.py" in names
