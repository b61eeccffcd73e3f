"""The forms in which an artifact can be made, and from which other form each is made. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import UsageError

FORMATS = ("tflite", "onnx")


@dataclass(frozen=True)
class Form:
    """`parent` is the form it is made from, in the same format; None for what comes from the network itself.

    `tolerance` is the largest error that the gate allows against the parent's outputs, as a share of their spread
    (docs/how-to-build-models.md has what was measured). `words` says it to people while they wait.
    """

    name: str
    parent: str | None
    formats: tuple[str, ...]
    tolerance: float
    words: str


FORMS = {
    form.name: form
    for form in (
        Form("fp32", None, FORMATS, 1e-3, "float32"),
        Form("fp16", "fp32", ("tflite",), 1e-2, "float16 weights"),
        Form("int8", "fp32", FORMATS, 0.15, "dynamic int8"),
        Form("int8-tensor", "fp32", ("tflite",), 0.15, "dynamic int8, one scale a tensor"),
        Form("int4", "fp32", ("tflite",), 0.45, "4-bit weights"),
        Form("int8-static", "fp32", FORMATS, 0.45, "full int8, calibrated"),
    )
}


def parse_forms(text: str) -> tuple[str, ...]:
    """`fp32,int8` to forms. `UsageError` lists what there is."""
    return _listed(text, tuple(FORMS), "form")


def parse_formats(text: str) -> tuple[str, ...]:
    """`tflite,onnx` to formats. `UsageError` lists what there is."""
    return _listed(text, FORMATS, "runtime")


def with_parents(forms: Sequence[str], made_in: str) -> tuple[str, ...]:
    """Those of `forms` that exist in a format, and the forms they are made from: parents first, each once."""
    wanted: list[str] = []
    for name in forms:
        form = FORMS[name]
        if made_in in form.formats:
            wanted += [one for one in (form.parent, name) if one is not None]
    return tuple(dict.fromkeys(sorted(wanted, key=tuple(FORMS).index)))


def _listed(text: str, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(one.strip().lower() for one in text.split(",") if one.strip()))
    unknown = [one for one in asked if one not in known]
    if unknown or not asked:
        found = f"no such {what}: {', '.join(unknown)}" if unknown else f"no {what} is named"
        raise UsageError(
            f"{text!r}: {found}; known: {', '.join(known)}", f"for example: --{what} {','.join(known[:2])}"
        )
    return asked
