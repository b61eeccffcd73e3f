"""The scripts and the style sheet that pages carry: inside of a file, or under an address that changes with them."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from markupsafe import Markup

FOLDER = Path(__file__).resolve().parent / "assets"

CHARTS = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js", "charts.js")
"""What draws charts, in the order in which it must be read."""
LIVE = ("htmx.min.js",)
STYLE = "style.css"

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True)
class Asset:
    """One file. `content` is UTF-8."""

    name: str
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def csp_source(self) -> str:
        """What a Content-Security-Policy allows it by."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.content).digest()).decode()}'"

    @property
    def address(self) -> str:
        """`vega.min.8f6a3587cf8d.js`: another one as soon as the content is, so that browsers may keep it for ever."""
        stem, _, suffix = self.name.rpartition(".")
        return f"{stem}.{self.sha256[:12]}.{suffix}"


@cache
def find_assets() -> Mapping[str, Asset]:
    """By name, all that pages may ask for."""
    names = (*CHARTS, *LIVE, STYLE)
    return {name: Asset(name, _TYPES[Path(name).suffix], (FOLDER / name).read_bytes()) for name in names}


@cache
def assets_by_address() -> Mapping[str, Asset]:
    """The same by address, for a server: what is not among them is not there."""
    return {asset.address: asset for asset in find_assets().values()}


@cache
def read_licences() -> str:
    """Those of the scripts of others; whoever hands the scripts on hands these on, too."""
    return (FOLDER / "licences.txt").read_text(encoding="utf-8")


class Links(Protocol):
    """How a page comes to its assets."""

    def head(self, scripts: Sequence[str]) -> Markup:
        """What stands in the head of a page that needs these scripts."""
        ...


class Inline:
    """All of it inside of the page, and nothing else allowed: the browser itself refuses to load anything."""

    def head(self, scripts: Sequence[str]) -> Markup:
        assets = find_assets()
        style, chosen = assets[STYLE], [assets[name] for name in scripts]
        sources = " ".join(asset.csp_source for asset in chosen) or "'none'"
        # Vega sets styles on the parts that it makes, one by one, which no policy counts as a style sheet.
        policy = (
            f"default-src 'none'; script-src {sources}; style-src {style.csp_source}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        )
        parts = [
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<style>{style.content.decode()}</style>",
            *(f"<script>{asset.content.decode()}</script>" for asset in chosen),
        ]
        return Markup("\n".join(parts))  # noqa: S704 - files of this package, with their hashes checked


@dataclass(frozen=True)
class Linked:
    """Each under `prefix` and its address."""

    prefix: str = "/assets/"

    def head(self, scripts: Sequence[str]) -> Markup:
        assets = find_assets()
        link = Markup('<link rel="stylesheet" href="{}{}">').format(self.prefix, assets[STYLE].address)
        tags = [
            Markup('<script src="{}{}" defer></script>').format(self.prefix, assets[name].address) for name in scripts
        ]
        return Markup("\n").join([link, *tags])
