"""Whose process had a board."""

import subprocess
import sys

import pytest

from orchestrator.claims import has_died, holder, myself
from tests.waiting import wait_until


def test_a_process_that_lives_has_not_died() -> None:
    assert not has_died(holder())
    assert not has_died(f"{myself()} (dynofarm, process 1)"), "it may be somebody else's by now, or ours"


def test_a_process_that_is_over_has_died_also_before_its_parent_asks() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    held = f"{myself()} (dynofarm, process {process.pid})"
    assert not has_died(held)
    process.kill()
    wait_until(lambda: has_died(held))
    process.communicate(timeout=60)
    assert has_died(held)
    assert has_died(f"{myself()} (dynofarm, process {1 << 70})")


@pytest.mark.parametrize(
    "told",
    [
        "somebody else",
        "",
        f"ana@elsewhere (dynofarm, process {1 << 30})",
        f"{myself()} (dynofarm, process -1)",
        f"{myself()} (dynofarm, process 12",
        f"{myself()}",
    ],
)
def test_of_others_nothing_is_known(told: str) -> None:
    assert not has_died(told)
