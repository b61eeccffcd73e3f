"""The independent tool of `agreement.py`: a model timed as its runtime's own tutorial would, nothing of dynofarm in it.

plain_loop.py RUNTIME MODEL INPUTS.npz THREADS SECONDS prints the median latency of one inference and the 10th
percentile, in nanoseconds. The inputs are given, in the model's order, because they matter: a BERT whose mask is not
all ones takes onnxruntime longer.
"""

import sys
import time

import numpy as np


def open_litert(path: str, inputs: list, threads: int):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    for wanted, values in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(wanted["index"], values)
    return interpreter.invoke


def open_onnxruntime(path: str, inputs: list, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {one.name: values for one, values in zip(session.get_inputs(), inputs, strict=True)}
    return lambda: session.run(None, feed)


def main() -> None:
    runtime, path, given, threads, seconds = sys.argv[1:]
    inputs = list(np.load(given).values())
    invoke = {"litert": open_litert, "onnxruntime": open_onnxruntime}[runtime](path, inputs, int(threads))
    until = time.perf_counter() + 0.5
    while time.perf_counter() < until:
        invoke()
    latencies = []
    until = time.perf_counter() + float(seconds)
    while time.perf_counter() < until or len(latencies) < 64:
        began = time.perf_counter_ns()
        invoke()
        latencies.append(time.perf_counter_ns() - began)
    print(float(np.median(latencies)), float(np.percentile(latencies, 10)))


if __name__ == "__main__":
    main()
