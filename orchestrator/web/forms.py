"""Forms that were sent: small, and of the one kind that pages here send."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from orchestrator.errors import UsageError

LARGEST_BYTES = 16 * 1024
KIND = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Mapping[str, str]:
    """Its fields; of several with one name the last. `UsageError` for anything else than such a form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != KIND:
        raise UsageError("this is not a form of this server", "send it from its page")
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BYTES:
            raise UsageError("the form is too large", "write less into it")
    try:
        return dict(parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50))
    except ValueError:
        raise UsageError("the form cannot be read", "send it from its page") from None
