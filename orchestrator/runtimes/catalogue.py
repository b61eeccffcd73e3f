"""The rows of the catalogue: what each runtime takes, where it runs, and which version is meant when none is named.

A new runtime is a row here and a row in `agent.runtimes.RUNTIMES`. The rules over the rows: `runtimes/__init__.py`.
"""

from dataclasses import dataclass

from orchestrator.runtimes.targets import OLDEST_GLIBC, Pair, Target

ANY = ("aarch64", "x86_64", "armv7l")
BITS_64 = ("aarch64", "x86_64")
OPENVINO_PLUGINS_UNUSED = ("intel_gpu", "intel_npu", "auto", "auto_batch", "hetero")
OPENVINO_FORMATS_UNUSED = ("gguf", "jax", "paddle", "pytorch", "tensorflow")
NO_WHEELS_FOR_NUMPY = ("armv7l",)
"""There numpy comes from the board's own system, and psutil not at all: the sensors read `/proc` instead."""


@dataclass(frozen=True)
class Recommended:
    """The version for boards with a Python in this range, an architecture of these and at least this glibc."""

    version: str
    pythons: tuple[Pair, Pair]
    glibc: Pair = OLDEST_GLIBC
    architectures: tuple[str, ...] = BITS_64

    def fits(self, target: Target) -> bool:
        return (
            self.pythons[0] <= target.python <= self.pythons[1]
            and target.architecture in self.architectures
            and (target.glibc or OLDEST_GLIBC) >= self.glibc
        )


@dataclass(frozen=True)
class Runtime:
    """One row. `numpy` lists (from this version of the runtime on, what it asks of numpy), newest first.

    `carrier` as in `agent.protocol.RuntimeOnBoard`; `package` is the wheel's name, `module` what Python imports;
    `pythons` the oldest and newest Python that any wheel is made for (None: the future is open);
    `drop` patterns of what lies in the wheel and no board needs, or `keep` of all that one needs; `tells_operators`: it
    has a profiler that is read; `also`: what it imports beside numpy; `wheel_python`: its libraries serve any Python,
    and are taken from the wheel for this one, without numpy and psutil; `delegate_in_file`: the file says what is
    handed over, under `DELEGATE:` and the name that stands here.
    """

    name: str
    carrier: str
    formats: tuple[str, ...]
    delegates: tuple[str, ...]
    note: str
    package: str = ""
    module: str = ""
    architectures: tuple[str, ...] = ()
    pythons: tuple[Pair, Pair | None] = ((3, 8), None)
    glibc: Pair | None = None
    recommended: tuple[Recommended, ...] = ()
    numpy: tuple[tuple[Pair, str], ...] = ()
    drop: tuple[str, ...] = ()
    tells_operators: bool = False
    keep: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    wheel_python: Pair | None = None
    delegate_in_file: str = ""


RUNTIMES = {
    row.name: row
    for row in (
        Runtime(
            name="litert",
            carrier="library",
            formats=("tflite",),
            delegates=("xnnpack", "none"),
            note="LiteRT's shared library, pushed and called directly: any Python, nothing installed",
            package="ai-edge-litert",
            architectures=BITS_64,
            glibc=(2, 27),
            tells_operators=True,
        ),
        Runtime(
            name="ai-edge-litert",
            carrier="bundle",
            formats=("tflite",),
            delegates=("xnnpack", "none"),
            note="LiteRT through its Python Interpreter, the successor of tflite-runtime",
            package="ai-edge-litert",
            module="ai_edge_litert",
            architectures=BITS_64,
            pythons=((3, 9), None),
            recommended=(
                Recommended("2.3.0", ((3, 10), (3, 14)), (2, 27)),
                Recommended("2.1.0", ((3, 9), (3, 9)), (2, 27)),
                Recommended("1.4.0", ((3, 9), (3, 12))),
            ),
            numpy=(((2, 0), "numpy>=1.23.2"), ((0, 0), "numpy>=1.23.2,<2")),
            drop=(
                "ai_edge_litert/libLiteRtWebGpuAccelerator.so",
                "ai_edge_litert/vendors/*",
                "ai_edge_litert/aot/*",
                "ai_edge_litert/tools/*",
            ),
        ),
        Runtime(
            name="tflite-runtime",
            carrier="bundle",
            formats=("tflite",),
            delegates=("xnnpack", "none"),
            note="TensorFlow Lite's last Python package, for boards up to Python 3.11 and for 32-bit ARM",
            package="tflite-runtime",
            module="tflite_runtime",
            architectures=ANY,
            pythons=((3, 8), (3, 11)),
            recommended=(
                Recommended("2.14.0", ((3, 8), (3, 11)), architectures=("x86_64",)),
                Recommended("2.14.0", ((3, 8), (3, 11)), (2, 34), ANY),
                Recommended("2.13.0", ((3, 8), (3, 10)), architectures=ANY),
            ),
            numpy=(((0, 0), "numpy>=1.21.2,<2"),),  # built against numpy 1: with 2 it imports, then dies
        ),
        Runtime(
            name="onnxruntime",
            carrier="bundle",
            formats=("onnx",),
            delegates=("none",),
            note="ONNX Runtime on the processor",
            package="onnxruntime",
            module="onnxruntime",
            architectures=BITS_64,
            recommended=(
                Recommended("1.31.1", ((3, 11), (3, 14)), (2, 28)),
                Recommended("1.28.0", ((3, 11), (3, 14)), (2, 27)),
                Recommended("1.23.2", ((3, 10), (3, 10)), (2, 27)),
                Recommended("1.19.2", ((3, 8), (3, 9)), (2, 27)),
                Recommended("1.16.3", ((3, 8), (3, 11))),
            ),
            numpy=(((1, 19), "numpy>=1.21.6"), ((0, 0), "numpy>=1.21.6,<2")),
            drop=("onnxruntime/transformers/*", "onnxruntime/quantization/*", "onnxruntime/tools/*"),
            tells_operators=True,
        ),
        Runtime(
            name="openvino",
            carrier="bundle",
            formats=("onnx", "tflite"),
            delegates=("none",),
            note="OpenVINO on the processor, in fp32 unless asked otherwise",
            package="openvino",
            module="openvino",
            architectures=BITS_64,
            pythons=((3, 8), None),
            recommended=(
                Recommended("2026.4.1", ((3, 10), (3, 14)), (2, 28), ("x86_64",)),
                Recommended("2026.4.1", ((3, 10), (3, 14)), (2, 35), ("aarch64",)),
                Recommended("2025.4.1", ((3, 10), (3, 14)), architectures=("x86_64",)),
                Recommended("2025.3.0", ((3, 9), (3, 9)), architectures=("x86_64",)),
                Recommended("2025.2.0", ((3, 9), (3, 13)), (2, 31), ("aarch64",)),
                Recommended("2024.4.0", ((3, 8), (3, 8)), architectures=("x86_64",)),
                Recommended("2024.4.0", ((3, 8), (3, 8)), (2, 31), ("aarch64",)),
                Recommended("2024.0.0", ((3, 8), (3, 11)), (2, 27), ("aarch64",)),
            ),
            numpy=(
                ((2026, 4), "numpy>=1.16.6,<2.6"),
                ((2025, 4), "numpy>=1.16.6,<2.4"),
                ((2025, 0), "numpy>=1.16.6,<2.3"),
                ((2024, 4), "numpy>=1.16.6,<2.1"),
                ((0, 0), "numpy>=1.16.6,<2"),
            ),
            drop=(
                *(f"openvino/libs/libopenvino_{name}_plugin.so" for name in OPENVINO_PLUGINS_UNUSED),
                *(f"openvino/libs/libopenvino_{name}_frontend.so*" for name in OPENVINO_FORMATS_UNUSED),
                *(f"openvino/{name}/*" for name in ("frontend/pytorch", "frontend/tensorflow", "frontend/paddle")),
                *(f"openvino/{name}/*" for name in ("frontend/jax", "tools", "torch", "include", "cmake")),
                "openvino/libs/libopenvino_c.so*",
                "openvino/libs/cache.json",
            ),
        ),
        Runtime(
            name="executorch",
            carrier="bundle",
            formats=("pte",),
            delegates=("xnnpack", "none"),
            note="ExecuTorch's libraries, called directly: any Python, neither torch nor numpy",
            package="executorch",
            module="executorch",
            architectures=BITS_64,
            recommended=(Recommended("1.5.1", ((3, 8), (3, 99)), (2, 28)),),
            keep=("executorch/lib/libexecutorch*.so",),
            drop=("*_backend_openvino.so", "*_backend_qnn.so", "*_etdump.so"),
            wheel_python=(3, 11),
            delegate_in_file="XnnpackBackend",
        ),
        Runtime(
            name="iree",
            carrier="bundle",
            formats=("vmfb",),
            delegates=("none",),
            note="IREE's runtime, for modules that were compiled for the board's processor (dynofarm model compile)",
            package="iree-base-runtime",
            module="iree",
            architectures=BITS_64,
            pythons=((3, 10), None),
            recommended=(
                Recommended("3.13.0", ((3, 10), (3, 14)), (2, 28), ("x86_64",)),
                Recommended("3.13.0", ((3, 10), (3, 14)), (2, 27), ("aarch64",)),
            ),
            numpy=(((0, 0), "numpy>=1.23.2"),),
            also=("ml_dtypes",),
            drop=("iree/_runtime_libs_tracy/*", "iree/_runtime_libs/iree-*"),
        ),
        Runtime(
            name="mnn",
            carrier="bundle",
            formats=("mnn",),
            delegates=("none",),
            note="MNN on the processor, in fp32 unless asked otherwise",
            package="mnn",
            module="MNN",
            architectures=BITS_64,
            recommended=(Recommended("3.6.1", ((3, 8), (3, 14))),),
            numpy=(((0, 0), "numpy>=1.17"),),
            drop=("MNN/tools/*", "_tools.*"),
        ),
        Runtime(
            name="ncnn",
            carrier="bundle",
            formats=("ncnn",),
            delegates=("none",),
            note="ncnn on the processor, in fp32 unless asked otherwise",
            package="ncnn",
            module="ncnn",
            architectures=BITS_64,
            recommended=(
                Recommended("1.0.20261020", ((3, 9), (3, 14)), (2, 28)),
                Recommended("1.0.20260526", ((3, 8), (3, 8)), (2, 28)),
                Recommended("1.0.20250503", ((3, 8), (3, 13))),
            ),
            numpy=(((0, 0), "numpy>=1.17"),),
            drop=("ncnn/model_zoo/*", "ncnn/utils/*"),
        ),
        Runtime(
            name="fake",
            carrier="none",
            formats=("fake",),
            delegates=("xnnpack", "none"),
            note="no runtime at all: latencies from a recipe, for tests",
            tells_operators=True,
        ),
    )
}
