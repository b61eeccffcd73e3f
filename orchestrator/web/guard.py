"""What stands before every request: the name it was sent to, the page it comes from, and whether it needs the token;
and what goes with every answer, so that a browser keeps to it. Whatever goes wrong behind it becomes a page."""

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.web import hosts
from orchestrator.web.access import COOKIE
from orchestrator.web.query import LONGEST_VALUE, words_of
from orchestrator.web.rendering import render_fault
from orchestrator.web.site import Site

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would then say `Origin: null` when they send our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
OPEN = ("/healthz", "/login", "/assets/")
"""What can be asked without the token, however the server is bound."""


class Guard:
    """The ASGI application `app`, behind all that every request must pass."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def told(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = Request(scope, receive)
        try:
            answer = self._refusal(request)
            await (answer or self._app)(scope, receive, told)
        except Exception as fault:
            told_whole = fault if self._site.debug else None
            # As Python writes texts: a path may hold what a terminal would obey.
            log.log(logging.ERROR, "%r: %r", scope["path"], fault, exc_info=told_whole)
            if started:
                raise
            await _broken(self._site, fault)(scope, receive, told)

    def _refusal(self, request: Request) -> Response | None:
        """Why a request is not let through; None where it is."""
        headers, access = request.headers, self._site.access
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not hosts.is_ours(host, self._site.names, loopback=self._site.loopback):
            return PlainTextResponse(
                "This server does not answer to that name. If it is one of its names: "
                "dynofarm serve --allow-host NAME\n",
                status_code=421,
            )
        if request.method not in ("GET", "HEAD") and not _is_same_origin(headers, host):
            return PlainTextResponse("This was not sent from a page of this server.\n", status_code=403)
        if not access.closed or _is_open(request.url.path) or access.session(request.cookies.get(COOKIE)):
            return None
        return self._without_session(request)

    def _without_session(self, request: Request) -> Response | None:
        """Where nothing is shown without the token."""
        if request.url.path == "/metrics":
            if self._site.access.bears_token(request.headers.get("authorization")):
                return None
            challenge = {"WWW-Authenticate": 'Bearer realm="dynofarm"'}
            return PlainTextResponse("Send the token: Authorization: Bearer …\n", status_code=401, headers=challenge)
        if request.method in ("GET", "HEAD"):
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            onward = path if len(path) <= LONGEST_VALUE else "/"
            return RedirectResponse(f"/login?{words_of({'next': onward})}", status_code=303)
        return PlainTextResponse("Log in first.\n", status_code=403)


def _is_open(path: str) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in OPEN)


def _is_same_origin(headers: Headers, host: str) -> bool:
    return hosts.is_same_origin(host, headers.get("origin"), headers.get("referer"), headers.get("sec-fetch-site"))


def _broken(site: Site, fault: Exception) -> Response:
    return render_fault(
        site,
        500,
        "This page has a fault",
        f"this is a fault of dynofarm: {type(fault).__name__}",
        "start the server with dynofarm --debug serve, and look at what it says on its terminal",
    )
