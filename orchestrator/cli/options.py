"""Arguments and options that several verbs have in common, in the same words."""

from typing import Annotated

import typer

from orchestrator.cli.completion import board_selectors, device_names

MOST_LINES = 10**9
"""Python's `sqlite3` counts the rows of one look in 31 bits."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for a board that another one holds.")]
IncludeQuarantined = Annotated[bool, typer.Option("--include-quarantined", help="Measure boards in quarantine, too.")]
DeviceName = Annotated[str, typer.Argument(metavar="NAME", help="The device's name.", autocompletion=device_names)]
BoardsOrAll = Annotated[
    list[str] | None,
    typer.Argument(metavar="BOARD", help="Names, patterns, tag:…, arch:…; all.", autocompletion=board_selectors),
]
OnBoardsOrAll = Annotated[
    list[str] | None,
    typer.Option(
        metavar="BOARD,…", help="Names, patterns, tag:…, arch:…; all of them.", autocompletion=board_selectors
    ),
]
