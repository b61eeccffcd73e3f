"""What one server serves: a farm, its store, who may do what, and the names it answers to."""

import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from jinja2 import Environment
from starlette.requests import Request

from orchestrator.farm import Farm
from orchestrator.pages.assets import Linked
from orchestrator.pages.environment import make_environment
from orchestrator.report.characters import visible
from orchestrator.store.looking import Window
from orchestrator.web.access import Access
from orchestrator.web.addresses import GLOBALS

TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class Site:
    """`names` are those that it answers to beside addresses in figures (`hosts.py`); `loopback`: it is bound to this
    machine alone. `stop` is set when the server ends: what is under way on boards is broken off then."""

    farm: Farm
    window: Window
    access: Access = field(default_factory=Access)
    names: frozenset[str] = frozenset({"localhost"})
    loopback: bool = True
    debug: bool = False
    stop: threading.Event = field(default_factory=threading.Event)


@cache
def templates() -> Environment:
    """Those of `pages` and of this server; each is compiled once."""
    environment = make_environment(Linked(), TEMPLATES)
    environment.globals.update(GLOBALS)
    environment.filters["visible"] = visible
    return environment


def compile_templates() -> None:
    """All that pages are made of, which takes a fifth of a second."""
    for file in TEMPLATES.glob("*.html"):
        templates().get_template(file.name)


def site_of(request: Request) -> Site:
    return cast(Site, request.app.state.site)
