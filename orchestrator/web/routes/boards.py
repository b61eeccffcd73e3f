"""The farm, and a page for each board."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.report.devices import fact_lines, profile_lines
from orchestrator.store.glances.sweeps import running_sweeps
from orchestrator.web.looks import look_at_board, look_at_farm
from orchestrator.web.query import parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import boards as showing
from orchestrator.web.showing.sweeps import sweeps_table
from orchestrator.web.site import Site, site_of

router = APIRouter()

NEWEST_LEASES = 20
HIDDEN_KEYS = {"key", "jump host", "work folder"}
"""Of a profile: what leads into boards is not for everybody who may look."""


@router.get("/")
def farm(request: Request) -> Response:
    """Every board, and the sweeps that run now."""
    parse_query(request.url.query, ())
    return render(request, "farm.html", **_farm(site_of(request)))


@router.get("/live")
def live_farm(request: Request) -> Response:
    """The part of that page which moves."""
    parse_query(request.url.query, ())
    return render(request, "live_farm.html", **_farm(site_of(request)))


@router.get("/boards/{name:path}")
def board(request: Request, name: str) -> Response:
    """One board: how it stands, what it is, who had it."""
    parse_query(request.url.query, ())
    site, now = site_of(request), datetime.now().astimezone()
    with site.window.open() as look:
        found = look_at_board(site, look, name)
        quarantines = look.quarantines(name)
        leases = look.reservations.history(now, [name], NEWEST_LEASES)
    facts = found.record.facts if found.record else None
    profile = [pair for pair in profile_lines(found.device) if pair[0] not in HIDDEN_KEYS] if found.device else []
    return render(
        request,
        "board.html",
        board=found,
        figures=showing.board_figures(found),
        chart=showing.control_chart(found.visits, found.reading),
        profile=profile,
        facts=fact_lines(found.device, facts) if found.device else [],
        quarantines=showing.quarantines_table(quarantines) if quarantines else None,
        leases=showing.leases_table(leases, now) if leases else None,
    )


def _farm(site: Site) -> dict[str, Any]:
    with site.window.open() as look:
        boards = look_at_farm(site, look)
        with look.connection() as connection:
            running = running_sweeps(connection)
    return {
        "boards": showing.farm_table(boards) if boards else None,
        "count": len(boards),
        "out": sum(one.quarantine is not None for one in boards),
        "busy": sum(one.tenant is not None for one in boards),
        "running": sweeps_table(running) if running else None,
    }
