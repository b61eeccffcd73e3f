"""Does the agent measure what an independent tool measures, and does watching change what is watched?

Agreement: the median latency of a job through the agent over that of tools that have nothing of dynofarm in them, with
the same model, version of the runtime, inputs and threads: a plain loop in Python in an environment of its own (made
below $XDG_CACHE_HOME/dynofarm-benchmarks); a loop in C on the same library (`c_loop.c`, compiled here); and
`litert-benchmark` of the ai-edge-litert package for the vision model only, since it feeds random numbers, and random
tokens overflow an embedding (its medians are rounded to 10 microseconds). Observer: the same job with the sampler at
10 Hz over without. All pairs are interleaved on this machine; a pair is two fresh processes. Nothing is tuned towards
a result.

A virtual machine whose host is used by others goes to and fro between a fast and a slow mode, and a median tells which
of them had the greater share of that second. So the 10th percentiles of the same loops stand beside the medians: they
tell the same of a quiet machine, and of a disturbed one what it does when it is left alone.
"""

import argparse
import json
import math
import shutil
import subprocess
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_board import MODELS, ROOT, folder_for_a_bench
from bench_here import CACHE, Bench
from interleaved import interleave, median_of, ratio_of

from agent.inputs import fill
from agent.protocol import JobSpec, MeasureProtocol
from orchestrator.bundle import agent_zipapp

VISION = "face-detection.tflite"
CASES = (
    ("litert", "bert-tiny-int8.tflite"),
    ("litert", VISION),
    ("onnxruntime", "bert-tiny-int8.onnx"),
)
PACKAGES = {"litert": "ai-edge-litert", "onnxruntime": "onnxruntime"}
SECONDS, THREADS = 1.0, 1


class Loop(NamedTuple):
    """What one timed loop told of an inference."""

    median_s: float
    p10_s: float = math.nan

    @classmethod
    def of(cls, latencies_ns: list[int]) -> "Loop":
        return cls(float(np.median(latencies_ns)) / 1e9, float(np.percentile(latencies_ns, 10)) / 1e9)

    @classmethod
    def told(cls, argv: list) -> "Loop":
        """By a program that prints both in nanoseconds."""
        words = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
        return cls(*(float(word) / 1e9 for word in words))


ONE_SECOND = MeasureProtocol("one second", 5, 0.5, 2.0, 64, SECONDS, 10.0)


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


def ours(bench: Bench, order: JobSpec, **changes: float) -> Loop:
    return Loop.of(bench.measure(order, **changes).timing.latencies_ns)


def plain(python: Path, runtime: str, name: str, inputs: Path) -> Loop:
    script = str(ROOT / "benchmarks" / "plain_loop.py")
    return Loop.told([str(python), script, runtime, str(MODELS / name), str(inputs), str(THREADS), str(SECONDS)])


def compile_c_loop(folder: Path) -> Path | None:
    """None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = folder / "c_loop"
    subprocess.run([compiler, "-O2", "-o", program, ROOT / "benchmarks" / "c_loop.c", "-ldl"], check=True)
    return program


def c_loop(program: Path, library: Path, name: str, inputs: Path) -> Loop:
    return Loop.told([program, library, MODELS / name, inputs, str(THREADS), str(SECONDS)])


def litert_benchmark(python: Path, name: str, folder: Path) -> Loop:
    """As many runs as fit a second or so; its own warm-up of five runs is too short to compare anything with. It tells
    no 10th percentile."""
    result = folder / "litert-benchmark.json"
    argv = [python.with_name("litert-benchmark"), "--model", MODELS / name, "--num_threads", str(THREADS)]
    argv += ["--warmup_runs", "300", "--num_runs", "600", "--result_json", result]
    subprocess.run(argv, capture_output=True, check=True)
    return Loop(float(json.loads(result.read_text())["latency"]["median_ms"]) / 1e3)


def compare(name: str, these: Callable[[], Loop], those: Callable[[], Loop], pairs: int) -> None:
    figures = interleave({"these": these, "those": those}, pairs)
    print(f"{name:44}", end="")
    for figure in range(len(Loop._fields)):
        sides = [[one[figure] for one in figures[side]] for side in ("these", "those")]
        if not any(math.isnan(value) for values in sides for value in values):
            middles = [median_of([one * 1e6 for one in side]).value for side in sides]
            print(f" {middles[0]:>7.0f} / {middles[1]:<7.0f} {ratio_of(*sides)}", end=" ")
    print(flush=True)


def agree(bench: Bench, folder: Path, pairs: int) -> None:
    python, program = independent_python(bench), compile_c_loop(folder)
    for runtime, name in CASES:
        order = bench.order(runtime, name, ONE_SECOND, THREADS)
        these = partial(ours, bench, order)
        inputs, raw = folder / f"{name}.npz", folder / f"{name}.bytes"
        write_inputs(inputs, order)
        compare(f"agent / plain {runtime}, {name}", these, partial(plain, python, runtime, name, inputs), pairs)
        if runtime == "litert" and program is not None:
            raw.write_bytes(b"".join(fill(recipe, order.seed).data for recipe in order.model.inputs))
            library = folder / "work" / "blobs" / str(order.runtime.digest)
            compare(f"agent / C loop, {name}", these, partial(c_loop, program, library, name, raw), pairs)
        if name == VISION:
            those = partial(litert_benchmark, python, name, folder)
            compare(f"agent / litert-benchmark, {name}", these, those, pairs)


def watch(bench: Bench, pairs: int) -> None:
    for name in ("bert-tiny-int8.tflite", VISION):
        order = bench.order("litert", name, ONE_SECOND, THREADS)
        on, off = partial(ours, bench, order, sample_hz=10.0), partial(ours, bench, order, sample_hz=0.0)
        compare(f"sampler 10 Hz / off, {name}", on, off, pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--observer-pairs", type=int, default=20)
    chosen = parser.parse_args()
    with folder_for_a_bench() as folder:
        bench = Bench(folder, agent_zipapp())
        try:
            print(
                "µs of both sides (medians), the median of the paired ratios with its 95 % interval: by medians; by p10"
            )
            agree(bench, folder, chosen.pairs)
            watch(bench, chosen.observer_pairs)
        finally:
            bench.link.close(politely=True)


if __name__ == "__main__":
    main()
