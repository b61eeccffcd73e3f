"""From a `Document` to a checked pydantic model, or to faults in words. Imported late, because pydantic is.

Every field of a schema carries `allowed` (what may stand there, for messages and for the table of keys) in its
`json_schema_extra` and its meaning in `description`; the faults say what was found and repeat what is allowed.
"""

import difflib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from orchestrator.errors import UsageError
from orchestrator.yaml.document import Document, Fault, Path_
from orchestrator.yaml.secrecy import redact

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A mapping of a file. Strict, no unknown keys; a key with nothing behind it counts as not written."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: item for key, item in value.items() if item is not None}
        return value


def key(allowed: str, meaning: str, default: Any = None, *, shown: str = "", **limits: Any) -> Any:
    """A field of a schema. `shown` is the default as the table of keys shows it; `...` as default: it must be there."""
    return Field(default, description=meaning, json_schema_extra={"allowed": allowed, "shown": shown}, **limits)


def parsed(parse: Callable[[Any], Any]) -> BeforeValidator:
    """Convert with `parse` first; its `UsageError` becomes a fault of the field, its message the reason."""

    def convert(value: Any) -> Any:
        try:
            return parse(value)
        except UsageError as error:
            raise ValueError(error.message) from None

    return BeforeValidator(convert)


def one_or_many(value: Any) -> Any:
    """A single value where a list is expected is a list of one."""
    return value if isinstance(value, list) else [value]


def one_of(*names: str) -> BeforeValidator:
    """One of these words; the nearest is named for a typo."""

    def choose(value: Any) -> Any:
        if isinstance(value, str) and value not in names:
            near = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.6)
            raise UsageError(f"did you mean {near[0]}?" if near else "")
        return value

    return parsed(choose)


def check(schema: type[S], document: Document, known_faults: list[Fault]) -> tuple[S | None, list[Fault]]:
    """The checked model, or None and all faults. Places that already have a fault get no second one."""
    try:
        return schema.model_validate(dict(document.content)), []
    except ValidationError as error:
        faulty = {(fault.line, fault.key) for fault in known_faults if fault.key}
        faults = [_fault(schema, document, one) for one in error.errors(include_url=False, include_context=True)]
        return None, [fault for fault in faults if (fault.line, fault.key) not in faulty]


def describe(value: Any) -> str:
    """A found value in words, short, without a password."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "an empty text" if not value else repr(redact(value if len(value) <= 60 else value[:59] + "…"))
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else str(value)


def unknown_key(name: str, known: list[str]) -> str:
    """The text of a fault for a key that is not known, with the nearest that is."""
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]}?" if near else ";"
    return f"unknown key{guess} allowed: {', '.join(known)}"


@dataclass(frozen=True)
class KeyRow:
    """A key of a schema, for people: name, what is allowed, the default, the meaning."""

    name: str
    allowed: str
    default: str
    meaning: str


def key_rows(schema: type[Section], prefix: str = "") -> Iterator[KeyRow]:
    """The table of keys, in the schema's order; keys of a section inside come as `thermal.start_c`."""
    for name, info in schema.model_fields.items():
        inner = _section_in(info.annotation)
        if inner is not None:
            yield from key_rows(inner, f"{prefix}{name}.")
        else:
            yield KeyRow(prefix + name, _extra(info, "allowed"), _extra(info, "shown"), info.description or "")


def _fault(schema: type[Section], document: Document, error: Any) -> Fault:
    path: Path_ = tuple(error["loc"])
    owner, info = _field_at(schema, path)
    kind, value = error["type"], _written(document.content, path, error["input"])
    if kind == "extra_forbidden":
        return document.fault(path, unknown_key(str(path[-1]), list(owner.model_fields)), at_key=True)
    allowed = _extra(info, "allowed") if info else "a mapping"
    if kind == "missing":
        return document.fault(path, f"is missing, allowed: {allowed}")
    reason = _reason(kind, value, str(error.get("ctx", {}).get("error", "")))
    return document.fault(path, f"found {describe(value)}{reason}, allowed: {allowed}")


def _written(content: Any, path: Path_, otherwise: Any) -> Any:
    """What the file says at a path, before any conversion."""
    for step in path:
        keyed = isinstance(content, Mapping) and step in content
        if not keyed and not (isinstance(content, list) and isinstance(step, int) and step < len(content)):
            return otherwise
        content = content[step]
    return content


def _reason(kind: str, value: Any, said: str) -> str:
    if said:
        return f" ({said})"
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        return " (in quotes it is text)"
    if kind in ("int_type", "float_type") and isinstance(value, str) and value.strip().replace(".", "", 1).isdigit():
        return " (a number stands without quotes)"
    return ""


def _field_at(schema: type[Section], path: Path_) -> tuple[type[Section], FieldInfo | None]:
    """The section that holds the last key of a path, and the last field on the way."""
    owner, info = schema, None
    for step in path:
        if not isinstance(step, str) or step not in owner.model_fields:
            continue
        info = owner.model_fields[step]
        inner = _section_in(info.annotation)
        if inner is not None:
            owner = inner
    return owner, info


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if get_origin(annotation) in (list, dict, Union, types.UnionType):
        return next((found for one in get_args(annotation) if (found := _section_in(one))), None)
    return None


def _extra(info: FieldInfo, name: str) -> str:
    extra = info.json_schema_extra
    return str(extra.get(name, "")) if isinstance(extra, dict) else ""
