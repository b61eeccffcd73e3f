"""Settings of a whole farm: the optional `farm.yaml` beside `device_profiles/`. A farm works without it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.yaml.document import config_error
from orchestrator.yaml.reading import read_document

if TYPE_CHECKING:
    from orchestrator.farm_schema import FarmKeys

FARM_FILE = "farm.yaml"
HINT = "correct these lines; docs/how-to-share-an-uplink.md explains the keys of farm.yaml"

CONNECTIONS = 32
"""More threads in the key exchange cost up to twice the CPU and win nothing."""
PUSHES = 8
"""More parallel uploads win nothing and delay the heartbeats of the boards that measure."""


@dataclass(frozen=True)
class FarmSettings:
    """What holds for all boards. Rates are bytes per second; a limit that is None, or a site without one, has none."""

    uplink_bytes_s: float | None = None
    site_uplinks_bytes_s: Mapping[str, float] = field(default_factory=dict)
    connections: int = CONNECTIONS
    pushes: int = PUSHES


def load_settings(folder: Path) -> FarmSettings:
    """The settings of the farm in `folder`; the defaults where it has no `farm.yaml`. `ConfigError` with all faults."""
    path = folder / FARM_FILE
    if not path.exists() and not path.is_symlink():
        return FarmSettings()
    from orchestrator.farm_schema import FarmKeys
    from orchestrator.yaml.schema import check

    document, faults = read_document(path)
    keys, found = check(FarmKeys, document, faults) if document is not None else (None, [])
    if keys is None or faults or found:
        raise config_error([*faults, *found], HINT)
    return _settings(keys)


def _settings(keys: "FarmKeys") -> FarmSettings:
    sites = {name: site.uplink for name, site in keys.sites.items() if site.uplink is not None}
    return FarmSettings(keys.uplink, sites, keys.connections, keys.pushes)
