"""Recorded trees of /proc and /sys, one text file a board, laid out below a folder for the sensors to read."""

from pathlib import Path

FOLDER = Path(__file__).with_name("trees")
BOARDS = ("raspberry-pi-4", "raspberry-pi-5", "jetson-orin-nano", "x86-mini-pc", "rock-5b")


def lay_out(board: str, root: Path) -> str:
    """Write the tree of a board below `root`; `\\0` stands for a NUL byte. Returns `root` as the sensors take it."""
    for entry in (FOLDER / f"{board}.txt").read_text().split("\n== ")[1:]:
        path, _, content = entry.partition("\n")
        write(root, path, content.replace("\\0", "\0"))
    return str(root)


def write(root: Path | str, path: str, content: str) -> None:
    """Set one file of a tree."""
    target = Path(root) / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


def powercap(root: Path, zone: str, name: str, microjoules: int | None) -> None:
    """An energy counter of a processor; None: it may not be read."""
    folder = f"/sys/class/powercap/{zone}"
    write(root, f"{folder}/name", name)
    write(root, f"{folder}/max_energy_range_uj", "262143328850")
    if microjoules is not None:
        write(root, f"{folder}/energy_uj", str(microjoules))
