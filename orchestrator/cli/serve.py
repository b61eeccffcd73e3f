"""`dynofarm serve`: the farm in a browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import say, say_next, settings_of
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.web.access import Access

EPILOG = """Example: dynofarm serve --open, or for others on the network, behind a token:
dynofarm serve --host 0.0.0.0 --token-file token --allow-host farm.example"""

NEEDED = ("fastapi", "uvicorn", "prometheus_client")


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(serve)


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any free one.")] = 8765,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Lets whoever knows the token in it act; else DYNOFARM_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A name that this server is called by; again for more.")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Show the farm in a browser: boards, sweeps as they run, results, comparisons, histories.

    Nothing can be changed without a token, nothing is loaded from elsewhere, and only this machine is answered
    unless --host says otherwise.
    """
    check_installed()
    import os
    import socket

    from orchestrator.store.looking import Window, open_to_look
    from orchestrator.web import hosts, serving
    from orchestrator.web.access import VARIABLE, Access, read_token
    from orchestrator.web.site import Site

    settings = settings_of(context)
    farm = settings.find_farm()
    token = read_token(token_file, os.environ.get(VARIABLE))
    loopback = hosts.is_loopback(host)
    if not loopback and token is None:
        raise UsageError(
            f"--host {host} lets other machines in, and that needs a token",
            "dynofarm serve --host … --token-file FILE, with a secret of 16 characters or more in FILE",
        )
    # What cannot be shown is said here, and not on every page.
    open_to_look(farm.database).close()
    access = Access(token, closed=not loopback)
    names = hosts.names_of(host, (socket.gethostname(), socket.getfqdn()), allow_host or ())
    site = Site(farm, Window(farm.database), access, names, loopback, settings.debug)
    listening = serving.bind(host, port)
    url = serving.url_of(listening, host)

    def ready() -> None:
        say(f"the farm in {farm.root.name} is shown at {url} ({_openness(access)}; Ctrl-C ends it)")
        if not loopback:
            say("this is plain HTTP: the token and all pages can be read on the way")
            say_next("put a server that speaks TLS before it, or let ssh -L carry it")
        if open_browser:
            _open(url)

    serving.serve(site, listening, ready)
    say("stopped")


def check_installed() -> None:
    """`UsageError` where the extra is missing."""
    from importlib.util import find_spec

    missing = [name.replace("_", "-") for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"pages need {', '.join(missing)}, which this Python lacks", "pip install 'dynofarm[web]'")


def _openness(access: "Access") -> str:
    if access.closed:
        return "open without the token: the login form and /healthz; everything else needs it"
    return "anybody on this machine may look; to act needs the token" if access.can_act else "read-only"


def _open(url: str) -> None:
    """In a thread of its own: some browsers run in the foreground."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
