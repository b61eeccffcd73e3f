"""Faults of the command line that typer finds, in the words of all other errors: what, and what next."""

import sys
from collections.abc import Sequence
from typing import Any

from orchestrator.errors import UsageError


def explain(fault: Exception) -> UsageError | None:
    """The error for a fault that typer raised; None when it is none of typer's.

    Typer keeps the class to itself, but not what it has: an exit code, a message, the context of the command.
    """
    told: Any = getattr(fault, "format_message", None)
    if told is None or not hasattr(fault, "exit_code"):
        return None
    context: Any = getattr(fault, "ctx", None)
    command = context.command_path if context is not None else "dynofarm"
    text = str(told()).strip().removesuffix(".")
    return UsageError(text[:1].lower() + text[1:], f"{command} --help")


def explain_no_text(fault: Exception, words: Sequence[str]) -> UsageError | None:
    """The error for a word of bytes that are no text, which was to be kept as one; None when it is none of these.

    Such words are not refused before: as the name of a file they are as good as any other.
    """
    if not isinstance(fault, UnicodeEncodeError):
        return None
    for word in words:
        shown = word.encode(errors="surrogateescape").decode(errors="backslashreplace")
        if shown != word:
            return UsageError(
                f"{shown} is no text in {sys.getfilesystemencoding().upper()}",
                "write it in the encoding of this terminal; dynofarm keeps only text",
            )
    return None


def help_of(fault: Exception) -> str | None:
    """A group of commands that was called without one: its help is the answer, and not a fault."""
    context: Any = getattr(fault, "ctx", None)
    if type(fault).__name__ != "NoArgsIsHelpError" or context is None:
        return None
    return str(context.get_help())
