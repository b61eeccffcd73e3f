"""What `dynofarm --help` costs over `python -c pass`, as whole processes. The bar: at most 0.2 s more."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from interleaved import interleave, print_figures

DYNOFARM = str(Path(sys.executable).with_name("dynofarm"))


def timed(*argv: str) -> float:
    began = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    figures = interleave(
        {
            "python -c pass": lambda: timed(sys.executable, "-c", "pass"),
            "dynofarm --help": lambda: timed(DYNOFARM, "--help"),
            "dynofarm run --help": lambda: timed(DYNOFARM, "run", "--help"),
            "dynofarm device add --help": lambda: timed(DYNOFARM, "device", "add", "--help"),
        },
        rounds=20,
    )
    print_figures(figures, "python -c pass")
    extra = [ours - bare for ours, bare in zip(figures["dynofarm --help"], figures["python -c pass"], strict=True)]
    more_ms = statistics.median(extra) * 1000
    print(f"\ndynofarm --help takes {more_ms:.0f} ms more (median of {len(extra)} pairs; bar 200 ms)")


if __name__ == "__main__":
    main()
