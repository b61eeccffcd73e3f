"""The `dynofarm` command: registers the verbs, prints errors in one place, decides the exit code.

Exit codes: 0 all measured, 1 some runs failed, 2 usage or configuration, 3 a gate failed, 4 store or farm unusable,
130 stopped by the user.
"""

import os
import sys
from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.cli import device, init, model, results, run, show, sql, sweeps
from orchestrator.cli.context import Settings
from orchestrator.errors import DynofarmError

app = typer.Typer(
    name="dynofarm",
    help="Benchmark machine-learning models on a farm of edge boards, over SSH.",
    epilog="First steps: dynofarm init, dynofarm device add, dynofarm model add, dynofarm run.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
init.register(app)
device.register(app)
model.register(app)
run.register(app)
sweeps.register(app)
results.register(app)
show.register(app)
sql.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dynofarm {__version__}")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    farm: Annotated[
        str | None, typer.Option("--farm", "-C", metavar="DIR", help="Work as if started in DIR.", show_default=False)
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(metavar="FILE", envvar="DYNOFARM_DB", help="The database, if not the farm's results.db."),
    ] = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks and what happens underneath.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Benchmark machine-learning models on a farm of edge boards, over SSH."""
    context.obj = Settings(farm, db, debug)
    if debug:
        import logging

        logging.basicConfig(
            level=logging.DEBUG, stream=sys.stderr, format="%(relativeCreated)7.0f ms %(name)s: %(message)s"
        )


def main() -> None:
    """Run the command line; the only place that prints an error."""
    debug = "--debug" in sys.argv
    try:
        app()
    except DynofarmError as error:
        if debug:
            raise
        _complain(error.message, error.hint)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _complain("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        _complain(
            f"this is a fault of dynofarm: {type(error).__name__}: {error}", "run it again with: dynofarm --debug …"
        )
        sys.exit(4)


def _complain(message: str, hint: str = "") -> None:
    for line in message.splitlines() or [""]:
        typer.echo(f"dynofarm: {line}", err=True)
    if hint:
        typer.echo(f"  next: {hint}", err=True)
