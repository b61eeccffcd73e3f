"""`dynofarm init`."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import say, settings_of


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm init my-farm")(init)


def init(
    context: typer.Context,
    folder: Annotated[str | None, typer.Argument(help="Where the farm shall lie.", show_default="this folder")] = None,
) -> None:
    """Make a farm in a folder: device_profiles/, sweeps/, results.db. What is there already stays as it is."""
    from orchestrator.cli.context import open_store
    from orchestrator.farm import find_farm, init_farm

    settings = settings_of(context)
    root = settings.start_folder() / folder if folder else settings.start_folder()
    made = init_farm(root)
    with open_store(find_farm(root, settings.db)):
        pass
    for path in made:
        say(f"made {_short(path)}")
    if not made:
        say(f"{_short(root)} is a farm already; nothing was changed")
    say("next: dynofarm device add NAME USER@HOST, or try this machine: dynofarm device check local")


def _short(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
