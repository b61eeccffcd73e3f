"""From a sweep file, or models and options, to a sweep with its models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.models import Model
from orchestrator.runtimes import check_choice
from orchestrator.store import Store
from orchestrator.sweep import Sweep
from orchestrator.sweep_files import load_sweep, override_sweep, sweep_from_options


def read_sweep(farm: Farm, store: Store, what: Sequence[str], options: Mapping[str, Any]) -> tuple[Sweep, list[Model]]:
    """A sweep file with options that override it, or models and options; and the models it names, from the store.

    A file is looked for where the user is, then in the farm. Options are those of `sweep_from_options`; one that is
    None was not given. `ConfigError`, `UsageError`, `UnknownName`.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if not what:
        raise UsageError("what shall run? Give a sweep file or models", "for example: dynofarm run sweeps/example.yaml")
    files = [Path(text) for text in what if text.endswith((".yaml", ".yml"))]
    if files and len(what) > 1:
        raise UsageError("one sweep file, or models; not both", f"for example: dynofarm run {files[0]}")
    if files:
        path = files[0] if files[0].is_absolute() or files[0].exists() else farm.root / files[0]
        sweep = override_sweep(load_sweep(path), given)
    else:
        sweep = sweep_from_options(models=what, **given)
    return sweep, find_models(store, sweep)


def find_models(store: Store, sweep: Sweep) -> list[Model]:
    """The models that a sweep means, each once. `UsageError` where none is registered, or a runtime is none;
    `UnknownName` for a pattern that no model has."""
    for choice in sweep.runtimes:
        check_choice(choice)
    if not store.models():
        raise UsageError("no model is registered yet", "dynofarm model add FILE")
    models = [model for pattern in sweep.models for model in store.match_models(pattern)]
    return list({model.digest: model for model in models}.values())
