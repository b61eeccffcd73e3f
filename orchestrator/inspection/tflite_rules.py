"""What was seen to fail with TFLite files: a sentence each, or "" where it does not apply. Pure."""

from orchestrator.inspection.looks import Look, Version, listed
from orchestrator.inspection.tflite_versions import highest_versions
from orchestrator.model_files.contents import Tensor

_OLD = {("tflite-runtime", "2.13.0"), ("tflite-runtime", "2.14.0")}
_OLDEST = {("tflite-runtime", "2.13.0")}

_WRONG_PER_CHANNEL = {"dynamic range int8": _OLD, "dynamic range int4": _OLDEST}

_LOOKUP = "EMBEDDING_LOOKUP"
_CUSTOMS = {"AudioSpectrogram", "Mfcc", "NumericVerify", "TFLite_Detection_PostProcess"}
_CUSTOMS_OF_LITERT = {"aeq.hadamard_rotation"}
_TYPES_SINCE = {"bfloat16": (), "int2": (("ai-edge-litert", "1.4.0"),), "uint4": (
    ("ai-edge-litert", "1.4.0"), ("ai-edge-litert", "2.1.0"),
)}  # fmt: skip
"""Type to the versions of LiteRT that do not know it yet; tflite-runtime knows none of them."""
_SIZES_AT = {"RESHAPE": 1, "BROADCAST_TO": 1, "FILL": 0, "TILE": 1, "SLICE": 2, "PAD": 1, "PADV2": 1}
"""Operator to the position of what decides the size of its output."""
_SIZED_BY_VALUES = {"WHERE", "UNIQUE"}


def unknown_operators(look: Look, on: Version) -> str:
    highest = highest_versions(*on)
    if highest is None:
        return ""
    missing: dict[str, str] = {}
    for node in look.nodes():
        known = highest.get(node.operator, 0)
        if node.operator.startswith("CUSTOM:") or node.version <= known:
            continue
        missing[f"{node.operator} version {node.version}"] = f"up to {known}" if known else "not known at all"
    names = [f"{name} ({known})" for name, known in sorted(missing.items())]
    return f"it does not load {listed(names)}" if names else ""


def unknown_customs(look: Look, on: Version) -> str:
    known = _CUSTOMS if on[0] == "tflite-runtime" else _CUSTOMS | _CUSTOMS_OF_LITERT
    customs = {node.operator.removeprefix("CUSTOM:") for node in look.nodes() if node.operator.startswith("CUSTOM:")}
    names = sorted(customs - known)
    return f"it has no kernel for the custom {_operators(names)} {listed(names)}" if names else ""


def unknown_types(look: Look, on: Version) -> str:
    types = {
        tensor.dtype
        for tensor in look.tensors()
        if (on[0] == "tflite-runtime" and tensor.dtype in _TYPES_SINCE) or on in _TYPES_SINCE.get(tensor.dtype, ())
    }
    return f"it does not load tensors of type {listed(sorted(types))}" if types else ""


def weights_behind(look: Look, on: Version) -> str:
    if on not in _OLDEST or not look.contents.envelope.behind_bytes:
        return ""
    return "it does not find weights that lie behind the flatbuffer; re-pack the file with the buffers inside"


def product_per_channel(look: Look, on: Version) -> str:
    """Seen: the output is the bias alone, without an error. 4-bit weights are right from 2.14 on."""
    wrong = {form for form, versions in _WRONG_PER_CHANNEL.items() if on in versions}
    found = [
        one.form.rpartition(" ")[2]
        for one in look.weighted
        if one.node.operator == "FULLY_CONNECTED" and one.grain == "per channel" and one.form in wrong
    ]
    if not found:
        return ""
    return (
        f"{len(found)} FULLY_CONNECTED with {' or '.join(sorted(set(found)))} weights of one scale a channel give their"
        " bias alone, and no error; quantise per tensor for it"
    )


def table_of_four_bits(look: Look, on: Version) -> str:
    """Seen: "Type not currently supported", when it runs; loading goes well."""
    count = sum(table.dtype == "int4" for table in _tables(look)) if on in _OLD else 0
    return f"{count} EMBEDDING_LOOKUP in an int4 table end its first run with an error" if count else ""


def table_per_channel(look: Look, on: Version) -> str:
    """Seen: zeros, without an error."""
    count = sum(table.dtype == "int8" and table.scales > 1 for table in _tables(look)) if on in _OLD else 0
    if not count:
        return ""
    return f"{count} EMBEDDING_LOOKUP in an int8 table of one scale a row give zeros, and no error; quantise per tensor"


def _tables(look: Look) -> list[Tensor]:
    looked_up = [node.inputs[1] for node in look.contents.nodes if node.operator == _LOOKUP and len(node.inputs) > 1]
    return [table for key in looked_up if (table := look.links.tensors.get(key)) is not None]


def sizes_made_while_running(look: Look, on: Version) -> str:
    """Seen: a RESHAPE whose shape is an input keeps all four operators of the graph from XNNPACK."""
    if on not in _OLD:
        return ""
    names = sorted({node.operator for node in look.contents.nodes if _is_sized_late(look, node.operator, node.inputs)})
    if not names:
        return ""
    return f"sizes that are known only while it runs ({listed(names)}) may keep the whole graph from XNNPACK"


def _is_sized_late(look: Look, operator: str, inputs: tuple[int | str, ...]) -> bool:
    if operator in _SIZED_BY_VALUES:
        return True
    position = _SIZES_AT.get(operator)
    if position is None or position >= len(inputs) or inputs[position] == -1:
        return False
    sizes = look.links.tensors.get(inputs[position])
    return sizes is not None and sizes.store is None


def full_integer(look: Look, _on: Version) -> str:
    matrices = [one for one in look.weighted if one.node.operator == "FULLY_CONNECTED"]
    if 2 * sum(one.form == "full integer int8" for one in matrices) <= len(look.weighted):
        return ""
    return (
        "full integer encoders were mostly slower than float32, for XNNPACK takes only parts of them, and lost 6 to 18"
        " points of accuracy; dynamic range int8 lost at most one"
    )


def half_floats(look: Look, _on: Version) -> str:
    if not look.weighted or not all(one.form == "float16 weights" for one in look.weighted):
        return ""
    return "float16 weights halve the file; on a CPU they are no faster than float32, and take more memory"


def _operators(names: list[str]) -> str:
    return "operator" if len(names) == 1 else "operators"
