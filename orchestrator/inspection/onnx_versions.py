"""What versions of ONNX Runtime load. Measured with the wheels themselves, x86-64, CPU.

A graph of one operator was stamped with IR versions from 3 and operator sets from 5 on, and loaded. Up to the highest
all were taken; above it loading ends with an error. Of 106 operators of Microsoft's the older versions refused those
listed here as unregistered. That an operator is registered does not mean that it runs on a CPU: some are for graphics
cards alone.
"""

from dataclasses import dataclass

MICROSOFT = "com.microsoft"
DOMAINS = frozenset(
    ("", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", MICROSOFT, "com.microsoft.nchwc")
)
"""The sets of operators that the wheels bring. Any other needs a library of its own, which dynofarm does not bring."""


@dataclass(frozen=True)
class Known:
    """The highest IR version, operator set and set of `ai.onnx.ml`, and the operators of Microsoft's that it lacks."""

    ir_version: int
    opset: int
    ml_opset: int
    lacks: frozenset[str] = frozenset()


_SINCE_1_28 = frozenset(("LinearAttention",))
_SINCE_1_23 = _SINCE_1_28 | {"GatherBlockQuantized", "PagedAttention"}
_SINCE_1_19 = _SINCE_1_23 | {
    "DynamicTimeWarping", "EPContext", "GemmFloat8", "GemmaRotaryEmbedding", "MoE", "QMoE", "SparseAttention",
    "UnfoldTensor", "WhisperBeamSearch",
}  # fmt: skip

KNOWN = {
    "1.31.1": Known(13, 26, 5),
    "1.28.0": Known(13, 26, 5),
    "1.23.2": Known(11, 23, 5, _SINCE_1_28),
    "1.19.2": Known(10, 21, 5, _SINCE_1_23),
    "1.16.3": Known(9, 19, 3, _SINCE_1_19),
}
