"""What a judge says of a run. Pure types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RULES = 1
"""The version of the rules: grows whenever the same run would be judged otherwise. `dynofarm judge` judges again."""


class Verdict(StrEnum):
    """`trusted`: nothing speaks against it. `suspect`: something may have moved it. `invalid`: do not use it."""

    TRUSTED = "trusted"
    SUSPECT = "suspect"
    INVALID = "invalid"


@dataclass(frozen=True)
class Reason:
    """One thing that speaks about a run. `code` names an entry of `reasons.CATALOGUE`; `figures` fill its sentence."""

    code: str
    figures: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """The verdict, the reasons (the gravest first), and the version of the rules that judged."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    rules: int = RULES
