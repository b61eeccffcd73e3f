"""Logging in with the token, and out again."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orchestrator.errors import UsageError
from orchestrator.web.access import COOKIE, SESSION_S
from orchestrator.web.forms import read_form
from orchestrator.web.hosts import is_local_path
from orchestrator.web.query import parse_query
from orchestrator.web.rendering import render
from orchestrator.web.site import site_of

router = APIRouter()


@router.get("/login")
def ask_token(request: Request) -> Response:
    onward = parse_query(request.url.query, {"next"}).one("next") or "/"
    return render(request, "login.html", onward=onward, refused=False)


@router.post("/login")
async def log_in(request: Request) -> Response:
    access = site_of(request).access
    form = await read_form(request)
    onward = form.get("next", "/")
    if not is_local_path(onward):
        raise UsageError("the form leads away from this server", "log in again")
    key = access.log_in(form.get("token", "").strip())
    if key is None:
        return render(request, "login.html", status=403, onward=onward, refused=True)
    answer = RedirectResponse(onward, status_code=303)
    answer.set_cookie(COOKIE, key, max_age=int(SESSION_S), path="/", httponly=True, samesite="strict")
    return answer


@router.post("/logout")
async def log_out(request: Request) -> Response:
    site_of(request).access.log_out(request.cookies.get(COOKIE))
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
