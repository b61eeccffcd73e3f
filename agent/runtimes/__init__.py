"""The runtimes a worker can measure with: a row in `RUNTIMES`, and one small interface.

A module listed here defines a class with `__init__(carrier)` and the members of `Engine`. It is imported in the
worker alone, after the bundle is on the path; what is missing there is `Unsupported`, in a sentence.
"""

import importlib
from typing import Any, Dict, List, NamedTuple, Optional

RUNTIMES = {
    "litert": ("agent.runtimes.litert_native", "NativeLiteRt"),
    "tflite-runtime": ("agent.runtimes.interpreter", "TfliteRuntime"),
    "ai-edge-litert": ("agent.runtimes.interpreter", "AiEdgeLiteRt"),
    "onnxruntime": ("agent.runtimes.onnx", "OnnxRuntime"),
    "openvino": ("agent.runtimes.openvino", "OpenVino"),
    "executorch": ("agent.runtimes.executorch", "ExecuTorch"),
    "iree": ("agent.runtimes.iree", "Iree"),
    "mnn": ("agent.runtimes.mnn", "Mnn"),
    "ncnn": ("agent.runtimes.ncnn", "Ncnn"),
    "fake": ("agent.runtimes.fake", "FakeRuntime"),
}


class Unsupported(Exception):
    """This runtime cannot run this model, with these options, on this board."""


class Rejected(Exception):
    """The model file itself is not one that the runtime can read: damaged, truncated, another format."""


class Array(NamedTuple):
    """A tensor outside any library: numpy's name of the type, and C-ordered little-endian bytes."""

    name: str
    dtype: str
    shape: List[int]
    data: bytes


class Loaded:
    """A model that is ready to run (what `Engine.load` gives). A runtime implements these four."""

    def feed(self, inputs: List[Array]) -> None:
        """Put the inputs in place, outside the clock. `Rejected` when names, shapes or types do not fit."""
        raise AssertionError

    def invoke(self) -> Any:
        """One inference, and nothing else: this is what the clock measures."""
        raise AssertionError

    def outputs(self) -> List[Array]:
        """The outputs of the last inference, in the model's order."""
        raise AssertionError

    def details(self) -> Dict[str, Any]:
        """What the runtime tells of itself: `arena_bytes`, `delegated_partitions` …; an absent key is unknown."""
        raise AssertionError


class Span(NamedTuple):
    """What one operator took in one inference: a node's own name, its type, where it ran, and microseconds."""

    name: str
    kind: str
    where: str
    us: float


class Traced(NamedTuple):
    """One profiled inference: nanoseconds by the worker's clock, and its operators in the order in which they ran."""

    wall_ns: int
    spans: List[Span]


class Profiling(Loaded):
    """A model whose runtime tells what each operator takes. A runtime that can tell implements this beside the four."""

    source = ""
    """What told it, in words."""

    def trace(self, inferences: int) -> List[Traced]:
        """Profile so many inferences with the inputs that were fed. Only outputs and details are asked for after it."""
        raise AssertionError


class Engine:
    """A runtime that was found and imported. `version` is what it says of itself."""

    version: Optional[str] = None

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        """Read a model file and make it ready: `delegate` is `xnnpack` or `none`, or what the runtime documents."""
        raise AssertionError

    def load_to_profile(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Profiling:
        """The same, to be profiled; `Unsupported` where the runtime does not tell what its operators take."""
        raise Unsupported("this runtime does not tell what its operators take: it cannot be profiled")


def open_engine(name: str, carrier: Optional[str]) -> Engine:
    """The runtime by name; `carrier` is the pushed library's path or the bundle's folder, or None."""
    if name not in RUNTIMES:
        raise Unsupported("this agent knows no runtime %r; it knows %s" % (name, ", ".join(sorted(RUNTIMES))))
    module_name, class_name = RUNTIMES[name]
    engine = getattr(importlib.import_module(module_name), class_name)(carrier)
    if not isinstance(engine, Engine):
        raise AssertionError("%s is not an Engine" % class_name)
    return engine
