"""From values to an answer: pages with an ETag, and pages that say what went wrong and what to do next."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from orchestrator.errors import ConfigError, DynofarmError, StoreError, UnknownName
from orchestrator.web.access import COOKIE, Session
from orchestrator.web.site import Site, site_of, templates

NOT_FOUND, BAD_REQUEST, UNAVAILABLE = 404, 400, 503
_TITLES = {NOT_FOUND: "There is no such thing", BAD_REQUEST: "This cannot be asked", UNAVAILABLE: "Not available now"}


def render(request: Request, template: str, /, status: int = 200, **values: Any) -> Response:
    """A page. A browser that has the same one already is told so."""
    site = site_of(request)
    text = (
        templates()
        .get_template(template)
        .render(here=request.url.path, site=site, session=session_of(request), **values)
    )
    content = text.encode("utf-8", "replace")
    tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if status == 200 and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(content, status_code=status, headers=headers)


def render_error(request: Request, error: DynofarmError) -> Response:
    """The sentence of an error as a page."""
    if isinstance(error, UnknownName):
        status = NOT_FOUND
    elif isinstance(error, StoreError | ConfigError):
        status = UNAVAILABLE
    else:
        status = BAD_REQUEST if error.exit_code == 2 else UNAVAILABLE
    return render_fault(site_of(request), status, _TITLES[status], error.message, error.hint)


def render_fault(site: Site, status: int, title: str, message: str, hint: str) -> Response:
    """Of no session, and without asking the store: it must work when nothing else does."""
    template = templates().get_template("fault.html")
    text = template.render(here="", site=site, session=None, heading=title, message=message, hint=hint)
    return HTMLResponse(text.encode("utf-8", "replace"), status_code=status)


def session_of(request: Request) -> Session | None:
    return site_of(request).access.session(request.cookies.get(COOKIE))
