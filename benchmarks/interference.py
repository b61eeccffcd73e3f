"""Whether somebody else's busy loop in the middle of a measurement is noticed, and whether a quiet board is believed.

One loopback board (a real sshd on this machine), one sweep with the reference model in every block: in every second
block a busy loop starts in the middle of the timed loop. The verdicts are those that dynofarm gave and stored. Where
others use the machine it is not quiet: then the second count says so, and the load stands beside it.
"""

import argparse
import os
import statistics
import threading
from pathlib import Path

from bench_board import MODELS, folder_for_a_bench, loopback_device
from interleaved import ratio_of

from orchestrator.farm import Farm, find_farm, init_farm
from orchestrator.launch import Launcher
from orchestrator.model_files import read_model
from orchestrator.records import StoredRun
from orchestrator.runs import Job, Role
from orchestrator.store import Store
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.trust.verdicts import Verdict
from tests.disturbing import LOOP, Disturber

CODE = "others_ran"


def disturbed(job: Job) -> bool:
    return job.role is Role.CASE and job.block % 2 == 1


def measure(folder: Path, model_name: str, tries: int) -> list[StoredRun]:
    """Every run of the case, judged, in the order in which they ran."""
    with loopback_device(folder) as (device, known_hosts):
        init_farm(folder / "farm")
        found = find_farm(folder / "farm")
        farm = Farm(found.root, found.profiles, found.sweeps, found.database, known_hosts, found.cache)
        model = read_model(MODELS / f"{model_name}.tflite")
        sweep = Sweep(
            "interference", (model.name,), (device.name,), runtimes=(RuntimeChoice("litert"),), protocol=LOOP,
            repeats=2 * tries,
        )  # fmt: skip
        with Store.open(folder / "results.db", create=True) as store, Disturber(disturbed) as disturber:
            outcome = Launcher(farm, store, disturber, threading.Event()).launch(sweep, [model], [device])
            return [one for one in store.whole_runs(outcome.sweep_id) if one.run.job.role is Role.CASE]


def line_of(stored: StoredRun) -> str:
    result, judgement = stored.run.result, stored.judgement
    if result is None or judgement is None:
        return f"{stored.run.status}: {stored.run.message}"
    told, loop_s = result.surroundings, result.timing.loop_wall_ns / 1e9
    others, steal = (
        "–" if seconds is None else f"{seconds / loop_s:.1%}"
        for seconds in ((told.others_cpu_s, told.steal_s) if told else (None, None))
    )
    median_ms = statistics.median(result.timing.latencies_ns) / 1e6
    figures = f"{median_ms:8.3f} ms   others {others:>6}   steal {steal:>5}"
    return f"{figures}   {judgement.verdict:8} {' '.join(codes_of(stored))}"


def verdict_of(stored: StoredRun) -> Verdict | None:
    return stored.judgement.verdict if stored.judgement else None


def codes_of(stored: StoredRun) -> list[str]:
    return [reason.code for reason in stored.judgement.reasons] if stored.judgement else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=20, help="with the busy loop, and as many without")
    parser.add_argument("--model", default="bert-tiny-int8", help="a TFLite file of examples/models")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    with folder_for_a_bench() as folder:
        runs = measure(folder, options.model, options.tries)
    for stored in runs:
        print(f"block {stored.run.job.block:3}  {'busy ' if disturbed(stored.run.job) else 'quiet'}  {line_of(stored)}")
    busy = [one for one in runs if disturbed(one.run.job)]
    quiet = [one for one in runs if not disturbed(one.run.job)]
    noticed = sum(verdict_of(one) is Verdict.SUSPECT and CODE in codes_of(one) for one in busy)
    believed = sum(verdict_of(one) is Verdict.TRUSTED for one in quiet)
    print(f"\nbusy loop in mid-loop: {noticed} of {len(busy)} suspect, because of {CODE}   (bar: all)")
    print(f"quiet: {believed} of {len(quiet)} trusted   (bar: 19 of 20)")
    print(f"load of the machine: {before:.1f} before, {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} processors")
    medians = [
        [statistics.median(one.run.result.timing.latencies_ns) for one in side if one.run.result is not None]
        for side in (busy, quiet)
    ]
    print(f"median latency, busy over quiet: {ratio_of(*medians)}")


if __name__ == "__main__":
    main()
