"""What such a process tells while it works: one JSON object a line. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

Step = TypeVar("Step")


@dataclass(frozen=True)
class Failed:
    """The last word of one that gives up. `kind`: missing, disk_full, memory, busy or refused."""

    kind: str
    message: str
    hint: str


class Language(Generic[Step]):
    """The steps of one kind of work, by their names on the line."""

    def __init__(self, kinds: Mapping[str, type[Step]]) -> None:
        self._kinds = kinds
        self._names = {kind: name for name, kind in kinds.items()}

    def to_line(self, step: Step) -> str:
        """One line, without its end."""
        plain: Any = step
        return json.dumps({"step": self._names[type(step)], **asdict(plain)})

    def from_line(self, line: str) -> Step:
        """A line as `to_line` wrote it. `ValueError` for anything else."""
        plain = json.loads(line)
        kind = self._kinds.get(plain.pop("step", "")) if isinstance(plain, dict) else None
        if kind is None:
            raise ValueError(f"not a step: {line[:80]!r}")
        try:
            return kind(**plain)
        except TypeError as error:
            raise ValueError(f"not a step: {error}") from None
