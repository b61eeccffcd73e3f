"""Wall clocks that jump, for some processes only: a small library that is preloaded into them (`wall_clock.c`).

A time namespace moves only the monotonic clocks, and only when it is made; the machine's own clock is everybody's.
"""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("wall_clock.c")


def build_library(folder: Path) -> Path | None:
    """The compiled library; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "wall_clock.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-fno-builtin", "-o", str(library), str(SOURCE)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    return library if done.returncode == 0 else None


class WallClock:
    """The clock of all processes that are started with `environment`."""

    def __init__(self, path: Path, library: Path) -> None:
        path.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "DYNOFARM_WALL_CLOCK": str(path)}
        with path.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), 8)

    def jump(self, offset_s: int) -> None:
        """From now on so far from the truth, in seconds."""
        self._offset[:] = struct.pack("=q", offset_s)

    def close(self) -> None:
        self._offset.close()
