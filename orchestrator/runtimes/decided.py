"""What was decided when a file was made, and cannot be had otherwise: who computes parts of it, and where. Pure."""

from agent.protocol import Facts
from orchestrator.models import Model
from orchestrator.runtimes.catalogue import Runtime
from orchestrator.runtimes.targets import target_of

DELEGATE, CODE = "DELEGATE:", "CODE:"
"""Before what the readers of `model_files` put among operators: a backend's name, and an architecture."""


def handed_over(model: Model) -> list[str]:
    """The backends that parts of a program were made for."""
    return [name.removeprefix(DELEGATE) for name in model.operators if name.startswith(DELEGATE)]


def other_delegate(row: Runtime, delegate: str, model: Model) -> str | None:
    """A file in which it was decided what is handed over, and to whom, is run in that way or not at all."""
    if not row.delegate_in_file:
        return None
    found = handed_over(model)
    others = [name for name in found if name != row.delegate_in_file]
    if others:
        return f"parts of {model.name} are made for {' or '.join(others)}, and {row.name} brings {row.delegate_in_file}"
    if (delegate != "none") == bool(found):
        return None
    if found:
        word = row.delegates[0]
        return f"parts of {model.name} are made for {word}: export it without them, or ask for {word}"
    return f"{model.name} has no part for {delegate}: export it with its partitioner, or ask for none"


def other_processor(model: Model, facts: Facts) -> str | None:
    """Machine code runs on the architecture that it was compiled for."""
    built = [name.removeprefix(CODE) for name in model.operators if name.startswith(CODE)]
    architecture = target_of(facts).architecture
    if not built or architecture in built:
        return None
    return (
        f"{model.name} was compiled for {' or '.join(built)}, and the board is {architecture};"
        " compile it for this one: dynofarm model compile"
    )
