"""Other Pythons of this machine, for the parts that must run on all of them."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path


@cache
def find_python(version: str) -> str | None:
    """The path of a Python such as "3.8" that really starts; None where this machine has none."""
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += [str(path / "bin" / "python") for path in sorted(pyenv.glob(f"versions/{version}.*"))]
    return next((path for path in candidates if path and _starts(path)), None)


def _starts(path: str) -> bool:
    try:
        return subprocess.run([path, "-c", "pass"], capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


OLDEST = "3.8"
NEWEST = next(filter(find_python, ("3.15", "3.14")), "3.13")
"""Between the two the agent must run; 3.13 where this machine has nothing newer."""
