"""Does the agent measure what an independent tool measures, and does watching change what is watched?

Agreement: the median latency of a job through the agent over that of a plain loop around the same model, with the same
version of the runtime, the same inputs and as many threads, in a plain process of an environment of its own (made below
$XDG_CACHE_HOME/dynofarm-benchmarks). Observer: the same job with the sampler at 10 Hz over without. All pairs are
interleaved on this machine; a pair is two fresh processes. Nothing is tuned towards a result.
"""

import argparse
import os
import statistics
import subprocess
import threading
import venv
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bench_board import MODELS, ROOT, folder_for_a_bench
from interleaved import interleave, median_of, ratio_of

from agent.inputs import fill
from agent.protocol import JobResult, JobSpec, MeasureProtocol
from orchestrator.bundle import agent_zipapp
from orchestrator.carriers import CarrierShelf
from orchestrator.devices import Device
from orchestrator.devices import Link as LinkKind
from orchestrator.launch import new_job_id
from orchestrator.links import Link
from orchestrator.model_files import read_model
from orchestrator.plan import plan
from orchestrator.runtimes import find_runtime, objection, version_for
from orchestrator.runtimes.targets import target_of
from orchestrator.supply import Supply
from orchestrator.sweep import RuntimeChoice, Sweep
from orchestrator.transport.connect import connect

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CASES = (
    ("litert", "bert-tiny-int8.tflite"),
    ("litert", "face-detection.tflite"),
    ("onnxruntime", "bert-tiny-int8.onnx"),
)
PACKAGES = {"litert": "ai-edge-litert", "onnxruntime": "onnxruntime"}
SECONDS, THREADS = 1.0, 1
ONE_SECOND = MeasureProtocol("one second", 5, 0.5, 2.0, 64, SECONDS, 10.0)


class Bench:
    """This machine as a board, with one warm session."""

    def __init__(self, folder: Path) -> None:
        self._quiet: Any = lambda _event: None
        self._device = Device("here", LinkKind.LOCAL, work_dir=str(folder / "work"))
        self._shelf = CarrierShelf(CACHE / "dynofarm" / "orchestrator")
        connector = partial(connect, known_hosts=folder / "known_hosts")
        self.link = Link(self._device, connector, agent_zipapp(), "benchmark", self._quiet, threading.Event())
        self.session = self.link.open(0.0)

    def order(self, runtime: str, name: str) -> JobSpec:
        """A job as a sweep would plan it, its things on the board."""
        model, choice = read_model(MODELS / name), RuntimeChoice(runtime, self.version(runtime))
        sweep = Sweep("agreement", (model.name,), ("all",), (choice,), threads=(THREADS,), protocol=ONE_SECOND)
        assert self.link.facts is not None
        job = plan(sweep, [model], [self._device], {"here": self.link.facts}, objection, new_job_id)[0]
        assert job.skip_reason is None, job.skip_reason
        return Supply([model], self._shelf, self._quiet).outfit(self.session, self.link.facts, job, [job])

    def version(self, runtime: str) -> str:
        assert self.link.facts is not None
        version = version_for(find_runtime(runtime), RuntimeChoice(runtime), target_of(self.link.facts))
        assert version is not None
        return version

    def median_s(self, order: JobSpec, **changes: Any) -> float:
        outcome = self.session.run(replace(order, job_id=new_job_id(), **changes), lambda _stage: None)
        assert isinstance(outcome, JobResult), outcome
        self.session.acknowledge(outcome.job_id)
        return statistics.median(outcome.timing.latencies_ns) / 1e9


def independent_python(bench: Bench) -> Path:
    """The Python of the environment with the very versions that the agent is given; made once."""
    wanted = [f"{package}=={bench.version(runtime)}" for runtime, package in PACKAGES.items()]
    folder = CACHE / "dynofarm-benchmarks" / "-".join(wanted)
    if not (folder / "complete").exists():
        print(f"making an environment with {', '.join(wanted)} …", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "numpy", *wanted], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


def write_inputs(path: Path, order: JobSpec) -> None:
    """The very bytes that the agent feeds, for the independent tool."""
    arrays = [fill(recipe, order.seed) for recipe in order.model.inputs]
    np.savez(path, *(np.frombuffer(one.data, one.dtype).reshape(one.shape) for one in arrays))


def plain_s(python: Path, runtime: str, name: str, inputs: Path) -> float:
    script = str(ROOT / "benchmarks" / "plain_loop.py")
    argv = [str(python), script, runtime, str(MODELS / name), str(inputs), str(THREADS), str(SECONDS)]
    return float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) / 1e9


def compare(name: str, ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> None:
    figures = interleave({"ours": ours, "theirs": theirs}, pairs)
    middles = [median_of([one * 1e6 for one in figures[side]]).value for side in ("ours", "theirs")]
    ratio = ratio_of(figures["ours"], figures["theirs"])
    print(f"{name:44} {middles[0]:>9.0f} µs {middles[1]:>9.0f} µs   ratio {ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--observer-pairs", type=int, default=20)
    chosen = parser.parse_args()
    with folder_for_a_bench() as folder:
        bench = Bench(folder)
        try:
            python = independent_python(bench)
            print("medians of the medians, and the median of the paired ratios with its 95 % interval")
            orders = {name: bench.order(runtime, name) for runtime, name in CASES}
            for runtime, name in CASES:
                inputs = folder / f"{name}.npz"
                write_inputs(inputs, orders[name])
                ours, theirs = partial(bench.median_s, orders[name]), partial(plain_s, python, runtime, name, inputs)
                compare(f"agent / plain {runtime}, {name}", ours, theirs, chosen.pairs)
            for name in ("bert-tiny-int8.tflite", "face-detection.tflite"):
                on = partial(bench.median_s, orders[name], sample_hz=10.0)
                off = partial(bench.median_s, orders[name], sample_hz=0.0)
                compare(f"sampler 10 Hz / off, {name}", on, off, chosen.observer_pairs)
        finally:
            bench.link.close(politely=True)


if __name__ == "__main__":
    main()
