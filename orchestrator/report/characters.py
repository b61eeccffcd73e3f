"""Characters that a terminal would obey, or cannot show. Pure.

Names, notes and messages come from files and boards: one that holds an escape sequence must not clear the screen,
rename the window or hide a line of the table.
"""

import codecs
import re

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""C0 and C1 controls but for tab and newline, what changes the direction of writing, the invisible, lone surrogates."""

_PLAINER = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "…": "...",
        "×": "x",
        "·": "|",
        "±": "+-",
        "≥": ">=",
        "°": "",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
    }
    | dict(zip("▁▂▃▄▅▆▇█", "_..--==#", strict=True))
    | dict.fromkeys("━╸╺", "=")
)

FALLBACK = "dynofarm"
"""The name of the error handler for streams that cannot encode what we print."""


def visible(text: str) -> str:
    r"""The text with every character that a terminal would obey spelt out: `\x1b[2J`."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def one_line(text: str) -> str:
    """The same in one line, for a cell of a table."""
    return visible(" ".join(text.split("\n")).replace("\t", " "))


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wanted = error.object[error.start : error.end].translate(_PLAINER)
    return wanted.encode("ascii", "replace").decode(), error.end


codecs.register_error(FALLBACK, _plainer)
