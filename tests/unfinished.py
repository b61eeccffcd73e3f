"""Coverage data of processes that were killed while they wrote it.

coverage.py puts a hash into the name of a data file when the file is whole. A file without one, whose process is gone,
is half a database: it cannot be combined with the others, and a warning for each would hide those that matter.
"""

import re
from pathlib import Path

UNFINISHED = re.compile(r"\.[^.]+\.pid(?P<pid>\d+)\.X\w+x")
"""What follows the name that all data files begin with: host, process, and something random."""


def drop_unfinished(data_file: Path) -> list[str]:
    """Remove such files beside `data_file`; their names. What a living process writes is left alone."""
    dropped = []
    for path in sorted(data_file.parent.glob(f"{data_file.name}.*")):
        found = UNFINISHED.fullmatch(path.name.removeprefix(data_file.name))
        if found and not Path("/proc", found["pid"]).exists():
            path.unlink(missing_ok=True)
            dropped.append(path.name)
    return dropped
