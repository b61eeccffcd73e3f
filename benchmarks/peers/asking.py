"""What every script of this folder does: read the boards, ask them all, say in one line of JSON what it took.

Run by the Pythons of the peers' own environments, so it imports nothing but the standard library. The clock starts
after the imports, as it does for a program that has work for many boards.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def boards() -> list[dict[str, Any]]:
    """name, host, port, user, key_file, known_hosts, work_dir of each."""
    found: list[dict[str, Any]] = json.loads(Path(sys.argv[1]).read_text())
    return found


def cpu_s() -> float:
    """Of this process and of the clients that it started and that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def tell(ask: Callable[[Sequence[dict[str, Any]]], int]) -> None:
    """Call it with the boards; it returns how many answered."""
    asked = boards()
    began, cpu_began = time.perf_counter(), cpu_s()
    answered = ask(asked)
    took = {"wall_s": time.perf_counter() - began, "cpu_s": cpu_s() - cpu_began, "answered": answered}
    sys.stdout.write(json.dumps(took) + "\n")
    sys.stdout.flush()
