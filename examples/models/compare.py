"""Run the example models with the runtimes that this environment has, and compare outputs between environments.

    python compare.py run litert.npz             # in an environment with ai-edge-litert, tflite-runtime, onnxruntime
    python compare.py diff torch.npz litert.npz  # worst difference over the spread, for each pair that can be compared

It needs numpy (below 2 beside tflite-runtime) and at least one runtime. `make.py` writes `torch.npz`.
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
SEEDS = 64
VOCABULARY, LENGTH = 1024, 128

Arrays = dict[str, np.ndarray]


def inputs_of_bert(seed: int) -> Arrays:
    """Random tokens; the mask leaves a tail of random length out, so that it is seen to work."""
    random = np.random.default_rng(seed)
    ids = random.integers(0, VOCABULARY, (1, LENGTH), dtype=np.int32)
    tokens = random.integers(LENGTH // 4, LENGTH + 1)
    return {"ids": ids, "mask": (np.arange(LENGTH)[None] < tokens).astype(np.int32)}


def inputs_of_face(seed: int) -> Arrays:
    return {"input": np.random.default_rng(seed).uniform(-1.0, 1.0, (1, 128, 128, 3)).astype(np.float32)}


def inputs_of(path: Path, seed: int) -> Arrays:
    return inputs_of_bert(seed) if path.name.startswith("bert") else inputs_of_face(seed)


def run_tflite(interpreter_class: Any, path: Path) -> np.ndarray:
    interpreter = interpreter_class(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    outputs = []
    for seed in range(SEEDS):
        for name, value in inputs_of(path, seed).items():
            (place,) = [d["index"] for d in interpreter.get_input_details() if d["name"].endswith(name)]
            interpreter.set_tensor(place, value)
        interpreter.invoke()
        outputs.append(flat([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]))
    return np.stack(outputs)


def run_onnx(path: Path) -> np.ndarray:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.stack([flat(session.run(None, inputs_of(path, seed))) for seed in range(SEEDS)])


def flat(outputs: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(output, dtype=np.float32).ravel() for output in outputs])


def run_all() -> Arrays:
    found: Arrays = {}
    for package, module in (("tflite-runtime", "tflite_runtime"), ("ai-edge-litert", "ai_edge_litert")):
        try:
            name = f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
        interpreter = __import__(f"{module}.interpreter", fromlist=["Interpreter"]).Interpreter
        for path in sorted(HERE.glob("*.tflite")):
            found[f"{path.name} {name}"] = run_tflite(interpreter, path)
    try:
        name = f"onnxruntime {version('onnxruntime')}"
    except PackageNotFoundError:
        return found
    for path in sorted(HERE.glob("*.onnx")):
        found[f"{path.name} {name}"] = run_onnx(path)
    return found


def save(path: Path, outputs: Arrays) -> None:
    np.savez_compressed(path, **outputs)


def differences(left: np.ndarray, right: np.ndarray) -> tuple[float, float, float]:
    """Worst absolute difference, and worst and median of the largest difference over each input's own spread."""
    left, right = left.reshape(SEEDS, -1), right.reshape(SEEDS, -1)
    error = np.abs(left - right).max(axis=1)
    relative = error / (left.max(axis=1) - left.min(axis=1))
    return float(error.max()), float(relative.max()), float(np.median(relative))


def print_differences(paths: list[Path]) -> None:
    outputs: Arrays = {}
    for path in paths:
        with np.load(path) as archive:
            outputs.update({name: archive[name] for name in archive.files})
    names = list(outputs)
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            if outputs[first].size == outputs[second].size:
                worst, relative, median = differences(outputs[first], outputs[second])
                print(f"{first} | {second} | {worst:.2e} | {relative:.2e} | {median:.2e}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"] and len(sys.argv) == 3:
        save(Path(sys.argv[2]), run_all())
    elif sys.argv[1:2] == ["diff"] and len(sys.argv) > 2:
        print_differences([Path(argument) for argument in sys.argv[2:]])
    else:
        sys.exit(__doc__)
