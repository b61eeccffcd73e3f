"""A Python for boards whose agent shall see a recorded tree of /proc and /sys in place of this machine's."""

import os
import sys
from pathlib import Path

_WRAPPER = """#!{real}
import os, sys
words = sys.argv[1:]
# Behind the boot script stand its own words, and then those of the agent that it becomes.
os.execv({real!r}, [{real!r}, *words, *(["--root", {root!r}] if "-c" in words else [])])
"""


def rooted_python(folder: Path, root: str) -> str:
    """The path of a program for the key `python` of a profile; `root` is the tree that the agent will look at."""
    program = folder / "rooted-python"
    program.write_text(_WRAPPER.format(real=os.path.realpath(sys.executable), root=root))
    program.chmod(0o755)
    return str(program)
