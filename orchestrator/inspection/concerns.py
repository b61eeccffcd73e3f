"""What may fail on which runtime: rules as data, each with its reason and where that is known from. Pure.

A rule states what was seen on the runtime itself, and no more: a file against which nothing is known may fail all the
same. Whether a runtime has a build for a board is another question (`orchestrator.runtimes.objection`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent.litert_versions import KNOWN_BUILDS
from orchestrator.inspection import onnx_rules, tflite_rules
from orchestrator.inspection.looks import Look, Version
from orchestrator.inspection.onnx_versions import KNOWN
from orchestrator.inspection.tflite_versions import highest_versions
from orchestrator.runtimes import RUNTIMES


class Effect(StrEnum):
    """From the worst: it is not loaded; it runs and lies; it runs slower than it could; good to know."""

    FAILS = "fails"
    WRONG = "wrong answers"
    SLOWER = "slower"
    NOTE = "note"


@dataclass(frozen=True)
class Concern:
    """One reason to hesitate, with what to do about it where something can be done."""

    effect: Effect
    what: str
    source: str


@dataclass(frozen=True)
class Prospect:
    """How a file stands with some versions of a runtime; no concern means that nothing is known against it."""

    runtime: str
    versions: tuple[str, ...]
    concerns: tuple[Concern, ...]


@dataclass(frozen=True)
class Rule:
    """`find` says in a sentence what is wrong with a file on a version of a runtime; "" for nothing."""

    effect: Effect
    runtimes: tuple[str, ...]
    find: Callable[[Look, Version], str]
    source: str


_UNTRIED = "which operators it loads was not tried"
_TFLITE = ("litert", "ai-edge-litert", "tflite-runtime")
_LOADED = "every version of every operator was loaded with the wheel, on x86-64"
_RUN = "one operator was run with the wheel, on x86-64, and compared with the sum by hand"
_BERT = "measured on models of BERT's family, one thread, x86-64"
_STAMPED = "models of every IR version and operator set were loaded with the wheel; ONNX Runtime's compatibility table"

RULES = (
    Rule(Effect.FAILS, _TFLITE, tflite_rules.unknown_operators, _LOADED),
    Rule(Effect.FAILS, _TFLITE, tflite_rules.unknown_customs, "a custom operator was loaded with the wheel"),
    Rule(Effect.FAILS, _TFLITE, tflite_rules.unknown_types, "a tensor of every type was loaded with the wheel"),
    Rule(Effect.FAILS, _TFLITE, tflite_rules.weights_behind, _RUN),
    Rule(Effect.FAILS, _TFLITE, tflite_rules.table_of_four_bits, _RUN),
    Rule(Effect.WRONG, _TFLITE, tflite_rules.product_per_channel, _RUN),
    Rule(Effect.WRONG, _TFLITE, tflite_rules.table_per_channel, _RUN),
    Rule(Effect.SLOWER, _TFLITE, tflite_rules.sizes_made_while_running, "a graph was run with the wheel, on x86-64"),
    Rule(Effect.SLOWER, _TFLITE, tflite_rules.full_integer, _BERT),
    Rule(Effect.NOTE, _TFLITE, tflite_rules.half_floats, _BERT),
    Rule(Effect.FAILS, ("onnxruntime",), onnx_rules.newer_ir, _STAMPED),
    Rule(Effect.FAILS, ("onnxruntime",), onnx_rules.newer_opset, _STAMPED),
    Rule(Effect.FAILS, ("onnxruntime",), onnx_rules.foreign_operators, "an operator of no known set was loaded"),
    Rule(Effect.FAILS, ("onnxruntime",), onnx_rules.lacking_operators, "106 operators of com.microsoft were loaded"),
    Rule(Effect.FAILS, ("onnxruntime",), onnx_rules.weights_elsewhere, "dynofarm sends a model as one file"),
)


def prospects_of(look: Look) -> tuple[Prospect, ...]:
    """Every runtime that takes the format, its versions with the same concerns together, the newest first."""
    found: list[Prospect] = []
    for row in RUNTIMES.values():
        if look.format not in row.formats:
            continue
        grouped: dict[tuple[Concern, ...], list[str]] = {}
        for version in versions_of(row.name) or ("",):
            grouped.setdefault(_concerns(look, row.name, version), []).append(version)
        found += [Prospect(row.name, tuple(filter(None, versions)), concerns) for concerns, versions in grouped.items()]
    return tuple(found)


def versions_of(runtime: str) -> tuple[str, ...]:
    """The versions that dynofarm brings to boards, the newest first; none for a runtime without versions."""
    row = RUNTIMES[runtime]
    if row.carrier == "library":
        return tuple(sorted({build.version for build in KNOWN_BUILDS.values()}, reverse=True))
    return tuple(dict.fromkeys(one.version for one in row.recommended))


def _concerns(look: Look, runtime: str, version: str) -> tuple[Concern, ...]:
    if not _is_tried(runtime, version):
        return (Concern(Effect.NOTE, _UNTRIED, "the tables of dynofarm end before it"),)
    return tuple(
        Concern(rule.effect, what, rule.source)
        for rule in RULES
        if runtime in rule.runtimes and (what := rule.find(look, (runtime, version)))
    )


def _is_tried(runtime: str, version: str) -> bool:
    if not version:
        return True
    return version in KNOWN if runtime == "onnxruntime" else highest_versions(runtime, version) is not None
