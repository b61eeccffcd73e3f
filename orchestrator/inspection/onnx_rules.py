"""What was seen to fail with ONNX files: a sentence each, or "" where it does not apply. Pure."""

from orchestrator.inspection.looks import Look, Version, listed
from orchestrator.inspection.onnx_versions import DOMAINS, KNOWN, MICROSOFT


def newer_ir(look: Look, on: Version) -> str:
    known, found = KNOWN.get(on[1]), look.contents.envelope.ir_version
    if known is None or found <= known.ir_version:
        return ""
    return f"it loads IR versions up to {known.ir_version}, and the file has {found}; export it with an older one"


def newer_opset(look: Look, on: Version) -> str:
    known, opsets = KNOWN.get(on[1]), look.contents.envelope.opsets
    if known is None:
        return ""
    limits = (("", "opset", known.opset), ("ai.onnx.ml", "ai.onnx.ml", known.ml_opset))
    newer = [
        f"{name} up to {highest}, and the file has {opsets[domain]}"
        for domain, name, highest in limits
        if opsets.get(domain, 0) > highest
    ]
    return f"it loads {'; '.join(newer)}; export it with an older one" if newer else ""


def foreign_operators(look: Look, _on: Version) -> str:
    names = sorted({node.operator for node in look.nodes() if _domain(node.operator) not in DOMAINS})
    return f"it does not know {listed(names)}: they need a library of their own" if names else ""


def lacking_operators(look: Look, on: Version) -> str:
    known = KNOWN.get(on[1])
    if known is None:
        return ""
    names = sorted({node.operator for node in look.nodes()} & {f"{MICROSOFT}.{name}" for name in known.lacks})
    return f"it does not know {listed(names)}" if names else ""


def weights_elsewhere(look: Look, _on: Version) -> str:
    if not look.contents.envelope.elsewhere:
        return ""
    return (
        "some weights lie in other files, and models in several files are not supported; save it as one:"
        " onnx.save_model(onnx.load(PATH), NEW_PATH, save_as_external_data=False)"
    )


def _domain(operator: str) -> str:
    return operator.rpartition(".")[0]
