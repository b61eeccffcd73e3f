"""The console that reports print on."""

import os
import sys

from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 200
"""A table that goes into a file or through grep must not be folded at eighty columns."""


def report_console() -> Console:
    """Standard output; as wide as the terminal, or wide where there is none."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return Console()
    return Console(width=WIDTH_WITHOUT_TERMINAL)
