"""What the verbs cost over `python -c pass`, as whole processes. The bar: `dynofarm --help` at most 0.2 s more."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from interleaved import interleave, print_figures

DYNOFARM = str(Path(sys.executable).with_name("dynofarm"))


def timed(*argv: str) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as farm:
        os.chdir(farm)
        timed(DYNOFARM, "init")
        figures = interleave(
            {
                "python -c pass": lambda: timed(sys.executable, "-c", "pass"),
                "dynofarm --help": lambda: timed(DYNOFARM, "--help"),
                "dynofarm run --help": lambda: timed(DYNOFARM, "run", "--help"),
                "dynofarm device add --help": lambda: timed(DYNOFARM, "device", "add", "--help"),
                "dynofarm device list": lambda: timed(DYNOFARM, "device", "list"),
                "dynofarm results": lambda: timed(DYNOFARM, "results"),
                "dynofarm sql": lambda: timed(DYNOFARM, "sql", "select count(*) from runs_view"),
            },
            rounds=20,
        )
        os.chdir("/")
    print_figures(figures, "python -c pass")
    extra = [ours - bare for ours, bare in zip(figures["dynofarm --help"], figures["python -c pass"], strict=True)]
    more_ms = statistics.median(extra) * 1000
    print(f"\ndynofarm --help takes {more_ms:.0f} ms more (median of {len(extra)} pairs; bar 200 ms)")


if __name__ == "__main__":
    main()
