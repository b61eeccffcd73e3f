"""What a study prints from a stored sweep: its table, the decisions on its claims, and the waterfall. Pure."""

from orchestrator.study.artifacts import Artifact, artifact_of, find_teacher
from orchestrator.study.cases import StudyCase, group_cases
from orchestrator.study.deciding import Decision, Outcome, decide
from orchestrator.study.figures import Figure
from orchestrator.study.row import StudyRow
from orchestrator.study.rows import rows
from orchestrator.study.scores import ScoreKey, TaskScore

__all__ = [
    "Artifact",
    "Decision",
    "Figure",
    "Outcome",
    "ScoreKey",
    "StudyCase",
    "StudyRow",
    "TaskScore",
    "artifact_of",
    "decide",
    "find_teacher",
    "group_cases",
    "rows",
]
