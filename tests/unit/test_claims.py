"""Whose process had a board."""

import subprocess
import sys

import pytest

from orchestrator.claims import has_died, holder, myself


def test_a_process_that_lives_has_not_died() -> None:
    assert not has_died(holder())
    assert not has_died(f"{myself()} (dynofarm, process 1)"), "it may be somebody else's by now, or ours"


def test_a_process_that_is_over_has_died() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    assert has_died(f"{myself()} (dynofarm, process {process.pid})")
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
