"""The `dynofarm` command: registers the verbs, prints errors in one place, decides the exit code.

Exit codes: 0 all measured, 1 some runs failed, 2 usage or configuration, 3 a gate failed, 4 store or farm unusable,
130 stopped by the user.
"""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.cli.context import Settings, say, say_next
from orchestrator.cli.plain_options import spare_pydantic
from orchestrator.cli.usage import explain, explain_no_text, help_of
from orchestrator.errors import DynofarmError
from orchestrator.report.output import meet, outlive_stderr, print_text, soften_streams

VERBS = (
    "init", "device", "model", "data", "run", "stop", "noise", "duet", "health", "doctor", "spread",
    "sweeps", "results", "answers", "compare", "baseline", "history", "show", "table", "claims",
    "waterfall", "report", "best", "judge", "serve", "export", "sql",
)  # fmt: skip
"""Each is a module of this package, in the order of `dynofarm --help`."""


def command_line(words: Sequence[str] = ()) -> typer.Typer:
    """The commands that these words may mean: one alone where it comes first, so that the modules of the others need
    not be read; all of them behind an option, for help, and to say what a misspelt one may have meant."""
    app = typer.Typer(
        name="dynofarm",
        help="Benchmark machine-learning models on a farm of edge boards, over SSH.",
        epilog="First steps, for example: dynofarm init, dynofarm device add kitchen pi@10.0.0.4, dynofarm model add"
        " bert.tflite, dynofarm run bert. Exit codes: 0 all measured; 1 some runs failed or are still to do; 2 usage or"
        " configuration; 3 a gate failed; 4 store or farm unusable; 130 stopped by you.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(settings)
    for verb in words[:1] if words and words[0] in VERBS else VERBS:
        import_module(f"orchestrator.cli.{verb}").register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print_text(f"dynofarm {__version__}\n")
        raise typer.Exit


def settings(
    context: typer.Context,
    farm: Annotated[
        str | None, typer.Option("--farm", "-C", metavar="DIR", help="Work as if started in DIR.", show_default=False)
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(metavar="FILE", envvar="DYNOFARM_DB", help="The database, if not the farm's results.db."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and what happens underneath.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
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
    # Importing makes a hundred thousand objects that stay: not one of the usual searches among them would free any. For
    # sweeps of days, the last figure lets all be searched after some 200,000 new ones (usually: 70,000).
    gc.set_threshold(20_000, 10, 1)
    soften_streams()
    outlive_stderr()
    sys.exit(_run(debug="--debug" in sys.argv))


def _run(*, debug: bool) -> int:
    try:
        command = typer.main.get_command(command_line(sys.argv[1:]))
        spare_pydantic(command)
        return int(command(prog_name="dynofarm", standalone_mode=False) or 0)
    except DynofarmError as error:
        if debug:
            raise
        return _complain(error)
    except typer.Abort:
        say("dynofarm: stopped; nothing was changed")
        return 130
    except SystemExit as end:
        # Typer ends with status 1 when its own output (the help) meets a closed pipe.
        if isinstance(end.__context__, BrokenPipeError):
            meet(end.__context__)
            return 0
        raise
    except Exception as fault:
        return _explain(fault, debug=debug)


def _explain(fault: Exception, *, debug: bool) -> int:
    help_text = help_of(fault)
    if help_text is not None:
        print_text(help_text + "\n")
        return 2
    error = explain(fault) or explain_no_text(fault, sys.argv[1:])
    if error is not None:
        return _complain(error)
    if debug:
        raise fault
    say(f"dynofarm: this is a fault of dynofarm: {type(fault).__name__}: {fault}")
    say_next("run it again with: dynofarm --debug …")
    return 4


def _complain(error: DynofarmError) -> int:
    for line in error.message.splitlines() or [""]:
        say(f"dynofarm: {line}")
    if error.hint:
        say_next(error.hint)
    return error.exit_code
