"""The demo: what a user does by hand, command by command, on boards that live as long as the demo."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FARM = ROOT / ".demo"
MODELS = [f"../examples/models/{name}.tflite" for name in ("bert-tiny", "bert-tiny-int8", "face-detection")]
SWEEP = """\
# Two BERTs and a face detector on every board, each three times in a fresh process, in shuffled order.
models: [bert-tiny, bert-tiny-int8, face-detection]
runtimes: [litert]
on: [all]
threads: [1]
protocol: quick
repeats: 3
seed: 7
"""
QUERY = "select model, min(median_ns) / 1e6 as best_ms from runs_view where role = 'case' group by model"

sys.path.insert(0, str(ROOT))
from tests.boards.board import BoardError  # noqa: E402 - the checkout is not installed as a package of tests
from tests.boards.loopback import LoopbackBoard  # noqa: E402
from tests.boards.sshd import find_sshd  # noqa: E402


def main() -> int:
    """Run the demo; its exit code is that of the sweep."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the boards are stopped then, too
    shutil.rmtree(FARM, ignore_errors=True)
    FARM.mkdir()
    with ExitStack() as boards:
        dynofarm("init")
        for name in ("kitchen", "attic") if sshd_is_here() else ():
            board = boards.enter_context(LoopbackBoard(FARM / "boards" / name, name))
            say(f"\n# {name}: a real sshd on {board.host}, with keys and a work folder of its own")
            dynofarm(
                "device", "add", name, f"{board.user}@{board.host}:{board.port}", "--key", str(board.key_file),
                "--work-dir", str(board.work_dir), "--kind", "loopback", "--group", "this-machine",
                "--accept-fingerprint", board.host_key_fingerprint,
            )  # fmt: skip
        say("\n# this machine is a board too: `dynofarm init` made the profile `local`")
        dynofarm("model", "add", *MODELS)
        (FARM / "sweeps" / "demo.yaml").write_text(SWEEP)
        say("\n# the sweep:\n" + SWEEP.rstrip())
        status = dynofarm("run", "sweeps/demo.yaml", may_fail=True)
    say(
        "\nThe boards are gone; what they measured is kept. Three commands to try next:\n"
        f"  {short('results', '--each-run', '--sort', 'p50')}\n"
        f"  {short('sql', QUERY)}\n"
        f"  {short('run', 'bert-tiny-int8', '--on', 'local', '--threads', '1,2', '--protocol', 'quick')}"
    )
    return status


def dynofarm(*words: str, may_fail: bool = False) -> int:
    """Show a command as a user would type it in the farm, and run it."""
    say(f"\n$ dynofarm {shlex.join(words)}")
    program = Path(sys.executable).with_name("dynofarm")
    status = subprocess.run([str(program), *words], cwd=FARM, check=False).returncode
    if status != 0 and not may_fail:
        sys.exit(status)
    return status


def short(*words: str) -> str:
    """A command that works from where the user stands."""
    program = os.path.relpath(Path(sys.executable).with_name("dynofarm"))
    return f"{program} -C {os.path.relpath(FARM)} {shlex.join(words)}"


def sshd_is_here() -> bool:
    try:
        find_sshd()
    except BoardError as error:
        say(f"\n# {error.message}: going on with this machine alone. To see boards over SSH: {error.hint}")
        return False
    return True


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
