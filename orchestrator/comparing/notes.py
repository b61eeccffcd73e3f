"""What a reader of a comparison must know of its runs: what is left out, and what else differs. Pure."""

from collections.abc import Sequence

from orchestrator.comparing.measured import Measured
from orchestrator.comparing.pairing import Pair
from orchestrator.trust.verdicts import Verdict

SIDES = ("first", "second")
REAL = "real"
_SHOWN = 12
"""Letters of a digest or a machine's id that tell it from others."""
_OF_BOARD = (("machine id", "machine_id"), ("kernel", "kernel"), ("system", "system"))


def case_notes(pair: Pair) -> tuple[str, ...]:
    """Sentences, none where there is nothing to say."""
    notes = []
    for side, doubted, failed in zip(SIDES, pair.doubted, pair.failed, strict=True):
        if doubted:
            codes = ", ".join(dict.fromkeys(code for run in doubted for code in run.reasons))
            verdicts = " or ".join(dict.fromkeys(str(run.verdict) for run in doubted))
            notes.append(f"{side} side: {runs_text(doubted)} left out, {verdicts}{f': {codes}' if codes else ''}")
        if failed:
            notes.append(f"{side} side: {runs_text(failed)} gave no measurement: {statuses_text(failed)}")
    before, after = pair.first[0], pair.second[0]
    if before.model == after.model and before.digest != after.digest:
        notes.append(f"another artifact of {after.model}: {before.digest[:_SHOWN]} → {after.digest[:_SHOWN]}")
    if before.fingerprint.device == after.fingerprint.device:
        notes += _changes_of_board(pair)
    how = before.fingerprint.emulated or before.fingerprint.kind
    if how != REAL:
        notes.append(f"not a real board: {how}")
    suspect = [run for run in (*pair.first, *pair.second) if run.verdict is Verdict.SUSPECT]
    if suspect:
        codes = ", ".join(dict.fromkeys(code for run in suspect for code in run.reasons))
        notes.append(f"with {runs_text(suspect)} that {'is' if len(suspect) == 1 else 'are'} suspect: {codes}")
    return tuple(notes)


def runs_text(runs: Sequence[Measured]) -> str:
    """`1 run`, `3 runs`."""
    return f"{len(runs)} run{'s' * (len(runs) != 1)}"


def statuses_text(failed: Sequence[Measured]) -> str:
    """How they ended, each way once."""
    return ", ".join(dict.fromkeys(run.status.replace("_", " ") for run in failed))


def _changes_of_board(pair: Pair) -> list[str]:
    """What the board said of itself on one side and not on the other. Another id is another machine under the name, or
    the same one newly installed: nobody here can tell."""
    told = [
        f"{what} {' and '.join(before)} → {' and '.join(after)}"
        for what, field in _OF_BOARD
        for before, after in [(_said(pair.first, field), _said(pair.second, field))]
        if before and after and set(before) != set(after)
    ]
    return [f"{pair.first[0].fingerprint.device} itself is another: {', '.join(told)}"] if told else []


def _said(side: Sequence[Measured], field: str) -> list[str]:
    """Every value once; what a board could not tell is left out."""
    values = [getattr(run.host, field) for run in side if run.host is not None]
    return list(dict.fromkeys(value[:_SHOWN] if field == "machine_id" else value for value in values if value))
