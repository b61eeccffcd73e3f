"""Comparing sets of runs: answers with intervals, and a board's noise floor (docs/measurement.md). Pure."""

from orchestrator.comparing.answers import USUAL_THRESHOLD, Answer, Comparison, compare
from orchestrator.comparing.many import adjust, correct
from orchestrator.comparing.noise import noise_floor

__all__ = ["USUAL_THRESHOLD", "Answer", "Comparison", "adjust", "compare", "correct", "noise_floor"]
