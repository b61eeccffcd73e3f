"""Candidates for tests of choosing: figures as a test names them."""

from typing import Any

from orchestrator.choosing import Candidate, Place
from orchestrator.choosing.candidates import join_places
from orchestrator.metrics import Estimate
from orchestrator.study import Figure, StudyRow
from orchestrator.study.figures import between_runs

MS = 1e6


def row(model: str = "mini", **changes: Any) -> StudyRow:
    values: dict[str, Any] = {
        "device": "pi",
        "device_kind": "real",
        "model": model,
        "model_digest": model,
        "runtime": "litert",
        "runtime_version": "2.3.0",
        "threads": 1,
        "delegate": "xnnpack",
        "options": {},
        "protocol": "quick",
        "case_key": f"pi | {model}",
        "scope": "model",
        "task": "",
        "parameters": None,
        "file_bytes": 2_700_000,
        "p50_ns": latency(10.0),
        "p90_ns": latency(12.0),
        "peak_rss_bytes": 20_000_000,
        "runs": 5,
    }
    return StudyRow(**(values | changes))


def latency(middle_ms: float, share: float = 0.01) -> Figure:
    """Of five runs that spread by this share."""
    found = between_runs([middle_ms * MS * (1 + share * place) for place in (-1, -0.5, 0, 0.5, 1)])
    assert found is not None
    return found


def share(value: float, half: float = 0.02, n: int = 1000) -> Estimate:
    return Estimate(n, value, max(0.0, value - half), min(1.0, value + half))


def candidate(model: str = "mini", **changes: Any) -> Candidate:
    (found,) = join_places([Place(row(model, **changes), 1)])
    return found


def on_boards(model: str, **changes_of: dict[str, Any]) -> Candidate:
    """One candidate on several boards, each with changes of its own."""
    (found,) = join_places([Place(row(model, device=device, **changes), 1) for device, changes in changes_of.items()])
    return found
