"""Asking the application as a browser does, without a socket."""

import warnings

with warnings.catch_warnings():
    # Starlette would rather have another client, which few have yet.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient as Client

__all__ = ["ORIGIN", "TOKEN", "Client", "form_key"]

ORIGIN = "http://localhost:8765"
TOKEN = "a-token-of-many-characters"


def form_key(client: Client, path: str) -> str:
    """What stands in every form of a session."""
    text = client.get(path).text
    start = text.index('name="form_key" value="') + len('name="form_key" value="')
    return text[start : text.index('"', start)]
