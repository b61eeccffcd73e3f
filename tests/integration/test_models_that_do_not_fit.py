"""Models that a runtime cannot take: another one is asked, and what is missing has a name."""

from pathlib import Path

import pytest
import tflite

from tests.agent.tiny_tflite import Cast, write_cast_model
from tests.farming import QUICKEST, TestFarm
from tests.unit.made_tflite import MadeOperator, MadeTensor, make_tflite

pytestmark = pytest.mark.integration


@pytest.fixture
def sized_while_it_runs(tmp_path: Path) -> Path:
    """Where its input is not zero: how many places that are is known once it ran."""
    tensors = [
        MadeTensor("x", (1, 8), tflite.TensorType.FLOAT32),
        MadeTensor("places", (1, 2), tflite.TensorType.INT64, signature=(-1, 2)),
    ]
    path = tmp_path / "places.tflite"
    path.write_bytes(make_tflite(tensors, [MadeOperator(tflite.BuiltinOperator.WHERE, (0,), (1,))], [0], [1]))
    return path


def test_what_the_recommended_runtime_cannot_take_gets_its_reference_from_another(
    farm: TestFarm, sized_while_it_runs: Path
) -> None:
    added = farm.run("model", "add", str(sized_while_it_runs)).ok()
    if "no reference outputs" in added.err:
        pytest.skip("the package index cannot be reached, and no runtime is cached")
    assert "2 outputs" in added.out
    farm.add_local()
    farm.run(
        "run",
        farm.write_sweep(
            "both",
            "models: [places]\non: [local]\nruntimes: [litert, ai-edge-litert]\n"
            f"repeats: 1\nreference: false\n{QUICKEST}",
        ),
    ).failed(1)
    rows = farm.sql("select runtime, status, message from runs_view order by runtime")
    assert [(row["runtime"], row["status"]) for row in rows] == [("ai-edge-litert", "ok"), ("litert", "unsupported")]
    assert "it wrote: Failed to set custom allocation for output tensor" in rows[1]["message"]


def test_an_operator_that_a_runtime_has_not_is_named(farm: TestFarm, tmp_path: Path) -> None:
    path = write_cast_model(tmp_path / "warps.tflite", [Cast("x", "float32", "int32")], custom_operator="WarpByMesh")
    said = farm.run("model", "add", str(path))
    if "no reference outputs" in said.err:
        pytest.skip("the package index cannot be reached, and no runtime is cached")
    refused = said.failed(2).err
    assert "WarpByMesh" in refused
    assert "dynofarm model inspect" in refused
