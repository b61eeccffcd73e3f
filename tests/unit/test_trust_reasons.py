"""The catalogue: every reason has words, the page lists them all, and the commands it names exist."""

import re
import runpy
from pathlib import Path

import pytest
import typer

from orchestrator.cli.completion import VERDICTS
from orchestrator.cli.main import command_line
from orchestrator.trust.judge import judge, judgement_of
from orchestrator.trust.reasons import (
    CATALOGUE,
    Entry,
    Severity,
    brief_of,
    grave,
    rank_of,
    remedy_of,
    sentence_of,
    severity_of,
)
from orchestrator.trust.verdicts import Reason, Verdict
from tests.unit.test_trust_rules import MADE

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("code", MADE)
def test_a_reason_says_its_figures_in_a_sentence(code: str) -> None:
    make, context = MADE[code]
    reason = next(reason for reason in judge(make(), context).reasons if reason.code == code)
    wanted = re.findall(r"{(\w+)", CATALOGUE[code].sentence)
    assert set(wanted) == set(reason.figures), "what is stored is what is said"
    sentence = sentence_of(reason)
    assert sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_a_reason_tells_when_and_what_next(entry: Entry) -> None:
    for text in (entry.brief, entry.when, entry.remedy):
        assert text
        assert "  " not in text
    assert not entry.when.endswith(".")


def test_the_catalogue_begins_with_the_gravest() -> None:
    severities = [entry.severity for entry in CATALOGUE.values()]
    assert severities == sorted(severities, reverse=True)


def test_figures_of_another_version_are_borne() -> None:
    assert sentence_of(Reason("trend", {"slope": 3})) == "The latencies had a trend."
    assert (
        sentence_of(Reason("trend", {"percent": "much", "first_ms": 1, "last_ms": 2})) == "The latencies had a trend."
    )
    unknown = Reason("gravity", {"g": 9.81})
    assert "another version" in sentence_of(unknown)
    assert "another version" in brief_of("gravity")
    assert remedy_of("gravity") == ""
    assert severity_of("gravity") is Severity.NOTE
    assert judgement_of([unknown, Reason("trend")]).reasons[0].code == "trend"
    assert rank_of(unknown) > rank_of(Reason("no_sensor"))


def test_a_remedy_names_the_board_and_the_run() -> None:
    assert remedy_of("others_ran", "kitchen") == "Find it and stop it: dynofarm doctor kitchen"
    assert "dynofarm show 3f9a" in remedy_of("trend", run="3f9a")


def test_only_what_lowers_a_verdict_is_grave() -> None:
    assert grave("others_ran no_sensor trend unknown_code") == ["others_ran", "trend"]
    assert grave("") == []


def test_the_page_lists_every_reason_as_it_is() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "trust_page.py"))
    page = (ROOT / "docs" / "trust.md").read_text()
    assert script["page_with"](script["reasons_text"](), page) == page, "run scripts/trust_page.py"
    assert all(f"### `{code}`" in page for code in CATALOGUE)


def test_every_command_that_a_remedy_names_exists() -> None:
    named = {
        command for entry in CATALOGUE.values() for command in re.findall(r"dynofarm ([a-z ]+[a-z])", entry.remedy)
    }
    assert named
    for command in named:
        found = typer.main.get_command(command_line())
        for word in command.split():
            children = getattr(found, "commands", None)
            if not children:
                break
            assert word in children, f"dynofarm {command}: no such command"
            found = children[word]


def test_every_option_that_a_remedy_names_exists() -> None:
    commands = typer.main.get_command(command_line()).commands
    known = set()
    for command in [
        *commands.values(),
        *(one for group in commands.values() for one in getattr(group, "commands", {}).values()),
    ]:
        known |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    named = {option for entry in CATALOGUE.values() for option in re.findall(r"--[a-z-]+", entry.remedy)}
    assert named <= known


def test_the_words_of_the_command_line_are_the_verdicts() -> None:
    assert tuple(Verdict) == VERDICTS
