"""The agent's command lines, which only programs write: what makes no sense is said, and nothing is done."""

import pytest

from agent.__main__ import USAGE_STATUS, main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no such verb"),
        (["dance"], "dance: no such verb"),
        (["serve"], "serve: --work is missing"),
        (["receive", "--work", "/nowhere", "--digest", "0" * 64], "receive: --size is missing"),
        (
            ["receive", "--work", "/nowhere", "--digest", "0" * 64, "--size", "many"],
            "--size takes a number, not 'many'",
        ),
        (["receive", "--work", "/nowhere", "--digest", "0" * 64, "--size", "-1"], "--size takes a number, not '-1'"),
        (["give", "here"], "give: what is 'here'?"),
        (["worker", "--model", "m", "--report-fd"], "--report-fd takes a number, not ''"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == USAGE_STATUS
    assert said in capsys.readouterr().err
