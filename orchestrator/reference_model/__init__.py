"""The built-in reference model: a small network, the same bytes on every farm, that runs first, last and once a block.

Its latency tells how the board stands, not how good it is: what matters is whether it moves (docs/measurement.md).
`scripts/reference_model.py` wrote it.
"""

from functools import cache
from pathlib import Path

from orchestrator.models import Model

NAME = "dynofarm-reference"


@cache
def reference_model() -> Model:
    """The model as the planner and the supply want it. `ModelError` when the installation has lost its file."""
    from orchestrator.model_files import read_model

    path = Path(__file__).with_name("reference.tflite")
    return read_model(path, NAME, licence="Apache-2.0", source="built into dynofarm")
