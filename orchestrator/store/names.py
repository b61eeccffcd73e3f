"""Names a user typed that are not there: the nearest that are."""

from collections.abc import Iterable
from difflib import get_close_matches

from orchestrator.errors import UnknownName

_SHOWN = 8


def unknown(kind: str, name: str, known: Iterable[str], command: str) -> UnknownName:
    """The error for `name`, with the nearest of the known names, or the first few of them; `command` lists all."""
    names = sorted(set(known))
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return UnknownName(f"there is no {kind} {name!r}; near: {', '.join(near)}", f"`{command}` lists them all.")
    if not names:
        return UnknownName(f"there is no {kind} {name!r}: none is stored yet", f"`{command}` lists what is there.")
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return UnknownName(f"there is no {kind} {name!r}; there are: {shown}", f"`{command}` lists them all.")
