"""A threshold as people write it. Pure."""

import re

from orchestrator.errors import UsageError

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", re.ASCII)
_SHARE = re.compile(r"0?\.\d{1,8}|0", re.ASCII)
_MOST = 1.0


def parse_share(text: str) -> float:
    """The share meant by `5%`, `2.5 %` or `0.05`. A plain `5` is refused: it may mean either. `UsageError`."""
    percent = _PERCENT.fullmatch(text.strip())
    share = float(percent[1]) / 100 if percent else None
    if share is None and _SHARE.fullmatch(text.strip()):
        share = float(text)
    if share is None or share > _MOST:
        raise UsageError(f"{text[:40]!r} is not a share", "write it like 5% or 0.05")
    return share
