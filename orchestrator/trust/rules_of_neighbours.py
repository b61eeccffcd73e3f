"""What other runs tell of a run: the reference model before and after it, other boards of the same machine. Pure."""

from orchestrator.runs import Role
from orchestrator.trust.evidence import Evidence, Glance
from orchestrator.trust.restlessness import MOVED
from orchestrator.trust.verdicts import Reason

LEAST_OVERLAP_S = 0.2
"""Chosen: handing a job over and storing its outcome take less, and disturb nobody for long."""


def reference_moved(evidence: Evidence) -> Reason | None:
    """The board had moved before or after this run. A reference run is the witness, not the accused."""
    context = evidence.context
    if evidence.run.job.role is Role.REFERENCE or context.usual_ns is None:
        return None
    if not any(glance is not None and glance.moved for glance in (context.before, context.after)):
        return None
    before, after = (_against(glance, context.usual_ns) for glance in (context.before, context.after))
    return Reason("reference_moved", {"before": before, "after": after})


def no_reference(evidence: Evidence) -> Reason | None:
    context = evidence.context
    if evidence.run.job.role is Role.REFERENCE or context.before is not None or context.after is not None:
        return None
    return Reason("no_reference")


def restless(evidence: Evidence) -> Reason | None:
    """Of the board, not of the run: smaller moves than this are its usual state and no reason."""
    share = evidence.context.restless
    return Reason("restless", {"percent": round(100 * share, 1)}) if share is not None and share >= MOVED else None


def colocated(evidence: Evidence) -> Reason | None:
    long = [one for one in evidence.context.neighbours if one.overlap_s >= LEAST_OVERLAP_S]
    if not long:
        return None
    boards = ", ".join(sorted({one.device for one in long}))
    return Reason("colocated", {"boards": boards, "overlap_s": round(max(one.overlap_s for one in long), 1)})


def _against(glance: Glance | None, usual_ns: float) -> str:
    return "none" if glance is None else f"{100 * (glance.median_ns / usual_ns - 1):+.1f} %"


RULES = (reference_moved, colocated, restless, no_reference)
