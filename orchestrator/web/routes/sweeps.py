"""Sweeps: the list, and a page for each, which moves while it runs."""

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.pages.reading import read_sweep
from orchestrator.pages.report import make_report
from orchestrator.store.glances.boards import parts
from orchestrator.store.glances.sweeps import SweepLine, sweep_like_it_before, sweeps_before
from orchestrator.store.looking import Look
from orchestrator.web.looks import sweep_of
from orchestrator.web.query import parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import sweeps as showing
from orchestrator.web.showing.boards import faults_table
from orchestrator.web.site import site_of

router = APIRouter()

SWEEPS_SHOWN = 25
"""Chosen: a screen full. Each of them is counted job by job."""
MOST_JOBS = 3000
"""Chosen: what a sweep of more comes to is read in more than a second; its report has it."""


@router.get("/sweeps")
def sweeps(request: Request) -> Response:
    """The newest first; `before` is the number of a sweep."""
    query = parse_query(request.url.query, {"before"})
    before = query.number("before")
    with site_of(request).window.open() as look, look.connection() as connection:
        lines = sweeps_before(connection, before, SWEEPS_SHOWN + 1)
    shown = lines[:SWEEPS_SHOWN]
    more = shown[-1].sweep_id if len(lines) > SWEEPS_SHOWN else None
    return render(
        request, "sweeps.html", sweeps=showing.sweeps_table(shown) if shown else None, before=before, more=more
    )


@router.get("/sweeps/{number}")
def sweep(request: Request, number: str) -> Response:
    """One sweep, as far as it is."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        line = _line(look, number)
        facts = read_sweep(look, line.sweep_id, answers=False) if 0 < line.jobs <= MOST_JOBS else None
        with look.connection() as connection:
            by_board = parts(connection, line.sweep_id)
            before = sweep_like_it_before(connection, line.sweep_id)
        faults, cycles = look.link_faults(line.sweep_id), look.power_cycles(line.sweep_id)
    return render(
        request,
        "sweep.html",
        sweep=line,
        before=before,
        state=showing.state_badge(line),
        requests=showing.request_lines(line),
        parts_of_boards=showing.parts_table(by_board),
        figures=showing.sweep_figures(line),
        account=showing.account(facts) if facts is not None and line.ok + line.failed + line.skipped else None,
        faults=faults_table(faults, cycles) if faults or cycles else None,
    )


@router.get("/sweeps/{number}/live")
def live_sweep(request: Request, number: str) -> Response:
    """The part of that page which moves. When the sweep has ended the browser is told to fetch the whole page again."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        line = _line(look, number)
        with look.connection() as connection:
            by_board = parts(connection, line.sweep_id)
    answer = render(
        request,
        "live_sweep.html",
        sweep=line,
        state=showing.state_badge(line),
        requests=showing.request_lines(line),
        parts_of_boards=showing.parts_table(by_board),
        figures=showing.sweep_figures(line),
    )
    if not line.runs_now:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.get("/sweeps/{number}/report.html")
def report(request: Request, number: str) -> Response:
    """The report of `dynofarm report`, as a file to keep."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        line = _line(look, number)
        text = make_report(read_sweep(look, line.sweep_id, detail=True), datetime.now(UTC))
    headers = {"Content-Disposition": f'attachment; filename="sweep-{line.sweep_id}.html"'}
    return Response(text.encode("utf-8", "replace"), media_type="text/html; charset=utf-8", headers=headers)


def _line(look: Look, text: str) -> SweepLine:
    """A sweep by its number; by its name it is not found, since that would change what an address means."""
    if not (text.isascii() and text.isdecimal()):
        raise HTTPException(404)
    return sweep_of(look, text)
