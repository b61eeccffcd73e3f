"""What is good, doubtful or bad, in a sign and a word: never by its colour alone. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.comparing.answers import Answer
from orchestrator.report.words import status_text
from orchestrator.runs import RunStatus
from orchestrator.trust.verdicts import Verdict


class Tone(StrEnum):
    """What colour goes with it."""

    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True)
class Badge:
    """`sign` is one character, which is not read aloud; `word` says it all."""

    word: str
    sign: str
    tone: Tone


_VERDICTS = {
    Verdict.TRUSTED: ("✓", Tone.GOOD),
    Verdict.SUSPECT: ("?", Tone.DOUBT),
    Verdict.INVALID: ("✕", Tone.BAD),
}
_ANSWERS = {
    Answer.FASTER: ("▼", Tone.GOOD),
    Answer.SLOWER: ("▲", Tone.BAD),
    Answer.SAME: ("=", Tone.QUIET),
    Answer.INCONCLUSIVE: ("?", Tone.DOUBT),
}


def verdict_badge(verdict: Verdict | None) -> Badge:
    """None is a run that nobody judged."""
    if verdict is None:
        return Badge("not judged", "–", Tone.QUIET)
    return Badge(str(verdict), *_VERDICTS[verdict])


def status_badge(status: RunStatus) -> Badge:
    if status is RunStatus.OK:
        return Badge("measured", "✓", Tone.GOOD)
    if status is RunStatus.SKIPPED:
        return Badge("skipped", "–", Tone.QUIET)
    return Badge(status_text(status), "✕", Tone.BAD)


def answer_badge(answer: Answer) -> Badge:
    """Of a comparison, the second side against the first."""
    return Badge(str(answer), *_ANSWERS[answer])
