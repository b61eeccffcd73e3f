"""Cases by their axes: `model=bert*,delegate=none`. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from orchestrator.errors import UsageError
from orchestrator.study.case_names import CaseNames

KEYS = ("model", "runtime", "version", "threads", "delegate")
_FIELDS = {"version": "runtime_version"}


def parse_where(text: str, option: str, example: str) -> dict[str, str]:
    """`KEY=VALUE,KEY=VALUE`; values are shell-style patterns. `UsageError` names the option and shows an example."""
    where: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = (one.strip() for one in part.partition("="))
        if not equals or not value or (key not in KEYS and not key.startswith("options.")) or key in where:
            allowed = f"{', '.join(KEYS)} or options.NAME, each once"
            raise UsageError(f"{option}: {part.strip()!r} is no KEY=VALUE with a key of {allowed}", example)
        where[key] = value
    return where


def matches(of: CaseNames, where: Mapping[str, str]) -> bool:
    return all(fnmatchcase(axis_text(of, key), pattern) for key, pattern in where.items())


def axis_text(of: CaseNames, key: str) -> str:
    """A value as people write it in YAML; nothing where there is none."""
    if key.startswith("options."):
        value = of.options.get(key.removeprefix("options."))
    else:
        value = getattr(of, _FIELDS.get(key, key))
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
