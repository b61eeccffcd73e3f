"""What a sweep is for."""

from enum import StrEnum


class Purpose(StrEnum):
    """Why there is a sweep: for its results, for a board's noise floor, or to see whether a board is well."""

    RESULTS = "results"
    NOISE = "noise"
    HEALTH = "health"


FURTHER_RUNS = "replicate"
"""How a sweep of further runs for a comparison is named, and how its notes begin; it has both sides, and is neither."""
FURTHER_RUNS_NOTES = "further runs of "
