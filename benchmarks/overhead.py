"""What a job costs through the orchestrator over the same worker started by hand on the board.

One loopback board (a real sshd on this machine), one warm session, the store included: every job is outfitted, ordered,
measured, committed and acknowledged as `schedule` does it for a board that shares its machine; for others it commits
while the next worker starts, which takes that step out of the sum. The worker by hand is the same zipapp with the same
job and the same Python, with nobody watching. Both run in turn; the difference of each pair is the overhead.
"""

import argparse
import os
import statistics
import subprocess
import threading
import time
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench_board import fake_model, folder_for_a_bench, loopback_device
from interleaved import median_of, ratio_of

from agent.outcome import encode_job
from agent.protocol import JobResult, JobSpec, MeasureProtocol, Stage
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.launch import new_job_id
from orchestrator.links import Link
from orchestrator.plan import plan
from orchestrator.runs import Job, Run, RunStatus
from orchestrator.runtimes import objection
from orchestrator.store import Store
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport.connect import connect

BAR_MS = 15.0
WARMUP = 3
TINY = MeasureProtocol("tiny", 2, 0.0, 0.0, 8, 0.0, 5.0)
STEPS = ("outfit", "order to loading", "start and load", "gate", "loop", "end and result", "commit", "acknowledge")
OUTSIDE = ("outfit", "order to loading", "end and result", "commit", "acknowledge")
"""Steps in which no clock of the worker runs: steadier than the difference of pairs, on a machine that others use too.
The worker's own ending is in one of them, and what the supervisor does while the worker starts is in none."""
STAGES = {"loading": 1, "checking": 2, "timing": 3, "finishing": 4}


class Bench:
    """A warm session and a store; each method is one subject."""

    def __init__(self, link: Link, supply: Supply, store: Store) -> None:
        self._link, self._supply, self._store = link, supply, store
        self.steps: list[list[float]] = []
        self.cpu: list[float] = []
        self.order: JobSpec | None = None

    def orchestrated(self, job: Job) -> float:
        """Seconds from the job's turn to its acknowledgement sent, as in `schedule`; notes the steps, too."""
        session, facts = self._link.session, self._link.facts
        assert session is not None and facts is not None
        cpu = time.process_time()
        marks = [time.perf_counter()] + [0.0] * len(STEPS)
        started = datetime.now(UTC)
        self.order = self._supply.outfit(session, facts, job, [job])
        marks[1] = time.perf_counter()

        def note(stage: Stage) -> None:
            marks[STAGES[stage.name] + 1] = time.perf_counter()

        outcome = session.run(self.order, note)
        marks[6] = time.perf_counter()
        assert isinstance(outcome, JobResult), outcome
        self._store.save_run(Run(job, RunStatus.OK, started, datetime.now(UTC), result=outcome, facts=facts))
        marks[7] = time.perf_counter()
        session.acknowledge(job.job_id)
        marks[8] = time.perf_counter()
        self.cpu.append(time.process_time() - cpu)
        self.steps.append([after - before for before, after in pairwise(marks)])
        return marks[-1] - marks[0]

    def by_hand(self, work_dir: str) -> float:
        """Seconds from starting the worker to its end, its report read."""
        assert self.order is not None and self._link.facts is not None
        agent = Path(work_dir, "agent", f"{agent_zipapp().digest}.pyz")
        model = Path(work_dir, "blobs", self.order.model.digest)
        line = encode_job(self.order)
        began = time.perf_counter()
        reports, report_end = os.pipe()
        argv = [self._link.facts.python_path, "-I", "-S", str(agent), "worker", "--model", str(model)]
        argv += ["--report-fd", str(report_end), "--parent", str(os.getpid())]
        worker = subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(report_end,), cwd="/")
        os.close(report_end)
        worker.communicate(line)
        with os.fdopen(reports, "rb") as file:
            said = file.read()
        took = time.perf_counter() - began
        assert b'"kind":"measured"' in said, said
        return took


def measure(device: Device, known_hosts: Path, folder: Path, pairs: int) -> tuple[Bench, list[float], list[float]]:
    """The seconds of both subjects, pair by pair."""
    notify: Any = lambda _event: None  # noqa: E731
    model, stop = fake_model(folder), threading.Event()
    sweep = Sweep(
        "overhead", (model.name,), (device.name,), runtimes=(RuntimeChoice("fake"),), protocol=TINY,
        options=({"sleep_ms": 1},), repeats=pairs + WARMUP,
    )  # fmt: skip
    link = Link(device, partial(connect, known_hosts=known_hosts), agent_zipapp(), "benchmark", notify, stop)
    try:
        link.open(0.0)
        with Store.open(folder / "results.db", create=True) as store:
            jobs = plan(sweep, [model], [device], {}, objection, new_job_id)
            store.create_sweep(sweep, jobs, [model], datetime.now(UTC))
            bench = Bench(link, Supply([model], CarrierShelf(folder / "cache"), notify), store)
            through: list[float] = []
            hand: list[float] = []
            for turn, job in enumerate(jobs):
                if turn % 2 or bench.order is None:
                    through.append(bench.orchestrated(job))
                    hand.append(bench.by_hand(device.work_dir))
                else:
                    hand.append(bench.by_hand(device.work_dir))
                    through.append(bench.orchestrated(job))
        bench.steps, bench.cpu = bench.steps[WARMUP:], bench.cpu[WARMUP:]
        return bench, through[WARMUP:], hand[WARMUP:]
    finally:
        link.close(politely=True)


def quiet_ms(seconds: list[float]) -> float:
    """What a subject takes when nobody else uses the machine, as far as that happened: its fastest quarter."""
    return statistics.median(sorted(seconds)[: max(1, len(seconds) // 4)]) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    pairs = parser.parse_args().pairs
    with folder_for_a_bench() as folder, loopback_device(folder) as (device, known_hosts):
        bench, through, hand = measure(device, known_hosts, folder, pairs)
    print(f"worker by hand, ms       {median_of([one * 1e3 for one in hand])}")
    print(f"through the farm, ms     {median_of([one * 1e3 for one in through])}")
    print(f"ratio                    {ratio_of(through, hand)}")
    overhead = median_of([(one - other) * 1e3 for one, other in zip(through, hand, strict=True)])
    print(f"overhead of a job, ms    {overhead}   (bar: {BAR_MS:g})")
    print(
        f"the same, fastest quarter {quiet_ms(through) - quiet_ms(hand):.3f} (median of each subject's fastest quarter)"
    )
    print(f"our CPU a job, ms        {median_of([one * 1e3 for one in bench.cpu])}")
    outside = [sum(step for name, step in zip(STEPS, steps, strict=True) if name in OUTSIDE) for steps in bench.steps]
    print(f"outside the worker, ms   {median_of([one * 1e3 for one in outside])}   ({', '.join(OUTSIDE)})")
    print("\nwhere a job's time goes, ms")
    for name, seconds in zip(STEPS, zip(*bench.steps, strict=True), strict=True):
        print(f"  {name:20}   {median_of([one * 1e3 for one in seconds])}")


if __name__ == "__main__":
    main()
