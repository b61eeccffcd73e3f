"""Rows to domain types and back: facts, models, sweeps, jobs. Runs have `run_rows.py`. Pure."""

import base64
import hashlib
import json
import math
import types
import typing
import zlib
from dataclasses import asdict, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from agent import records
from agent.protocol import Facts, InputRecipe, MeasureProtocol, Reference, Tensor
from agent.wire import from_plain, to_plain
from orchestrator.assignment import Assignment, TaskChoice
from orchestrator.models import Model, TensorInfo
from orchestrator.runs import Job, Role
from orchestrator.sweep import Purpose, RuntimeChoice, Sweep

T = TypeVar("T")


class Row(Protocol):
    """A row of a query, by the names of its columns: SQLAlchemy's and sqlite3's alike."""

    def __getitem__(self, name: str, /) -> Any: ...


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: `json.dumps` would make one for each call."""


def to_json(value: Any) -> str:
    return _encode(to_plain(value))


def from_json(kind: type[T], text: str) -> T:
    """A wire type as any earlier version stored it: what it did not know yet is None or empty, what is gone is dropped.

    Strictness is for the wire, where both sides are of one version; a database outlives versions.
    """
    plain = json.loads(text)
    names, required = _fields(kind)  # type: ignore[arg-type]
    known = {name: plain[name] for name in names if name in plain}
    known |= {name: _nothing(hint) for name, hint in required.items() if name not in known}
    return from_plain(kind, known)


@cache
def _fields(kind: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The fields of a wire type, and the types of those that have no default."""
    hints = typing.get_type_hints(kind)
    return records.names(kind) or (), {name: hints[name] for name in records.required(kind)}


def to_dense_json(value: Any) -> str:
    """The same without what is None: half of what a board says of its conditions is that it cannot tell. `from_json`
    reads it back. What is no number becomes None too: SQLite's own functions would choke on it."""
    return _encode(_dense(value))


def with_patch(before: Any, after: Any) -> tuple[str, str]:
    """`before` as `to_dense_json` writes it, and what SQLite's `json_patch` makes `after` out of it with (RFC 7396)."""
    first, second = _dense(before), _dense(after)
    return _encode(first), _encode(_difference(first, second))


def _dense(value: Any) -> dict[str, Any]:
    return {key: one for key, one in softened(vars(value)).items() if one is not None}


def softened(plain: Any) -> Any:
    """Without NaN and infinities, for which JSON has no word."""
    if isinstance(plain, dict):
        return {key: softened(one) for key, one in plain.items()}
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = _difference(old, value)
            if inner:
                found[key] = inner
        elif key not in before or old != value or type(old) is not type(value):
            found[key] = value
    return found


def _nothing(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return None
    return {list: [], dict: {}, str: "", int: 0, float: 0.0, bool: False}[typing.get_origin(hint) or hint]


def facts_digest(facts: Facts) -> str:
    """Equal facts have one digest, and are stored once."""
    canonical = json.dumps(to_plain(facts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


# Models ---------------------------------------------------------------------------------------------


def model_to_row(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "digest": model.digest,
        "path": str(model.path),
        "format": model.format,
        "size_bytes": model.size_bytes,
        "inputs": to_json(model.inputs),
        "outputs": to_json(model.outputs),
        "recipes": to_json(model.recipes),
        "operators": to_json(model.operators),
        "weights": to_json(model.weights),
        "parent": model.parent,
        "recipe": model.recipe,
        "licence": model.licence,
        "source": model.source,
    }


def model_from_row(row: Row, references: tuple[Reference, ...]) -> Model:
    return Model(
        name=row["name"],
        digest=row["digest"],
        path=Path(row["path"]),
        format=row["format"],
        size_bytes=row["size_bytes"],
        inputs=_tensors(row["inputs"]),
        outputs=_tensors(row["outputs"]),
        recipes=tuple(from_plain(InputRecipe, recipe) for recipe in json.loads(row["recipes"])),
        operators=json.loads(row["operators"]),
        weights=json.loads(row["weights"]),
        references=references,
        parent=row["parent"],
        recipe=row["recipe"],
        licence=row["licence"],
        source=row["source"],
    )


def _tensors(text: str) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(one["name"], one["dtype"], tuple(one["shape"])) for one in json.loads(text))


def reference_to_row(reference: Reference) -> dict[str, Any]:
    return {"seed": reference.seed, "tolerance": reference.tolerance, "outputs": _pack_tensors(reference.outputs)}


def reference_from_row(row: Row) -> Reference:
    return Reference(row["seed"], _unpack_tensors(row["outputs"]), row["tolerance"])


def _pack_tensors(tensors: list[Tensor]) -> bytes:
    """Base64 is a third larger than what it holds and hides its patterns: the bytes themselves are compressed, after
    a line that says how to cut them."""
    parts = [base64.b64decode(tensor.data, validate=True) for tensor in tensors]
    head = [
        {"name": tensor.name, "dtype": tensor.dtype, "shape": tensor.shape, "bytes": len(part)}
        for tensor, part in zip(tensors, parts, strict=True)
    ]
    return zlib.compress(json.dumps(head).encode() + b"\n" + b"".join(parts))


def _unpack_tensors(data: bytes) -> list[Tensor]:
    head, _, rest = zlib.decompress(data).partition(b"\n")
    tensors = []
    for one in json.loads(head):
        part, rest = rest[: one["bytes"]], rest[one["bytes"] :]
        tensors.append(Tensor(one["name"], one["dtype"], one["shape"], base64.b64encode(part).decode()))
    return tensors


# Sweeps and jobs ------------------------------------------------------------------------------------


def sweep_to_json(sweep: Sweep) -> str:
    plain = {field.name: getattr(sweep, field.name) for field in fields(sweep)}
    plain["options"] = [dict(options) for options in sweep.options]
    plain["exclude"] = [dict(rule) for rule in sweep.exclude]
    plain["task"] = None if sweep.task is None else asdict(sweep.task)
    return json.dumps({key: to_plain(value) for key, value in plain.items()}, ensure_ascii=False)


def sweep_from_json(text: str) -> Sweep:
    """A sweep as any earlier version stored it: keys it did not have take today's defaults."""
    names = {field.name for field in fields(Sweep)}
    plain = {key: value for key, value in json.loads(text).items() if key in names}
    plain["protocol"] = from_json(MeasureProtocol, json.dumps(plain["protocol"]))
    plain["runtimes"] = [RuntimeChoice(**one) for one in plain["runtimes"]]
    plain["purpose"] = Purpose(plain.get("purpose", Purpose.RESULTS))
    plain.setdefault("reference", False)
    plain["task"] = _task_choice(plain.get("task"))
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Sweep(**values)


def _task_choice(plain: dict[str, Any] | None) -> TaskChoice | None:
    if plain is None:
        return None
    known = {field.name: plain[field.name] for field in fields(TaskChoice) if field.name in plain}
    return TaskChoice(**{**known, "scopes": tuple(known["scopes"])})


def job_to_row(job: Job, sweep_id: int, cell_id: int) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "sweep": sweep_id,
        "cell": cell_id,
        "block": job.block,
        "position": job.position,
        "seed": job.seed,
        "sample_hz": job.sample_hz,
        "deadline_s": job.deadline_s,
        "skip_reason": job.skip_reason,
    }


def cell_to_row(job: Job, model_id: int, protocol_id: int, task_id: int | None) -> dict[str, Any]:
    """What the jobs of one case have in common."""
    return {
        "device": job.device,
        "model": model_id,
        "runtime": job.runtime.name,
        "runtime_version": job.runtime.version,
        "threads": job.threads,
        "delegate": job.delegate,
        "options": to_json(dict(job.options)),
        "protocol": protocol_id,
        "role": str(job.role),
        "case_key": job.case_key,
        "task": task_id,
    }


def task_to_json(task: Assignment) -> str:
    return _encode(asdict(task))


@lru_cache(maxsize=64)
def task_from_json(text: str) -> Assignment:
    """As any version stored it: what is not known is left out, what it did not have takes today's default."""
    plain = json.loads(text)
    known = {field.name: plain[field.name] for field in fields(Assignment) if field.name in plain}
    return Assignment(**{**known, "classes": tuple(known.get("classes", ()))})


@lru_cache(maxsize=64)
def _protocol(text: str) -> MeasureProtocol:
    return from_json(MeasureProtocol, text)


def job_from_row(row: Row) -> Job:
    """`row` is one of `sweeps.jobs_query`."""
    return Job(
        job_id=row["job_id"],
        device=row["device"],
        model=row["model_name"],
        model_digest=row["model_digest"],
        runtime=RuntimeChoice(row["runtime"], row["runtime_version"]),
        threads=row["threads"],
        delegate=row["delegate"],
        options=json.loads(row["options"]),
        protocol=_protocol(row["protocol"]),
        block=row["block"],
        position=row["position"],
        seed=row["seed"],
        sample_hz=row["sample_hz"],
        deadline_s=row["deadline_s"],
        skip_reason=row["skip_reason"],
        role=Role(row["role"]),
        task=None if row["task"] is None else task_from_json(row["task"]),
    )
