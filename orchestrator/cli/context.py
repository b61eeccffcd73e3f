"""What every verb starts from: where the farm lies, its store, and the two streams to talk on."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from orchestrator.report.characters import visible
from orchestrator.report.output import print_text, speaks_unicode

if TYPE_CHECKING:
    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.store import Store
    from orchestrator.store.reading import Reader


@dataclass(frozen=True)
class Settings:
    """The options before the verb."""

    farm: str | None = None
    db: str | None = None
    debug: bool = False

    def find_farm(self) -> "Farm":
        from orchestrator.farm import find_farm

        return find_farm(self.start_folder(), self.db)

    def start_folder(self) -> Path:
        return Path(self.farm) if self.farm else Path.cwd()


def settings_of(context: typer.Context) -> Settings:
    return cast(Settings, context.find_root().obj or Settings())


@contextmanager
def open_store(farm: "Farm", *, create: bool = False) -> Iterator["Store"]:
    """The farm's database. A verb that only reads does not `create` it: a mistyped --db would become an empty file."""
    from orchestrator.store import Store

    store = Store.open(farm.database, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def open_results(farm: "Farm") -> Iterator["Reader"]:
    """The same to look at results only, in half the time."""
    from orchestrator.store.reading import open_reader

    with open_reader(farm.database) as reader:
        yield reader


def load_devices(farm: "Farm") -> "list[Device]":
    from orchestrator.profiles import load_profiles

    return load_profiles(farm.profiles)


def print_json(value: Any) -> None:
    """JSON for scripts: the only thing on standard output."""
    print_text(json.dumps(value, indent=2, default=str, ensure_ascii=not speaks_unicode()) + "\n")


def say(text: str) -> None:
    """A word for the person: standard error, so that standard output stays for data."""
    if sys.stderr is not None:
        sys.stderr.write(visible(text) + "\n")
        sys.stderr.flush()


def say_next(hint: str) -> None:
    """What to do about what was said."""
    say(f"  next: {hint}")
