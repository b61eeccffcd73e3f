"""Editing a profile in the user's editor, safely: the edited copy replaces the file only when it is right."""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from orchestrator.errors import ConfigError, UsageError
from orchestrator.files import replace_file
from orchestrator.profiles import load_profile


def edit_in_editor(path: Path) -> bool:
    """Open a copy in $VISUAL or $EDITOR; put it in place when it is a valid profile. False when nothing was changed.

    A wrong one is kept where the error says, so that no typing is lost.
    """
    folder = Path(tempfile.mkdtemp(prefix="dynofarm-edit-"))
    copy = folder / path.name
    before = path.read_bytes()
    copy.write_bytes(before)
    keep = False
    try:
        _edit(copy)
        edited = copy.read_bytes()
        if edited == before:
            return False
        try:
            load_profile(copy)
        except ConfigError as error:
            keep = True
            raise ConfigError(
                error.message, f"correct it there, then: cp {shlex.quote(str(copy))} {shlex.quote(str(path))}"
            ) from None
        replace_file(path, edited.decode())
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return True


def _edit(copy: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    other = "set EDITOR, or use --set KEY=VALUE"
    try:
        done = subprocess.run([*shlex.split(editor), str(copy)], check=False)
    except ValueError as error:
        raise UsageError(f"the editor {editor!r} cannot be read: {error}", other) from None
    except OSError as error:
        raise UsageError(f"the editor {editor!r} cannot be started: {error.strerror}", other) from None
    if done.returncode != 0:
        raise UsageError(f"the editor ended with status {done.returncode}; nothing was changed", other)
    if not copy.is_file():
        raise UsageError("the editor left no file; nothing was changed", other)
