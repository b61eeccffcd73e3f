"""Asking the person in front of the terminal."""

import sys

import typer

from orchestrator.errors import UsageError


def confirm(question: str, for_scripts: str) -> None:
    """Ask yes or no; no ends the command. Without a terminal there is nobody to ask: `UsageError` names the way."""
    if not is_there_anybody():
        raise UsageError(f"cannot ask: {question}", f"in a script: {for_scripts}")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def is_there_anybody() -> bool:
    """Whether a person can answer."""
    return sys.stdin is not None and sys.stdin.isatty()
