"""The side that starts such a process and hears it."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from typing import IO, Generic, NamedTuple, TypeVar

from orchestrator.errors import RuntimeUnavailable

Step = TypeVar("Step")
_LAST_WORDS_BYTES = 4096


class Ended(NamedTuple, Generic[Step]):
    """The last step that was told, the exit status, and the last line of standard error."""

    last: Step | None
    status: int
    said: str


def run_apart(
    module: str,
    order: str,
    from_line: Callable[[str], Step],
    notify: Callable[[Step], None],
    python: str,
    environment: Mapping[str, str],
) -> Ended[Step]:
    """Run `python -m module` on an order, to its end; `notify` hears each step. `RuntimeUnavailable` where that Python
    cannot be started.

    The process dies with this one, however that ends (`child.answer`). Sets and dictionaries keep their order in it,
    so that the same words give the same bytes.
    """
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [python, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env={**os.environ, "PYTHONHASHSEED": "0", **environment},
                start_new_session=True,
            )
        except OSError as error:
            raise RuntimeUnavailable(
                f"{python}: cannot be started: {error.strerror}", "name a Python 3.11 or later: --python"
            ) from None
        try:
            last = _hear(process, order, from_line, notify)
            status = process.wait()
        finally:
            process.kill()
            process.wait()
        return Ended(last, status, _last_words(complaints))


def _hear(
    process: "subprocess.Popen[str]", order: str, from_line: Callable[[str], Step], notify: Callable[[Step], None]
) -> Step | None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
    try:
        process.stdin.write(order)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died before it listened; its end tells why
    last: Step | None = None
    with process.stdout:
        for line in process.stdout:
            try:
                last = from_line(line)
            except ValueError:
                continue
            notify(last)
    return last


def _last_words(complaints: IO[bytes]) -> str:
    size_bytes = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size_bytes - _LAST_WORDS_BYTES))
    lines = [line.strip() for line in complaints.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
