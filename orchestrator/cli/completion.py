"""Tab completion of names. Silent on any trouble: a shell that completes nothing beats one that prints errors.

Nothing heavy is imported and nothing is changed: no profile is read, and the database is only looked into.
"""

from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.context import Settings
from orchestrator.errors import DynofarmError
from orchestrator.report.characters import one_line

if TYPE_CHECKING:
    from orchestrator.farm import Farm

ROLES = ("case", "reference", "energy", "profile", "task", "all")
"""Those of `runs.Role`, which a test holds alike, and the word for all of them."""

VERDICTS = ("trusted", "suspect", "invalid")
"""Those of `trust.verdicts.Verdict`, which a test holds alike."""

TABLES = ("runs", "latencies", "samples")
"""Those of `export.columns.TABLES`, which a test holds alike."""

_SWEEPS = "select sweep_id, name from sweeps_view order by sweep_id desc"
_MODELS = "select distinct name from models_view where removed is null"


def device_names(context: typer.Context, incomplete: str) -> list[str]:
    """Profiles' names, read from the folder alone."""
    return _beginning(_profiles(context), incomplete)


def board_selectors(context: typer.Context, incomplete: str) -> list[str]:
    """What --on takes: the names, and `all`; behind a comma too."""
    before, comma, begun = incomplete.rpartition(",")
    return [before + comma + name for name in _beginning([*_profiles(context), "all"], begun)]


def model_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the registered models."""
    return _beginning(_models(context), incomplete)


def sweep_numbers(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Numbers of the sweeps, the newest first, each with its name."""
    return [(number, name) for number, name in _sweeps(context) if number.startswith(incomplete)]


def running_sweeps(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Those of the sweeps that run now."""
    running = _running(context)
    return [one for one in sweep_numbers(context, incomplete) if int(one[0]) in running]


def runnable(context: typer.Context, incomplete: str) -> list[str] | list[tuple[str, str]]:
    """What `run` takes: models, and the files in sweeps/; with --resume a sweep."""
    if context.params.get("resume"):
        return sweep_numbers(context, incomplete)
    return _beginning([*_models(context), *_sweep_files(context)], incomplete)


def formats(incomplete: str) -> list[str]:
    """What `results --format` takes."""
    from orchestrator.export import FORMATS

    return _beginning(["table", *FORMATS], incomplete)


def tables(incomplete: str) -> list[str]:
    """What `export` writes."""
    return _beginning(TABLES, incomplete)


def export_formats(incomplete: str) -> list[str]:
    """What `export --format` takes."""
    return _beginning(("parquet", "arrow"), incomplete)


def study_formats(incomplete: str) -> list[str]:
    """What `table --format` takes."""
    from orchestrator.report.study.formats import TABLE, WRITERS

    return _beginning([TABLE, *WRITERS], incomplete)


def objectives(incomplete: str) -> list[str]:
    """What `best --objective` takes."""
    from orchestrator.choosing.limits import Objective

    return _beginning(list(Objective), incomplete)


def report_formats(incomplete: str) -> list[str]:
    """What `report --format` takes."""
    from orchestrator.pages.formats import FORMATS

    return _beginning(FORMATS, incomplete)


def roles(incomplete: str) -> list[str]:
    """What `results --role` takes."""
    return _beginning(ROLES, incomplete)


def verdicts(incomplete: str) -> list[str]:
    """What `results --verdict` takes."""
    return _beginning(VERDICTS, incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in set(names) if name.startswith(incomplete))


def _farm(context: typer.Context) -> "Farm | None":
    """The farm that the words typed so far mean: the options before the verb are not run while completing."""
    given = context.find_root().params
    try:
        return Settings(given.get("farm"), given.get("db")).find_farm()
    except (DynofarmError, OSError):
        return None


def _profiles(context: typer.Context) -> list[str]:
    farm = _farm(context)
    try:
        found = list(farm.profiles.iterdir()) if farm else []
    except OSError:
        return []
    return [path.stem for path in found if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")]


def _sweep_files(context: typer.Context) -> list[str]:
    farm = _farm(context)
    try:
        found = [path for path in farm.sweeps.iterdir() if path.suffix in (".yaml", ".yml")] if farm else []
    except OSError:
        return []
    return [f"{path.parent.name}/{path.name}" for path in found]


def _sweeps(context: typer.Context) -> list[tuple[str, str]]:
    return [(str(number), one_line(str(name))) for number, name in _rows(context, _SWEEPS)]


def _running(context: typer.Context) -> set[int]:
    """Numbers of the sweeps that some living process works at."""
    import sqlite3

    from orchestrator.store.file import connect
    from orchestrator.store.sittings import open_sittings

    farm = _farm(context)
    if farm is None:
        return set()
    try:
        with closing(connect(farm.database, "ro", 1.0)) as connection:
            return {one.sweep_id for one in open_sittings(connection)}
    except (OSError, sqlite3.Error):
        return set()


def _models(context: typer.Context) -> list[str]:
    return [str(name) for (name,) in _rows(context, _MODELS)]


def _rows(context: typer.Context, query: str) -> list[tuple[Any, ...]]:
    from orchestrator.store.read_only import run_sql

    farm = _farm(context)
    try:
        return run_sql(farm.database, query, 1000, time_limit_s=1.0)[1] if farm else []
    except (DynofarmError, OSError):
        return []
