"""How a worker ended, and what that means: pure, from its exit status, its last words and the state of the memory."""

import re
import signal
from typing import NamedTuple, Optional

from agent.outcome import Failed
from agent.protocol import JobFailure

_LOW_MEMORY_SHARE = 0.05
_COMPLAINT = re.compile(
    r"^(?:error|fatal)[^:\n]{0,20}:[ \t]*(?:\[\S+:\d+\][ \t]*)?(?![ \t]*\S+:\d+ \()(.+)$", re.I | re.M
)
"""A line of an error, without where in the source it was written; a failed assertion there tells a user nothing."""
_MOST_OF_A_COMPLAINT = 160
_NO_MEMORY_WORDS = ("std::bad_alloc", "Cannot allocate memory", "MemoryError", "out of memory", "Out of memory")


class Ending(NamedTuple):
    """`exit_status` as `subprocess` has it: negative is the number of a signal; None: it does not die."""

    exit_status: Optional[int]
    last_words: str
    oom_kills: int
    """How many more killings for want of memory the kernel counts than before."""
    available_share: Optional[float]
    """Memory that was available when last looked at, over all memory."""
    deadline_passed: bool
    garbage: str = ""
    """What stood on the worker's pipe in place of a report."""


def explain(job_id: str, ending: Ending, deadline_s: float, stage: str) -> JobFailure:
    """A worker that ended without a report gave no number; this says why."""
    if ending.deadline_passed:
        message = "no end within its deadline of %g s; it was %s" % (deadline_s, _doing(stage))
        return JobFailure(job_id, "timed_out", message, ending.last_words)
    if ending.garbage:
        message = "the worker's pipe carried something else than a report: %s" % ending.garbage
        return JobFailure(job_id, "crashed", message, ending.last_words)
    how = _name_status(ending.exit_status)
    if _memory_ended(ending):
        message = "out of memory while %s: the worker %s" % (_doing(stage), how)
        return JobFailure(job_id, "out_of_memory", message, ending.last_words)
    return JobFailure(job_id, "crashed", "the worker %s while %s" % (how, _doing(stage)), ending.last_words)


def tell(job_id: str, failed: Failed, last_words: str) -> JobFailure:
    """What a worker found out itself, and what its runtime wrote of it: native libraries name the operator there that
    they have not, and return a number."""
    message = failed.message
    first = _COMPLAINT.search(last_words) if failed.reason == "unsupported" else None
    if first is not None:
        said = first.group(1).strip()
        cut = said if len(said) <= _MOST_OF_A_COMPLAINT else said[:_MOST_OF_A_COMPLAINT] + "…"
        message = "%s; it wrote: %s" % (message, cut)
    detail = "\n".join(part for part in (failed.detail, last_words) if part)
    return JobFailure(job_id, failed.reason, message, detail)


def _memory_ended(ending: Ending) -> bool:
    if ending.exit_status == -signal.SIGKILL:
        low = ending.available_share is not None and ending.available_share < _LOW_MEMORY_SHARE
        return ending.oom_kills > 0 or low
    if ending.exit_status in (0, None):
        return False
    return any(words in ending.last_words for words in _NO_MEMORY_WORDS)


def _name_status(status: Optional[int]) -> str:
    if status is None:
        return "does not end"
    if status >= 0:
        return "ended with exit code %d and no report" % status
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "signal %d" % -status
    return "was killed by %s" % name


def _doing(stage: str) -> str:
    return {
        "loading": "loading the runtime and the model",
        "checking": "checking the outputs",
        "timing": "warming up or timing",
        "finishing": "handing over its figures",
    }.get(stage, stage)
