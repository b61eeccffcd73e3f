"""Reading YAML with positions: a file becomes plain values, and a line and a column for every key and value.

YAML 1.2 (so `no` is text), one document, a mapping at the top, anchors but no object tags.
"""

import re
from pathlib import Path

from orchestrator.yaml.document import Document, Fault, shown_path

MAX_FILE_BYTES = 1_000_000
"""A profile or a sweep is written by hand; a larger file is something else."""


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
