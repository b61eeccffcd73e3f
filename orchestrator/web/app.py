"""The application: its routes, what becomes of errors, and the guard before all of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.errors import DynofarmError
from orchestrator.reference_model import reference_model
from orchestrator.web.guard import Guard
from orchestrator.web.rendering import NOT_FOUND, render_error, render_fault
from orchestrator.web.routes import ROUTERS
from orchestrator.web.site import Site, compile_templates, site_of


def make_app(site: Site) -> FastAPI:
    """An ASGI application that serves a site. Its descriptions of itself are off: they load scripts from elsewhere."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        # Once for all, and before anybody waits for it.
        reference_model()
        compile_templates()
        yield
        site.stop.set()
        site.window.close()

    app = FastAPI(title="dynofarm", openapi_url=None, docs_url=None, redoc_url=None, lifespan=life)
    app.state.site = site
    app.router.redirect_slashes = False
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(DynofarmError, _explain)
    app.add_exception_handler(HTTPException, _say)
    app.add_exception_handler(RequestValidationError, _not_found)
    app.add_middleware(Guard, site=site)
    return app


async def _explain(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, DynofarmError)  # noqa: S101 - registered for these
    return render_error(request, fault)


async def _say(request: Request, fault: Exception) -> Response:
    status = getattr(fault, "status_code", 500)
    if status == NOT_FOUND:
        return await _not_found(request, fault)
    detail = str(getattr(fault, "detail", "")) or "this cannot be asked"
    return render_fault(site_of(request), status, "This cannot be asked", detail, "")


async def _not_found(request: Request, _fault: Exception) -> Response:
    hint = "the farm, its sweeps and its results are behind the links at the top"
    message = f"there is no page {request.url.path[:120]!r} here"
    return render_fault(site_of(request), NOT_FOUND, "There is no such page", message, hint)
