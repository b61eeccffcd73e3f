"""Waiting for what must come, instead of sleeping for what may not be long enough."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""For a machine with many times our load; a test that passes waits for none of it."""


def wait_until(condition: Callable[[], object], what: str = "what was to come") -> None:
    """Return once it holds; an assertion fails when it never does."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)
