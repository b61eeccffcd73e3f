"""The registered models, and a page for each."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.web.query import parse_query
from orchestrator.web.rendering import render
from orchestrator.web.showing import models as showing
from orchestrator.web.site import site_of

router = APIRouter()


@router.get("/models")
def models(request: Request) -> Response:
    """The newest version of each name."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        found = look.models()
    return render(request, "models.html", models=showing.models_table(found) if found else None)


@router.get("/models/{name:path}")
def model(request: Request, name: str) -> Response:
    """One, by its name or the beginning of its hash; those that were removed are found by their hash."""
    parse_query(request.url.query, ())
    with site_of(request).window.open() as look:
        found = look.model(name)
        names = {one.digest: one.name for one in look.models()}
    return render(
        request,
        "model.html",
        model=found,
        lines=showing.known_lines(found),
        parent=showing.parent_cell(found, names),
        operators=showing.operators_table(found),
    )
