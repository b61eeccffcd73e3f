"""The verb `ask`: what a relay holds and what room it has, answered without the board's lock, beside its session."""

from typing import Any

from agent.blobs import evict, hold
from agent.errand import Say, run_errand
from agent.places import Places
from agent.protocol import Evict, Have


def answer_aside(work_dir: str) -> int:
    """Answer the `Have` or `Evict` on standard input as a session would; the exit code."""

    def action(places: Places, request: Any, _say: Say) -> Any:
        if isinstance(request, Have):
            return hold(places, request.digests)
        return evict(places, request.limit_bytes, request.incoming_bytes, request.keep, lambda: None, request.later)

    return run_errand(work_dir, [Have, Evict], action)
