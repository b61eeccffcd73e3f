"""Tab completion of names. Silent on any trouble: a shell that completes nothing beats one that prints errors."""

from orchestrator.cli.context import Settings
from orchestrator.errors import DynofarmError


def device_names(incomplete: str) -> list[str]:
    """Profiles' names, read from the folder alone."""
    try:
        folder = Settings().find_farm().profiles
        names = sorted(path.stem for path in folder.glob("*.yaml"))
    except (DynofarmError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Names of the registered models."""
    from orchestrator.store import Store

    try:
        store = Store.open(Settings().find_farm().database)
        try:
            names = sorted({model.name for model in store.models()})
        finally:
            store.close()
    except (DynofarmError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]
