"""The Raspberry Pi firmware's own tool, for what no file tells. Starts a process: never while a clock runs."""

import shutil
import subprocess
from typing import Optional

_TIMEOUT_S = 2.0


def ask(command: str) -> Optional[str]:
    """What `vcgencmd COMMAND` prints; None on boards without it, and where it fails or hangs."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
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
