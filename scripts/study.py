"""A study from nothing to its table: boards of different size, data, networks, the sweep, and what is printed of it."""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
MEBI = 2**20

sys.path.insert(0, str(ROOT))
from scripts.reference_model import make  # noqa: E402
from tests.boards.board import BoardError, Login  # noqa: E402 - the checkout is not installed as a package of tests
from tests.boards.keys import fingerprint  # noqa: E402
from tests.boards.loopback import LoopbackBoard  # noqa: E402
from tests.boards.namespaced import Limits, NamespacedBoard  # noqa: E402
from tests.boards.sshd import find_sshd  # noqa: E402

CORES = {"one-core": [0], "two-cores": [0, 1]}
ROOM = "storage_limit=10 GB"
"""Ten networks in four forms each are more than boards usually keep."""
TOO_BIG = "too-big"

TWEETS = ["--form", "fp32,int8", "--length", "64"]
BUILDS = {
    "mobilebert-tweets": (
        ["mobilebert", "--head", "classification:3", *TWEETS],
        ["bert-base", "--head", "classification:3", *TWEETS],
    ),
    "bert-shapes": tuple(
        [shape, "--form", "fp32,int8", "--length", "128", "--runtime", "tflite,onnx"]
        for shape in ("bert-base", "distilbert", "tinybert-4", "minilm-l6", "mobilebert")
    ),
}
OUTPUTS = {
    "table": ("md", "csv", "tex", "html"),
    "waterfall": ("svg", "md"),
}

SMALL_BOARD = {
    True: Limits(memory_bytes=160 * MEBI, disk_bytes=128 * MEBI),
    False: Limits(memory_bytes=400 * MEBI, disk_bytes=300 * MEBI),
}
"""Memory and disk of the board `small`, by the form of the study. Its disk lies in its memory: what is pushed there
leaves less for the worker."""


def main() -> int:
    """Run a study; its exit code is that of the sweep."""
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the boards are stopped then, too
    study = Study(asked.name, asked.small, asked.folder, asked.zoo)
    with ExitStack() as boards:
        study.prepare()
        study.add_boards(boards)
        study.add_models()
        status = study.dynofarm("run", f"sweeps/{asked.name}.yaml", may_fail=True)
    study.show()
    return status


class Study:
    """A farm in `folder`, made anew but for what was trained and built."""

    def __init__(self, name: str, small: bool, folder: Path, zoo: str | None) -> None:
        self.name, self.small, self.farm = name, small, folder.resolve()
        self.zoo = Path(zoo) if zoo else self.farm.parent / "zoo" / "bin" / "python"
        self.example = EXAMPLES / name

    def prepare(self) -> None:
        """The farm, the sweep file, the data."""
        self.farm.mkdir(parents=True, exist_ok=True)
        for folder in ("device_profiles", "sweeps", "boards"):
            shutil.rmtree(self.farm / folder, ignore_errors=True)
        for file in self.farm.glob("results.db*"):
            file.unlink()
        self.dynofarm("init")
        sweep = self.example / ("small.yaml" if self.small else "sweep.yaml")
        shutil.copy(sweep, self.farm / "sweeps" / f"{self.name}.yaml")
        if self.name == "mobilebert-tweets":
            self.dynofarm("data", "fetch", "tweets")

    def add_boards(self, boards: ExitStack) -> None:
        """This machine, two of its processors as boards of one and two cores, and a board with little memory."""
        self.dynofarm("device", "edit", "local", "--set", ROOM)
        try:
            find_sshd()
        except BoardError as error:
            say(f"\n# {error.message}: going on with this machine alone; {error.hint}")
            return
        usable = sorted(os.sched_getaffinity(0))
        for name, cores in CORES.items():
            if self.small and len(cores) > 1:
                continue  # of this machine's own size: it costs a minute and says little more
            board = boards.enter_context(LoopbackBoard(self.farm / "boards" / name, name))
            chosen = [usable[core % len(usable)] for core in cores]
            self._add(name, board.login, str(board.work_dir), "loopback", chosen)
        limits = SMALL_BOARD[self.small]
        try:
            small = boards.enter_context(NamespacedBoard(self.farm / "boards" / "small", "small", limits=limits))
        except BoardError as error:
            say(f"\n# no board with little memory here: {error.message}; {error.hint}")
            return
        self._add("small", small.login, small.work_dir, "emulated")

    def _add(self, name: str, login: Login, work_dir: str, kind: str, cpus: list[int] | None = None) -> None:
        words = ["device", "add", name, f"{login.user}@{login.host}:{login.port}", "--key", str(login.key_file)]
        words += ["--work-dir", work_dir, "--kind", kind, "--group", "this-machine", "--no-check"]
        self.dynofarm(*words, "--accept-fingerprint", fingerprint(login.host_key))
        if cpus is not None:
            self.dynofarm("device", "edit", name, "--set", f"cpus={cpus}", "--set", ROOM)

    def add_models(self) -> None:
        if self.small:
            folder = self.example / "models" if (self.example / "models").is_dir() else EXAMPLES / "models"
            pattern = "*.tflite" if folder.parent == self.example else "bert-tiny*.tflite"
            self.dynofarm("model", "add", *(os.path.relpath(one, self.farm) for one in sorted(folder.glob(pattern))))
            self._add_what_is_too_big()
            return
        self._need_zoo()
        python = ["--python", str(self.zoo)]
        if self.name == "mobilebert-tweets":
            student = self.farm / "models" / "tweets-student"
            if not student.is_dir():
                self.dynofarm("model", "train", "tweets", "-o", "models/tweets-student", *python)
            self.dynofarm("model", "build", "--from", "models/tweets-student", *TWEETS, *python)
            shutil.copy(student / "vocab.txt", self.farm / "models" / "vocab.txt")
            tiny = sorted((self.example / "models").glob("*.tflite"))
            self.dynofarm("model", "add", *(os.path.relpath(one, self.farm) for one in tiny))
        for words in BUILDS[self.name]:
            self.dynofarm("model", "build", *words, *python)

    def _add_what_is_too_big(self) -> None:
        """Four layers of 4,096 × 4,096: 64 MiB of file, and as much again for each layer that is made ready."""
        matrix = np.random.default_rng(1).normal(0.0, 1 / 64, (4096, 4096)).astype("<f4")
        path = self.farm / f"{TOO_BIG}.tflite"
        path.write_bytes(make(matrix.tobytes(), rows=1, width=4096, layers=4))
        self.dynofarm("model", "add", path.name, "--no-reference")

    def _need_zoo(self) -> None:
        if self.zoo.exists():
            return
        say(f"\n# torch and the converters, in {self.zoo.parent.parent}: 2.2 GB, once")
        subprocess.run([sys.executable, "-m", "venv", str(self.zoo.parent.parent)], check=True)
        subprocess.run([str(self.zoo), "-m", "pip", "install", "-q", "-e", f"{ROOT}[zoo]"], check=True)

    def show(self) -> None:
        """Everything that is printed of a study, on the terminal and as files."""
        if self.name == "mobilebert-tweets":
            self.dynofarm("answers", may_fail=True)
        self.dynofarm("table", may_fail=True)
        self.dynofarm("claims", may_fail=True)
        for verb, suffixes in OUTPUTS.items():
            for suffix in suffixes:
                self.dynofarm(verb, "last", "-o", f"{verb}.{suffix}", may_fail=True)
        say(f"\nTables and plots lie in {os.path.relpath(self.farm)}; the boards are gone, what they measured is kept.")

    def dynofarm(self, *words: str, may_fail: bool = False) -> int:
        """Show a command as a user would type it in the farm, and run it."""
        say(f"\n$ dynofarm {shlex.join(words)}")
        program = Path(sys.executable).with_name("dynofarm")
        status = subprocess.run([str(program), *words], cwd=self.farm, check=False).returncode
        if status != 0 and not may_fail:
            sys.exit(status)
        return status


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/study", description="From nothing to the table of a study.")
    parser.add_argument("name", choices=sorted(BUILDS))
    parser.add_argument(
        "--small", action="store_true", help="seconds, without torch, with the networks of the checkout"
    )
    parser.add_argument("--folder", type=Path, help="where (default: .study/NAME)")
    parser.add_argument("--zoo", metavar="PYTHON", help="a Python that has dynofarm[zoo]")
    found = parser.parse_args()
    found.folder = found.folder or ROOT / ".study" / (f"{found.name}-small" if found.small else found.name)
    return found


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
