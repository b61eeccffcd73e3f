"""Text for Markdown tables and lists. Pure."""

_SIGNS = "\\|<>[]`*_~&"


def markdown_text(text: str) -> str:
    """In one line, with every sign escaped that Markdown would obey."""
    one_line = " ".join(text.split())
    for sign in _SIGNS:
        one_line = one_line.replace(sign, f"\\{sign}")
    return one_line
