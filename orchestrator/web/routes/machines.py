"""What programs ask: the assets of pages, whether the server is well, and its metrics."""

import gzip
from functools import cache

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from orchestrator.errors import DynofarmError
from orchestrator.pages.assets import assets_by_address
from orchestrator.web.metrics import MEDIA_TYPE, exposition
from orchestrator.web.site import site_of

router = APIRouter()


@router.get("/assets/{address}")
def asset(request: Request, address: str) -> Response:
    """By the address that has its hash in it, so that a browser may keep it for ever; anything else is not there."""
    found = assets_by_address().get(address)
    if found is None:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{found.sha256[:24]}"'}
    headers["Vary"] = "Accept-Encoding"
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_packed(address), media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)


@router.get("/healthz")
@router.head("/healthz")
def health(request: Request) -> Response:
    """200 while the store can be read, 503 with the reason where it cannot."""
    try:
        with site_of(request).window.open() as look, look.connection() as connection:
            connection.execute("SELECT 1 FROM sweep LIMIT 1").fetchone()
    except DynofarmError as error:
        told = "the store cannot be read" if site_of(request).access.closed else error.message
        return PlainTextResponse(f"{told}\n", status_code=503)
    return PlainTextResponse("ok\n")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    return Response(exposition(site_of(request)), media_type=MEDIA_TYPE)


@cache
def _packed(address: str) -> bytes:
    return gzip.compress(assets_by_address()[address].content, mtime=0)
