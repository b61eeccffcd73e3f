"""Has a file changed since it was read? Asked for every board of a farm, about files that all of them share."""

from pathlib import Path

Stamp = tuple[int, ...] | None
"""What changes when a file does; None where there is none."""


def stamp_of(path: Path) -> Stamp:
    """The change time cannot be set back, as the time of modification can: a file put in another's place shows."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
