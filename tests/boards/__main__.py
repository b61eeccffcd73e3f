"""The command behind `scripts/boards`."""

import argparse
import sys
from pathlib import Path

from orchestrator.errors import DynofarmError

from . import catalogue, profiles
from .board import BoardError

CHECKOUT = Path(__file__).resolve().parents[2]

EXAMPLES = """examples:
  scripts/boards up 2                      two loopback boards; no root needed
  scripts/boards up 3 --tier namespace     boards with limits and a network link of their own (root)
  scripts/boards up 1 --vm                 a whole emulated aarch64 machine
  dynofarm -C .boards device check         they are a farm that dynofarm can use at once
  scripts/boards fault loopback-1 freeze
  scripts/boards down"""


def main() -> int:
    """Exit codes: 0 done, 1 a board failed, 2 wrong usage."""
    arguments = _parser().parse_args()
    farm = arguments.dir.resolve()
    try:
        return int(arguments.act(farm, arguments) or 0)
    except (BoardError, DynofarmError) as error:
        print(error.message, file=sys.stderr)
        if error.hint:
            print(f"  next: {error.hint}", file=sys.stderr)
        return 1


def up(farm: Path, arguments: argparse.Namespace) -> None:
    """Start boards beside those that run already."""
    tier = "vm" if arguments.vm else arguments.tier
    profiles.make_farm(farm)
    taken = set(profiles.read_states(farm))
    numbers = (number for number in range(1, 10_000) if f"{tier}-{number}" not in taken)
    for _ in range(arguments.number):
        name = f"{tier}-{next(numbers)}"
        board, took_s = catalogue.start(farm, name, tier)
        login = board.login
        print(f"{name}  {login.user}@{login.host}:{login.port}  answered after {took_s:.1f} s")
    print(f"\nprofiles and host keys are in {farm}; try: dynofarm -C {farm} device check")


def down(farm: Path, _: argparse.Namespace) -> int:
    """Stop all boards; a board that fails to stop does not keep the others running."""
    failed = 0
    for name in profiles.read_states(farm):
        try:
            catalogue.stop(farm, name)
            print(f"{name}  stopped, nothing of it is left running")
        except BoardError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


def show(farm: Path, _: argparse.Namespace) -> None:
    """One line a board."""
    boards = catalogue.find_all(farm)
    for name, board in boards.items():
        processes = len(board.leftovers())
        state = f"listens (process {board.pid})" if board.pid else "does not listen"
        print(f"{name}  {board.login.host}:{board.login.port}  {state}, {processes} processes")
    if not boards:
        print("no boards; start some with: scripts/boards up 2")


def fault(farm: Path, arguments: argparse.Namespace) -> None:
    """Do one fault."""
    print(f"{arguments.name}  {arguments.fault}: {catalogue.inflict(farm, arguments.name, arguments.fault)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/boards",
        description="Test boards: real SSH servers to try dynofarm on.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument(
        "--dir", type=Path, default=CHECKOUT / ".boards", help="the farm folder (default: .boards in the checkout)"
    )
    commands = parser.add_subparsers(required=True, metavar="up|down|list|fault")

    command = commands.add_parser("up", parents=[place], help="start N boards")
    command.add_argument("number", type=_positive, nargs="?", default=1, metavar="N")
    command.add_argument("--tier", choices=[name for name in catalogue.TIERS if name != "vm"], default="loopback")
    command.add_argument("--vm", action="store_true", help="whole aarch64 machines under qemu")
    command.set_defaults(act=up)
    commands.add_parser("down", parents=[place], help="stop all boards").set_defaults(act=down)
    commands.add_parser("list", parents=[place], help="what runs").set_defaults(act=show)
    command = commands.add_parser("fault", parents=[place], help="break a board")
    command.add_argument("name")
    command.add_argument("fault", choices=list(catalogue.FAULTS), metavar="|".join(catalogue.FAULTS))
    command.set_defaults(act=fault)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 500:
        raise argparse.ArgumentTypeError("a number from 1 to 500")
    return number


if __name__ == "__main__":
    sys.exit(main())
