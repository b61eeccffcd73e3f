"""The Raspberry Pi firmware's own tool, for what no file tells. Starts a process: never while a clock runs."""

import os
from typing import Optional

_TIMEOUT_S = 2.0


def ask(command: str) -> Optional[str]:
    """What `vcgencmd COMMAND` prints; None on boards without it, and where it fails or hangs."""
    program = _find_program()
    if program is None:
        return None
    import subprocess  # which boards without it need not import

    try:
        answer = subprocess.run(
            [program, command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode("utf-8", "replace")


def _find_program() -> Optional[str]:
    """`shutil.which` would load three libraries for archives at each visit."""
    for folder in os.get_exec_path():
        path = os.path.join(folder, "vcgencmd")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
