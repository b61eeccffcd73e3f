"""From `dynofarm run` to the first stored result: a board that was never seen, the same board again, and by hand.

All whole processes, one job of a real model (LiteRT, one short protocol). Never seen: the board's work folder is empty,
so the agent, the library and the model travel. By hand is what a careful person types with OpenSSH: `mkdir`, one `scp`
of agent, library and model, `ssh` with the same worker and the same job; nothing is checked, sampled or stored.
The carrier cache is warm: downloads are nobody's overhead. The moment of the result is that of the commit as another
process sees it in the database; for the work by hand, the moment its report has arrived.
"""

import argparse
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench_board import MODELS, folder_for_a_bench
from interleaved import interleave, print_figures

from agent.outcome import encode_job
from agent.protocol import JobSpec, MeasureProtocol, ModelOnBoard, RuntimeOnBoard, ThermalGate
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.farm import find_farm
from orchestrator.runtimes import usual_delegate
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice
from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm

MODEL = "bert-tiny-int8"
TINY = MeasureProtocol("tiny", 2, 0.0, 0.2, 8, 0.0, 5.0)
SWEEP = f"models: [{MODEL}]\nruntimes: [litert]\non: [bench]\nrepeats: 1\nseed: 1\nreference: false\n{QUICKEST}"


class Bench:
    """A farm with one loopback board, and the same board for somebody with OpenSSH."""

    def __init__(self, folder: Path, board: LoopbackBoard) -> None:
        self.board, self.folder = board, folder
        (folder / "farm").mkdir()
        self.farm = TestFarm(folder / "farm")
        self.farm.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users' Pythons keep what they compiled
        self.farm.run("init").ok()
        self.farm.add_board(board)
        self.farm.run("model", "add", str(MODELS / f"{MODEL}.tflite")).ok()
        self.sweep = self.farm.write_sweep("first", SWEEP)
        self.farm.run("run", self.sweep).ok()  # warms the carrier cache and leaves facts to know the library by
        self.hand = folder / "hand"
        self.hand.mkdir()
        options = ["-o", f"UserKnownHostsFile={folder / 'hand_hosts'}", "-o", "IdentitiesOnly=yes", "-F", "none"]
        (folder / "hand_hosts").write_text(board.host_key_line + "\n")
        self.ssh_options = [*options, "-i", str(board.key_file)]
        self.job = self._furnish()

    def _furnish(self) -> bytes:
        """Lay out what is copied by hand; the job, as the worker reads it."""
        with Store.open(self.farm.root / "results.db") as store:
            facts, model = store.last_facts()["bench"], store.model(MODEL)
        carrier = CarrierShelf(find_farm(self.farm.root).cache).fetch(RuntimeChoice("litert"), facts)
        assert carrier.path is not None
        shutil.copy(carrier.path, self.hand / "library.so")
        shutil.copy(model.path, self.hand / "model")
        (self.hand / "agent.pyz").write_bytes(agent_zipapp().data)
        runtime = RuntimeOnBoard("litert", carrier.runtime.version, "library", carrier.runtime.digest)
        on_board = ModelOnBoard(model.digest, model.name, model.format, list(model.recipes))
        job = JobSpec(
            job_id="by-hand", model=on_board, runtime=runtime, threads=1, delegate=usual_delegate("litert"), options={},
            protocol=TINY, seed=1, references=list(model.references), thermal=ThermalGate(None), cpu_affinity=None,
            sample_hz=10.0, deadline_s=60.0,
        )  # fmt: skip
        return encode_job(job)

    def forget(self) -> None:
        shutil.rmtree(self.board.work_dir, ignore_errors=True)

    def never_seen(self) -> float:
        self.forget()
        return self.seen()

    def seen(self) -> float:
        """Seconds until a new run is in the database; the rest of the command is waited for, not counted."""
        with sqlite3.connect(self.farm.root / "results.db") as connection:
            (before,) = connection.execute("select count(*) from run").fetchone()
            began = time.perf_counter()
            process = self.farm.start("run", self.sweep, "--quiet")
            while connection.execute("select count(*) from run").fetchone()[0] == before:
                assert process.poll() in (None, 0), process.communicate()
                time.sleep(0.005)
            took = time.perf_counter() - began
            out, err = process.communicate(timeout=60)
        connection.close()
        assert process.returncode == 0, out + err
        return took

    def to_the_end(self) -> float:
        began = time.perf_counter()
        self.farm.run("run", self.sweep, "--quiet").ok()
        return time.perf_counter() - began

    def by_hand(self) -> float:
        board, place = self.board, f"{self.board.home}/by-hand"
        shutil.rmtree(place, ignore_errors=True)
        worker = f"cd {shlex.quote(place)} && exec python3 -I -S agent.pyz worker --model model --carrier ./library.so"
        began = time.perf_counter()
        self._ssh(f"mkdir -p {shlex.quote(place)}")
        files = [str(self.hand / name) for name in ("agent.pyz", "library.so", "model")]
        target = f"{board.user}@{board.host}:{place}/"
        subprocess.run(["scp", "-q", *self.ssh_options, "-P", str(board.port), *files, target], check=True)
        said = self._ssh(f"{worker} --report-fd 3 --parent $PPID 3>&1", self.job)
        took = time.perf_counter() - began
        assert b'"kind":"measured"' in said, said
        return took

    def _ssh(self, command: str, data: bytes = b"") -> bytes:
        board = self.board
        argv = ["ssh", *self.ssh_options, "-p", str(board.port), f"{board.user}@{board.host}", command]
        return subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with folder_for_a_bench() as folder, LoopbackBoard(folder / "bench", "bench") as board:
        bench = Bench(folder, board)
        subjects: dict[str, Callable[[], float]] = {
            "by hand: mkdir, scp, ssh worker": bench.by_hand,
            "run, board never seen": bench.never_seen,
            "run, same board again": bench.seen,
            "run, again, to the command's end": bench.to_the_end,
        }
        print_figures(interleave(subjects, rounds), "by hand: mkdir, scp, ssh worker")


if __name__ == "__main__":
    sys.exit(main())
