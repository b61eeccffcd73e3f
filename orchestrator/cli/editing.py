"""Editing a profile in the user's editor, safely: the edited copy replaces the file only when it is right."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from orchestrator.errors import UsageError


def edit_in_editor(path: Path) -> None:
    """Open a copy in $VISUAL or $EDITOR; put it in place when it is a valid profile."""
    from orchestrator.profiles import load_profile

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="dynofarm-edit-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        try:
            done = subprocess.run([*shlex.split(editor), str(copy)], check=False)
        except FileNotFoundError:
            raise UsageError(f"no editor {editor!r} here", "set EDITOR, or use --set KEY=VALUE") from None
        if done.returncode != 0:
            raise UsageError(f"the editor ended with status {done.returncode}; nothing was changed", "")
        load_profile(copy)
        fresh = path.with_suffix(".yaml.new")
        fresh.write_bytes(copy.read_bytes())
        fresh.replace(path)
