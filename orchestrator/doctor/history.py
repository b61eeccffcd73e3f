"""Rules about what earlier measurements told of the board."""

from collections.abc import Iterator

from orchestrator.doctor import remedies
from orchestrator.doctor.findings import Finding, Patient, Severity, list_text, share_text
from orchestrator.trust.reasons import CATALOGUE

_MANY = 0.25
_ENOUGH = 4
"""Chosen: one bad run of three says little."""
_LARGE_FLOOR = 0.05
"""What comparisons take for noise on a board that was never measured (docs/measurement.md)."""
_MOST_REASONS = 3


def quarantined(patient: Patient) -> Iterator[Finding]:
    """Sweeps leave the board out."""
    past = patient.past
    if past.quarantined_since is not None:
        yield Finding(
            "quarantined",
            Severity.SPOILS,
            f"it was taken out of rotation on {past.quarantined_since:%Y-%m-%d}: {past.quarantine_reason}",
            here=tuple(words.format(board=patient.name) for words in (remedies.CHECK_HEALTH, remedies.RELEASE)),
            by_hand="mend what the reason names, look again, and put it back when it is as usual",
        )


def not_trusted(patient: Patient) -> Iterator[Finding]:
    """What spoilt the last runs will spoil the next."""
    past = patient.past
    if past.judged >= _ENOUGH and past.not_trusted >= _MANY * past.judged:
        common = sorted(past.reasons.items(), key=lambda entry: (-entry[1], entry[0]))[:_MOST_REASONS]
        counted = list_text([f"{_brief(code)} ({count})" for code, count in common])
        yield Finding(
            "not-trusted",
            Severity.MAY_SPOIL,
            f"{past.not_trusted} of its last {past.judged} runs were not trusted{': ' + counted if counted else ''}",
            here=(remedies.SHOW_RUNS.format(board=patient.name),),
            by_hand="docs/trust.md says what each reason means and what to do about it",
        )


def noisy(patient: Patient) -> Iterator[Finding]:
    """Differences below the noise floor cannot be told from none."""
    floor = patient.past.noise_floor
    if floor is None:
        yield Finding(
            "noisy",
            Severity.NOTE,
            "its noise floor was never measured: nobody knows which differences are real on it",
            here=(remedies.MEASURE_NOISE.format(board=patient.name),),
        )
    elif floor > _LARGE_FLOOR:
        yield Finding(
            "noisy",
            Severity.MAY_SPOIL,
            f"its noise floor is {share_text(floor)}: smaller differences cannot be told from none on it",
            here=(remedies.MEASURE_NOISE.format(board=patient.name),),
            by_hand="mend what else was found, then measure it again",
        )


def _brief(code: str) -> str:
    """A reason in few words; by its code where newer rules have dropped it."""
    entry = CATALOGUE.get(code)
    return entry.brief if entry is not None else code


RULES = {"quarantined": quarantined, "not-trusted": not_trusted, "noisy": noisy}
