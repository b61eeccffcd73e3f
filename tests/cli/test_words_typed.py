"""Words of the command line that are not what they look like: bytes that are no text, digits that are no number."""

from pathlib import Path

import pytest

from tests.cli.conftest import Dynofarm, keep_runs
from tests.making import make_run

NO_TEXT = "a\udcff"
"""As Python takes in a word whose bytes are no UTF-8."""


@pytest.mark.parametrize(
    "words",
    [
        ("stop", NO_TEXT),
        ("show", NO_TEXT),
        ("run", "--resume", NO_TEXT),
        ("device", "reserve", "local", "--for", "1h", "--why", NO_TEXT),
        ("sweeps", "--faults", NO_TEXT),
        ("report", NO_TEXT),
    ],
)
def test_a_word_that_is_no_text_is_named_and_changes_nothing(
    dynofarm: Dynofarm, farm: Path, words: tuple[str, ...]
) -> None:
    keep_runs(farm, [make_run()])
    said = dynofarm(*words).failed(2)
    assert "a\\xff is no text in UTF-8\n  next: write it in the encoding of this terminal" in said.err
    assert dynofarm("device", "reservations", "--history", "--json").ok().json == []


def test_a_file_may_have_a_name_that_is_no_text(dynofarm: Dynofarm, farm: Path) -> None:
    keep_runs(farm, [make_run()])
    dynofarm("report", "last", "--output", f"{NO_TEXT}.csv").ok()
    assert (farm / f"{NO_TEXT}.csv").exists()


@pytest.mark.parametrize("number", ["²", "9" * 5000])
@pytest.mark.parametrize("words", [("judge", "--sweep"), ("report",), ("table",), ("answers",)])
def test_what_is_no_number_of_a_sweep_may_only_be_its_name(
    dynofarm: Dynofarm, farm: Path, words: tuple[str, ...], number: str
) -> None:
    keep_runs(farm, [make_run()])
    assert "there is no sweep '" in dynofarm(*words, number).failed(2).err
    assert "Traceback" not in dynofarm(*words, "1").err
