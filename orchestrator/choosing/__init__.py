"""Which model, and how to run it: what holds on every board, what is best of that, and why the others fell out.

`gathering.py` reads the store; everything else is pure.
"""

from orchestrator.choosing.candidates import Candidate, Place
from orchestrator.choosing.choice import Choice, Miss, Ranked, choose
from orchestrator.choosing.fitting import Check, Fit, State, fit
from orchestrator.choosing.limits import Objective, parse_limits

__all__ = [
    "Candidate",
    "Check",
    "Choice",
    "Fit",
    "Miss",
    "Objective",
    "Place",
    "Ranked",
    "State",
    "choose",
    "fit",
    "parse_limits",
]
