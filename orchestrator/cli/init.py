"""`dynofarm init`."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import print_json, say, settings_of


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: dynofarm init my-farm")(init)


def init(
    context: typer.Context,
    folder: Annotated[
        str | None, typer.Argument(metavar="FOLDER", help="Where the farm shall lie.", show_default="this folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made, as JSON.")] = False,
) -> None:
    """Make a farm in a folder: device_profiles/, sweeps/, results.db. What is there already stays as it is."""
    from orchestrator.cli.context import open_store
    from orchestrator.farm import find_farm, init_farm

    settings = settings_of(context)
    root = settings.start_folder() / folder if folder else settings.start_folder()
    made = init_farm(root)
    farm = find_farm(root, settings.db)
    fresh = not farm.database.exists()
    with open_store(farm, create=True):
        made += [farm.database] if fresh else []
    if as_json:
        print_json({"farm": str(farm.root), "database": str(farm.database), "made": [str(path) for path in made]})
        return
    for path in made:
        say(f"made {_short(path)}")
    if not made:
        say(f"{_short(farm.root)} is a farm already; nothing was changed")
    enter = f"cd {folder}, then " if folder else ""
    say(f"next: {enter}dynofarm device add NAME USER@HOST, or try this machine: dynofarm device check local")


def _short(path: Path) -> str:
    """As seen from here; the folder itself by its name."""
    try:
        near = str(path.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)
    return path.resolve().name if near == "." else near
