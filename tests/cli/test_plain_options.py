"""Values that need no pydantic are taken as they are, and what is wrong is told as ever."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import make_job, make_run

SPARED = (
    ("results", "--limit", "50"),
    ("results", "--device", "kitchen", "--each-run"),
    ("sweeps",),
    ("device", "reservations", "--history"),
)


@pytest.mark.parametrize("words", SPARED, ids=" ".join)
def test_verbs_that_only_show_something_import_no_pydantic(farm: Path, words: tuple[str, ...]) -> None:
    code = (
        "import sys; from orchestrator.cli.main import main\n"
        "try: main()\n"
        "finally: print('pydantic' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=farm, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "False", done.stderr


@pytest.mark.parametrize(("given", "shown"), [("1", 1), ("2", 2), ("007", 3), (" 2 ", 2), ("+1", 1), (str(10**9), 3)])
def test_a_number_is_one_however_it_is_written(dynofarm: Dynofarm, farm: Path, given: str, shown: int) -> None:
    keep_runs(farm, [make_run(make_job(name * 32, position=at)) for at, name in enumerate("abc")])
    assert len(dynofarm("results", "--json", "--limit", given).ok().json) == shown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("0", "greater than or equal to 1"),
        ("-3", "greater than or equal to 1"),
        ("many", "valid integer"),
        ("1e3", "valid integer"),
        ("\u0663", "valid integer"),
        (str(10**9 + 1), "less than or equal to 1000000000"),
        ("9" * 20, "less than or equal to 1000000000"),
    ],
)
@pytest.mark.usefixtures("farm")
@pytest.mark.parametrize("verb", [("results",), ("sweeps",), ("sql", "select 1"), ("device", "reservations")])
def test_what_is_no_number_of_lines_is_told(dynofarm: Dynofarm, verb: tuple[str, ...], given: str, told: str) -> None:
    said = dynofarm(*verb, "--limit", given).failed(2).err
    assert told in said
    assert "'--limit'" in said
    assert "next: dynofarm" in said
