"""The one Jinja2 environment: everything is escaped, and a name that is not there is a fault, never an empty place."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator import __version__
from orchestrator.pages.assets import CHARTS, LIVE, Links, read_licences
from orchestrator.pages.badges import answer_badge, status_badge, verdict_badge
from orchestrator.pages.filters import FILTERS

TEMPLATES = Path(__file__).resolve().parent / "templates"


def make_environment(links: Links, *more: Path) -> Environment:
    """`more` are folders with templates of one's own, which may extend `base.html` and import `macros.html`."""
    environment = Environment(
        loader=FileSystemLoader([*more, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":"), "allow_nan": False}
    environment.globals.update(
        links=links,
        chart_scripts=CHARTS,
        live_scripts=LIVE,
        version=__version__,
        licences=read_licences,
        verdict_badge=verdict_badge,
        status_badge=status_badge,
        answer_badge=answer_badge,
    )
    return environment
