"""Write the table of docs/trust.md anew from the catalogue of reasons: run it after a reason changed."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from orchestrator.trust.reasons import CATALOGUE, Entry, Severity  # noqa: E402 - the folder above is not installed

PAGE = ROOT / "docs" / "trust.md"
BEGIN, END = "<!-- reasons: written by scripts/trust_page.py -->", "<!-- end of reasons -->"

HEADINGS = {
    Severity.INVALID: "Reasons that make a run invalid",
    Severity.SUSPECT: "Reasons that make a run suspect",
    Severity.NOTE: "Notes, which lower no verdict",
}


def reasons_text() -> str:
    """Every reason of the catalogue, the gravest first, as Markdown."""
    parts = []
    for severity, heading in HEADINGS.items():
        parts.append(f"## {heading}\n")
        parts += [_entry_text(entry) for entry in CATALOGUE.values() if entry.severity is severity]
    return "\n".join(parts)


def _entry_text(entry: Entry) -> str:
    sentence = re.sub(r"{(\w+)[^}]*}", r"*\1*", entry.sentence)  # a figure's name, without how it is printed
    return f"### `{entry.code}`\n\n> {sentence}\n\n- **When:** {entry.when}.\n- **Next:** {entry.remedy}\n"


def page_with(reasons: str, page: str) -> str:
    """The page with its reasons replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} lost its marks: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{reasons}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page_with(reasons_text(), PAGE.read_text()))
