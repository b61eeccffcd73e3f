"""The farm beside its peers: connecting, first answers, deaths noticed, short jobs, idle boards, slow links, a sweep.

Each section can be run alone: `farm.py --only connect deaths`. The tools that it is compared with get environments of
their own below the system's temporary folder. Boards are OpenSSH servers of this machine, so both sides share its
processors; `deaths` (unplugged) and `shaped` need root. A job's overhead on a warm session: `overhead.py`.
"""

import argparse
import os
import signal
import sys

from bench_board import folder_for_a_bench
from farm_connect import connect_all, fresh_board
from farm_deaths import deaths
from farm_jobs import idle_boards, short_jobs
from farm_lab import same_sweep
from farm_shaped import shaped

SECTIONS = ("connect", "fresh", "deaths", "jobs", "idle", "shaped", "lab")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION", help=str(SECTIONS))
    parser.add_argument("--boards", nargs="+", type=int, default=[50, 200, 500], help="sizes of crowd for `connect`")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--idle-boards", type=int, default=500)
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    parser.add_argument("--push-mb", type=int, default=60)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a time limit must not leave hundreds of servers behind
    with folder_for_a_bench() as folder:
        sections = {
            "connect": lambda: connect_all(folder, asked.boards, asked.rounds),
            "fresh": lambda: fresh_board(folder, asked.rounds),
            "deaths": lambda: deaths(folder, max(1, asked.rounds // 2)),
            "jobs": lambda: short_jobs(folder, 40, 12, max(1, asked.rounds // 2)),
            "idle": lambda: idle_boards(folder, asked.idle_boards, asked.idle_seconds),
            "shaped": lambda: shaped(folder, asked.push_mb, max(1, asked.rounds // 2)),
            "lab": lambda: same_sweep(folder, 8, asked.rounds),
        }
        for name in asked.only:
            print(f"\n== {name} (load of this machine: {os.getloadavg()[0]:.1f})", flush=True)
            sections[name]()


if __name__ == "__main__":
    main()
