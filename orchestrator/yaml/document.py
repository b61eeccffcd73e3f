"""Reading YAML with positions: a file becomes plain values, and a line and a column for every key and value.

YAML 1.2 (so `no` is text), one document, a mapping at the top, anchors but no object tags. Whatever is wrong is a
`Fault`; a reader collects all of them before it raises one `ConfigError`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import ConfigError

Path_ = tuple[str | int, ...]
"""Where a value stands: `("thermal", "start_c")`, `("tags", 2)`; `()` is the whole document."""

MAX_FILE_BYTES = 1_000_000
"""A profile or a sweep is written by hand; a larger file is something else."""


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


def read_document(path: Path) -> tuple[Document | None, list[Fault]]:
    """The document of a file and what is wrong with its YAML; None where nothing could be read at all."""
    file = shown_path(path)
    text, fault = _read_text(path, file)
    if text is None:
        return None, [fault] if fault else []
    return parse_document(text, file)


def parse_document(text: str, file: str) -> tuple[Document | None, list[Fault]]:
    """As `read_document`, from text. `file` is only shown."""
    from orchestrator.yaml.nodes import parse

    return parse(text, file)


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


def _read_text(path: Path, file: str) -> tuple[str | None, Fault | None]:
    try:
        text = _not_readable(path)
        data = b"" if text else path.read_bytes()
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
    if text:
        return None, Fault(file, 0, 0, "", text)
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        return None, _not_utf8(data, error, file)


def _not_readable(path: Path) -> str | None:
    if path.is_dir():
        return "found a folder, allowed: a YAML file"
    if not path.exists():
        return "there is no such file"
    if not path.is_file():
        return "found something that is not a plain file, allowed: a YAML file"
    size_bytes = path.stat().st_size
    return f"found {size_bytes} bytes, allowed: at most {MAX_FILE_BYTES}" if size_bytes > MAX_FILE_BYTES else None


def _not_utf8(data: bytes, error: UnicodeDecodeError, file: str) -> Fault:
    # The error counts within what follows a byte order mark.
    start = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
    before = data[:start].decode("utf-8-sig", "replace")
    last_line = re.split(r"\r\n|\r|\n", before)[-1]
    line = len(re.findall(r"\r\n|\r|\n", before)) + 1
    text = f"found the byte 0x{data[start]:02x}, which is not UTF-8; allowed: a file saved as UTF-8"
    return Fault(file, line, len(last_line) + 1, "", text)
