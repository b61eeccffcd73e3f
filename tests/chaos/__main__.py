"""The command behind `scripts/chaos`."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.boards.board import BoardError
from tests.boards.sshd import find_sshd
from tests.chaos.aftermath import all_wrongs, unchecked
from tests.chaos.disk import leave_the_machines_mounts
from tests.chaos.storm import NoRest, Storm, Weather, storm

EVENTS_SHOWN = 60


def main() -> int:
    """Exit codes: 0 all held, 1 something did not, 2 it cannot be done here."""
    arguments = _arguments()
    try:
        find_sshd()
    except BoardError as error:
        print(error, file=sys.stderr)
        return 2
    seed = arguments.seed if arguments.seed is not None else time.time_ns() % 2**31
    weather = Weather(boards=arguments.boards, seconds=arguments.minutes * 60, every_s=arguments.every)
    small_disks = leave_the_machines_mounts()
    folder = Path(tempfile.mkdtemp(prefix="dynofarm-chaos-"))
    print(f"seed {seed}, {weather.boards} boards, {arguments.minutes:g} minutes, in {folder}", flush=True)
    with storm(folder, seed, weather, small_disks=small_disks) as made:
        _say_what_is_missing(made, small_disks=small_disks)
        try:
            made.run()
            found = all_wrongs(made)
        except NoRest as fault:
            found = [str(fault), *all_wrongs(made)]
        except KeyboardInterrupt:
            found = ["stopped by the user"]
        _tell(made)
        not_checked = unchecked(made)
    for what in not_checked:
        print(f"NOT CHECKED: {what}")
    if not found:
        but = ", but for what was NOT CHECKED (above)" if not_checked else ""
        print(
            f"all held{but}: each job has one final run, which the faults explain, nothing measured is missing or was"
            " measured twice, none overlapped, nothing is left, no command blamed dynofarm"
        )
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    print(f"seed {seed}: {len(found)} things do not hold:")
    print("\n".join(found))
    print(f"the last events (all of them, the farm and what it said: {folder}):")
    print("\n".join(made.events[-EVENTS_SHOWN:]))
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Seeded faults on a farm of real SSH servers with the real command, until nothing is owed; then it"
        " is checked that nothing was lost, doubled, overlapped or left running.",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long faults happen (10)")
    parser.add_argument("--seed", type=int, help="of the faults; the same seed draws the same ones (random)")
    parser.add_argument("--boards", type=int, default=20, help="(20)")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two faults, on average (2)")
    return parser.parse_args()


def _say_what_is_missing(made: Storm, *, small_disks: bool) -> None:
    if not small_disks:
        print("no mounts of its own here (needs root): a full disk is a limit on the size of an agent's files")
    if made.clock is None:
        print("no C compiler here: no clock jumps")


def _tell(made: Storm) -> None:
    if made.weather.neighbours > 1:
        print(f"{made.relayed} files came by the relay of {made.weather.neighbours} boards")
    sweeps, starts = (sum(of) for of in zip(*((one.sweeps(), one.starts) for one in made.orchestrators), strict=True))
    print(f"{sum(made.done.values())} faults: " + ", ".join(f"{n} {name}" for name, n in made.done.most_common()))
    read = sum(1 for one in made.spools.sightings if one.kind)
    print(
        f"{sweeps} sweeps, {len(made.spools.kept)} outcomes kept on boards, {read} of them read;"
        f" {len(made.orchestrators)} orchestrators were started {starts} times,"
        f" {sum(one.status != 0 for one in made.ended)} ended with an error"
    )


if __name__ == "__main__":
    sys.exit(main())
