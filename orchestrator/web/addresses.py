"""Where things are on the server. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from orchestrator.comparing.measured import Measured
from orchestrator.records import RunSummary
from orchestrator.web.query import words_of

FARM, SWEEPS, RESULTS, COMPARE, HISTORY, MODELS = "/", "/sweeps", "/results", "/compare", "/history", "/models"


def board(name: str) -> str:
    return f"/boards/{quote(name, safe='')}"


def sweep(number: int) -> str:
    return f"/sweeps/{number}"


def run(job_id: str, attempt: int | None = None) -> str:
    return f"/runs/{quote(job_id, safe='')}" + (f"/{attempt}" if attempt is not None else "")


def model(digest: str) -> str:
    return f"/models/{quote(digest, safe='')}"


def results(**filters: str) -> str:
    """`_` in a key stands for `-`."""
    words = words_of({key.replace("_", "-"): value for key, value in filters.items()})
    return f"{RESULTS}?{words}" if words else RESULTS


def compare(first: str, second: str) -> str:
    return f"{COMPARE}?{words_of({'a': first, 'b': second})}"


def history(of: str) -> str:
    return f"{HISTORY}?{words_of({'of': of})}"


def case_of_run(found: RunSummary | Measured) -> str | None:
    """A selector of the case of a run; None where a name has a comma, which separates the terms of selectors."""
    if isinstance(found, Measured):
        mark = found.fingerprint
        device, runtime, threads, delegate = mark.device, mark.runtime, mark.threads, mark.delegate
    else:
        device, runtime, threads, delegate = found.device, found.runtime, found.threads, found.delegate
    terms = {"device": device, "model": found.model, "runtime": runtime, "threads": threads, "delegate": delegate}
    if any("," in str(value) for value in terms.values()):
        return None
    return ",".join(f"{key}:{_exactly(str(value))}" for key, value in terms.items())


def _exactly(name: str) -> str:
    """A pattern that means this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


GLOBALS: Mapping[str, Any] = {
    "to_board": board,
    "to_sweep": sweep,
    "to_run": run,
    "to_model": model,
    "to_results": results,
    "to_compare": compare,
    "to_history": history,
}
"""For templates."""
