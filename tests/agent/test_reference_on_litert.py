"""The built-in reference model on LiteRT's real library: right numbers, the same everywhere, steady in size."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import orchestrator.reference_model
from agent.inputs import fill
from agent.protocol import InputRecipe

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(orchestrator.reference_model.__file__).with_name("reference.tflite")
RECIPE = {"name": "input", "dtype": "float32", "shape": [256, 128], "fill": "uniform", "low": -1.0, "high": 1.0}


def expected(seed: int) -> "np.ndarray[Any, Any]":
    """The same network in double precision, from the script that wrote the file."""
    spec = importlib.util.spec_from_file_location("made_by", ROOT / "scripts" / "reference_model.py")
    assert spec is not None
    assert spec.loader is not None
    made_by = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_by)
    weights = np.frombuffer(made_by.weights(), "<f4").reshape(made_by.WIDTH, made_by.WIDTH).astype(np.float64)
    given = fill(InputRecipe(**RECIPE), seed)
    rows = np.frombuffer(given.data, "<f4").reshape(made_by.ROWS, made_by.WIDTH).astype(np.float64)
    for _ in range(made_by.LAYERS - 1):
        rows = np.maximum(rows @ weights.T, 0.0)
    return rows @ weights.T


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_it_computes_what_it_should(run_once: Any, litert_library: Path, delegate: str) -> None:
    for seed in (1, 7):
        answer = run_once("litert", FILE, [RECIPE], carrier=litert_library, delegate=delegate, seeds=(seed,))
        (output,) = answer["outputs"]
        wanted = expected(seed)
        spread = np.ptp(wanted)
        assert spread > 0.1, "an output that fades to nothing would check nothing"
        assert np.abs(output - wanted).max() <= 1e-4 * spread


def test_the_oldest_and_the_newest_python_give_the_same_bytes(
    run_once: Any, litert_library: Path, other_python: str
) -> None:
    here = run_once("litert", FILE, [RECIPE], carrier=litert_library)
    there = run_once("litert", FILE, [RECIPE], carrier=litert_library, python=other_python)
    assert here["outputs"][0].tobytes() == there["outputs"][0].tobytes()
    assert there["modules"] == []


def test_the_delegate_takes_all_of_it(run_once: Any, litert_library: Path) -> None:
    answer = run_once("litert", FILE, [RECIPE], carrier=litert_library)
    assert answer["details"]["fully_delegated"] is True
    assert answer["version"] == "2.3.0"
