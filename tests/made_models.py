"""Model files that a test makes of bytes, and what is said of broken ones."""

from pathlib import Path

import pytest

from orchestrator.errors import ModelError
from orchestrator.model_files import read_model
from orchestrator.models import Model


def read_bytes(folder: Path, data: bytes) -> Model:
    (folder / "made.bin").write_bytes(data)
    return read_model(folder / "made.bin")


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(ModelError) as caught:
        read_bytes(folder, data)
    assert "made.bin" in caught.value.message
    assert caught.value.hint
    return caught.value.message
