"""Faults of the command line that typer finds, in the words of all other errors: what, and what next."""

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


def help_of(fault: Exception) -> str | None:
    """A group of commands that was called without one: its help is the answer, and not a fault."""
    context: Any = getattr(fault, "ctx", None)
    if type(fault).__name__ != "NoArgsIsHelpError" or context is None:
        return None
    return str(context.get_help())
