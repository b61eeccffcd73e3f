"""What names a case: one artifact on one board with one runtime, threads, delegate and options. Pure type."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class CaseNames:
    """`runtime_version` is what ran, or what was asked for where nothing ran."""

    case_key: str
    device: str
    device_kind: str
    model: str
    model_digest: str
    runtime: str
    runtime_version: str | None
    threads: int
    delegate: str
    options: Mapping[str, Any]
    protocol: str


def names_of(case: CaseNames) -> dict[str, Any]:
    """These fields alone, of whatever has them."""
    return {field.name: getattr(case, field.name) for field in fields(CaseNames)}
