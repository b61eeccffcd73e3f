"""What every verb starts from: where the farm lies, and its store."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

if TYPE_CHECKING:
    from orchestrator.devices import Device
    from orchestrator.farm import Farm
    from orchestrator.store import Store


@dataclass(frozen=True)
class Settings:
    """The options before the verb."""

    farm: str | None = None
    db: str | None = None
    debug: bool = False

    def find_farm(self) -> "Farm":
        from orchestrator.farm import find_farm

        return find_farm(Path(self.farm) if self.farm else Path.cwd(), self.db)

    def start_folder(self) -> Path:
        return Path(self.farm) if self.farm else Path.cwd()


def settings_of(context: typer.Context) -> Settings:
    return cast(Settings, context.find_root().obj or Settings())


@contextmanager
def open_store(farm: "Farm") -> Iterator["Store"]:
    from orchestrator.store import Store

    store = Store.open(farm.database, create=True)
    try:
        yield store
    finally:
        store.close()


def load_devices(farm: "Farm") -> "list[Device]":
    from orchestrator.profiles import load_profiles

    return load_profiles(farm.profiles)


def print_json(value: Any) -> None:
    """JSON for scripts: the only thing on standard output."""
    typer.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def say(text: str) -> None:
    """A word for the person: standard error, so that standard output stays for data."""
    typer.echo(text, err=True)
