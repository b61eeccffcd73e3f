"""The keys of `farm.yaml` and what may stand behind them. Imported late, because pydantic is."""

from typing import Annotated

from pydantic import Field

from orchestrator.farm_file import CONNECTIONS, PUSHES
from orchestrator.quantities import parse_rate_bytes_s
from orchestrator.yaml.schema import Section, key, parsed

_WORD = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_RATE = "a rate from 8 kbit/s to 1000 Gbit/s, such as 100 Mbit/s or 2.5 MB/s"

Rate = Annotated[float | None, parsed(parse_rate_bytes_s), Field(ge=1000, le=125e9)]


class Site(Section):
    """What the boards of one site share."""

    uplink: Rate = key(_RATE, "What pushes to the boards of this site may take together.", shown="no limit")


class FarmKeys(Section):
    """The file `farm.yaml`."""

    uplink: Rate = key(_RATE, "What pushes to all boards may take together.", shown="no limit")
    sites: dict[Annotated[str, Field(pattern=_WORD)], Site] = key(
        "a mapping of sites (words, as in `site` of a profile) to their limits", "", {}, shown="none"
    )
    connections: int = key(
        "a whole number from 1 to 1000",
        "How many boards are being connected to at one time.",
        CONNECTIONS,
        shown=str(CONNECTIONS),
        ge=1,
        le=1000,
    )
    pushes: int = key(
        "a whole number from 1 to 1000",
        "How many files are being pushed at one time.",
        PUSHES,
        shown=str(PUSHES),
        ge=1,
        le=1000,
    )
