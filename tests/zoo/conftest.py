"""Tests that need torch and the converters. They skip where the extra `zoo` is not installed."""

from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("torch", "litert_torch", "transformers", "onnxruntime")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The warnings of torch and the converters are theirs, and many."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def zoo() -> None:
    """Skip where models cannot be built."""
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        pytest.skip(f"needs the extra `zoo`: {', '.join(missing)} not installed here")
