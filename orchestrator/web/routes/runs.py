"""One run whole."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.web import addresses
from orchestrator.web.query import parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import runs as showing
from orchestrator.web.site import site_of

router = APIRouter()


@router.get("/runs/{job_id}")
@router.get("/runs/{job_id}/{attempt}")
def run(request: Request, job_id: str, attempt: str | None = None) -> Response:
    """By the id of its job or the beginning of it; without an attempt the one that counts."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        stored = look.run(job_id if attempt is None else f"{job_id}/{attempt}")
    result = stored.run.result
    return render(
        request,
        "run.html",
        stored=stored,
        run=stored.summary,
        badge=showing.outcome_badge(stored),
        figures=showing.key_figures(stored) if result is not None else [],
        reasons=showing.reasons_table(stored),
        parts_of_run=showing.run_parts(stored),
        charts=[*showing.latency_charts(result), *showing.sample_charts(result)] if result is not None else [],
        case=addresses.case_of_run(stored.summary),
    )
