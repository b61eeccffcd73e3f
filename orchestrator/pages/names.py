"""Names from files and boards as a page shows them: in one line, nothing hidden in them, no longer than fits. Pure."""

from orchestrator.report.characters import one_line

LONGEST = 60
"""Chosen: twice what a farm's longest honest names have."""


def shown(text: str, longest: int = LONGEST) -> str:
    """The beginning and the end of what is longer, since versions stand at the end of names."""
    line = one_line(str(text)).strip()
    if len(line) <= longest:
        return line
    end = longest // 3
    return f"{line[: longest - end - 1]}…{line[-end:]}"


def apart(names: list[str], longest: int = LONGEST) -> list[str]:
    """The same for several that must not become one: those that would be alike get a number."""
    found: list[str] = []
    taken: dict[str, int] = {}
    for name in (shown(one, longest) for one in names):
        taken[name] = taken.get(name, 0) + 1
        found.append(name if taken[name] == 1 else f"{name} ({taken[name]})")
    return found
