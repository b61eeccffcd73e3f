"""What a YAML file is once it was read: plain values with the place of each, and the faults found on the way.

A reader collects all faults before it raises one `ConfigError`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigError

Path_ = tuple[str | int, ...]
"""Where a value stands: `("thermal", "start_c")`, `("tags", 2)`; `()` is the whole document."""


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one file. `line` and `column` count from 1; line 0 means the file as a whole."""

    file: str
    line: int
    column: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.text) if part)


@dataclass(frozen=True)
class Document:
    """The plain values of one file. `keys` and `values` tell where each key and each value begins."""

    file: str
    text: str
    content: Mapping[str, Any]
    keys: Mapping[Path_, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[Path_, tuple[int, int]] = field(default_factory=dict)

    def fault(self, path: Path_, text: str, *, at_key: bool = False) -> Fault:
        """A fault at a value (or at its key), or at the nearest place around it that the file has."""
        for length in range(len(path), -1, -1):
            near = path[:length]
            at = self.keys.get(near) if at_key else self.values.get(near, self.keys.get(near))
            if at is not None:
                return Fault(self.file, *at, dotted(path), text)
        return Fault(self.file, *((1, 1) if self.text else (0, 0)), dotted(path), text)


def config_error(faults: Sequence[Fault], hint: str) -> ConfigError:
    """All faults in one error, in the order of the files and lines."""
    return ConfigError("\n".join(str(fault) for fault in sorted(set(faults))), hint)


def dotted(path: Path_) -> str:
    """`thermal.start_c`, `tags[2]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def shown_path(path: Path) -> str:
    """The path as a person would type it here: relative where it lies below the current folder."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))  # noqa: PTH100 - symbolic links stay as named
    except (ValueError, OSError):
        return str(path)
