"""A choice in sentences: what is best, what is as good, and by how much the others miss. Pure."""

import math
from collections.abc import Sequence

from orchestrator.assignment import MODEL
from orchestrator.choosing import Check, Choice, Fit, Miss, State
from orchestrator.choosing.asking import Answer
from orchestrator.choosing.candidates import Worst, worst_of
from orchestrator.choosing.choice import misses_of
from orchestrator.choosing.front import cost
from orchestrator.choosing.limits import ACCURACY, ENERGY, FILE, MEMORY, P50, P90, P99, RATE
from orchestrator.report.study.texts import number_text
from orchestrator.report.words import bytes_text
from orchestrator.study.figures import Figure
from orchestrator.sweep_files.claims import Claim

LABELS = {
    P50: "p50", P90: "p90", P99: "p99", FILE: "size", MEMORY: "peak memory", ACCURACY: "accuracy", ENERGY: "energy",
    RATE: "items/s",
}  # fmt: skip
MOST_NAMED = 6
"""Chosen: more candidates than that stand in the table alone."""


def amount_text(figure: str, value: float) -> str:
    """`12.3 ms`, `2.70 MB`, `4.0 points` (a share says so many hundredths of its whole), `5.2 mJ`."""
    if figure in (FILE, MEMORY):
        return bytes_text(value)
    if figure == ACCURACY:
        return f"{number_text(value * 100)} points"
    if figure == ENERGY:
        return f"{number_text(value * 1e3)} mJ"
    return f"{number_text(value)} ms" if figure in (P50, P90, P99) else number_text(value)


def value_text(figure: str, found: Figure) -> str:
    """`p50 10.0 ms (9.91 to 10.1)`; no bounds where there are none."""
    level = f"{found.value:.1%}".replace("%", " %") if figure == ACCURACY else amount_text(figure, found.value)
    bounds = _bounds(figure, found)
    return f"{LABELS[figure]} {level}{f' ({bounds[0]} to {bounds[1]})' if bounds else ''}"


def limit_text(limit: Claim) -> str:
    """`p90 at most 50 ms`, `accuracy at least 74.0 %`."""
    word = "at most" if limit.relation == "<=" else "at least"
    bound = f"{limit.bound:.1%}".replace("%", " %") if limit.figure == ACCURACY else _bound_text(limit)
    return f"{LABELS[limit.figure]} {word} {bound}"


def miss_text(miss: Miss, boards: Sequence[str]) -> str:
    """`misses p90 by 4.0 ms [2.0, 6.0]`, with the board where there are several."""
    limit, where = miss.check.limit, f" on {miss.check.device}" if len(boards) > 1 else ""
    assert limit is not None  # noqa: S101 - what is missed is a limit
    bounds = _bounds(limit.figure, miss.amount)
    told = f" [{bounds[0]}, {bounds[1]}]" if bounds else ""
    return f"misses {LABELS[limit.figure]} by {amount_text(limit.figure, miss.amount.value)}{told}{where}"


def why_text(fit: Fit, boards: Sequence[str]) -> str:
    """Why a candidate is what it is; of one that fits, which of its runs do not count."""
    if fit.state is State.FEASIBLE:
        places = [fit.candidate.places[device] for device in boards]
        several = len(boards) > 1
        told = [f"{one.row.device}: {one.doubted}" if several else one.doubted for one in places if one.doubted]
        return "; ".join(told)
    misses = misses_of(fit)
    if misses:
        missing = _missing_text(fit) if any(check.state is State.UNMEASURED for check in fit.checks) else ""
        return "; ".join([*(miss_text(miss, boards) for miss in misses), *([missing] if missing else [])])
    if fit.state is State.UNMEASURED and len(boards) > 1:
        return _missing_text(fit)
    return "; ".join(dict.fromkeys(_check_text(check, boards) for check in fit.telling))


def headline(answer: Answer) -> list[str]:
    """What comes first: the best and its equals, or that nothing fits and what comes nearest."""
    choice = answer.choice
    if choice.winners is not None:
        return _best(choice)
    counts = [
        f"{len(some)} {told}"
        for some, told in (
            (choice.feasible, "fits" if len(choice.feasible) == 1 else "fit"),
            (choice.out, "fell out"),
            (choice.undecided, "undecided"),
            (choice.unmeasured, "not measured"),
        )
        if some
    ]
    figure = LABELS[choice.objective.figure]
    found = f"nothing fits on {_boards(choice)}"
    if choice.feasible:
        found = f"of nothing that fits on {_boards(choice)} is the {figure} known"
    unseen = [f"nothing at all was measured on {', '.join(_unseen(choice))}"] if _unseen(choice) else []
    return [f"{found}: {', '.join(counts)}", *unseen, *_nearest(choice)]


def notes(answer: Answer) -> list[str]:
    """What a reader of the table must know."""
    choice = answer.choice
    found = []
    if choice.limits:
        found.append(f"limits: {'; '.join(map(limit_text, choice.limits))}; decided on bounds of 95 %")
    if len(choice.boards) > 1:
        found.append(f"on each of {', '.join(choice.boards)}; figures are those of the worst board")
    if len(choice.feasible) > 1 and choice.axes:
        axes = ", ".join(LABELS[axis] for axis in choice.axes)
        rest = ", ".join(LABELS[axis] for axis in choice.left_out)
        found.append(
            f"front: nothing else that fits is better in one of {axes} and worse in none"
            + (f"; not measured on all: {rest}" if rest else "")
        )
    if answer.scope != MODEL:
        found.append("scope end to end: from the text to the answer")
    if answer.data is not None:
        found.append(f"accuracy is on {answer.data}")
    if answer.others:
        kept = "accuracy is left out: answers on" if answer.data is None else "there are answers on"
        found.append(f"{kept} {', '.join(answer.others)}; choose with --data")
    if not answer.include_suspect and any(_has_doubts(fit) for fit in choice.fits):
        found.append("runs judged suspect do not count; to count them: --include-suspect")
    return found


def _best(choice: Choice) -> list[str]:
    winners = choice.winners
    assert winners is not None  # noqa: S101 - asked by the caller
    worst = worst_of(winners.first, choice.objective.figure, choice.boards)
    where = f" on {worst.device}, where it is worst" if worst and len(choice.boards) > 1 else ""
    told = f": {value_text(choice.objective.figure, worst.figure)}{where}" if worst else ""
    among = f"of {len(choice.feasible)} that fit on {_boards(choice)}, " if len(choice.feasible) > 1 else ""
    alone = f", the only one that fits on {_boards(choice)}" if len(choice.feasible) == 1 else ""
    lines = [f"{among}best by {choice.objective}: {winners.first.text}{told}{alone}"]
    if winners.others:
        alike = [winners.first, *winners.others]
        named = [one.text for one in alike[:MOST_NAMED]]
        more = f" and {len(alike) - MOST_NAMED} more" if len(alike) > MOST_NAMED else ""
        split = f"the {winners.because} is {winners.first.text}" if winners.because else "nothing else tells them apart"
        same = "same size" if choice.objective.figure == FILE else "same within the noise"
        lines.append(f"{same}: {'; '.join(named)}{more}; {split}")
    return [*lines, *_rivals(choice, worst)]


def _rivals(choice: Choice, lead: Worst | None) -> list[str]:
    """What is undecided, and would be better if it held: whoever wants the best measures it on."""
    figure = choice.objective.figure
    found = [(fit, worst_of(fit.candidate, figure, choice.boards)) for fit in choice.undecided]
    better = [
        (fit, worst)
        for fit, worst in found
        if worst and lead and cost(figure, worst.figure) < cost(figure, lead.figure)
    ]
    if not better:
        return []
    fit, worst = better[0]
    told = f"{fit.candidate.text}: {value_text(figure, worst.figure)}; {why_text(fit, choice.boards)}"
    more = f"; so are {len(better) - 1} more that look better" if len(better) > 1 else ""
    return [f"undecided, but it looks better: {told}{more}"]


def _nearest(choice: Choice) -> list[str]:
    if not choice.nearest:
        return []
    missed = "; ".join(miss_text(miss, choice.boards) for miss in choice.nearest)
    return [f"nearest: {choice.nearest[0].fit.candidate.text} {missed}"]


def _boards(choice: Choice) -> str:
    """A board that is not real is labelled."""
    kinds = {device: choice.kind_of(device) for device in choice.boards}
    return ", ".join(device if kind in (None, "real") else f"{device} ({kind})" for device, kind in kinds.items())


def _unseen(choice: Choice) -> list[str]:
    return [device for device in choice.boards if choice.kind_of(device) is None]


def _bounds(figure: str, found: Figure) -> tuple[str, str] | None:
    if not (math.isfinite(found.low) and math.isfinite(found.high)) or found.low == found.high:
        return None
    if figure == ACCURACY:
        return f"{found.low * 100:.1f}", f"{found.high * 100:.1f}"
    scale = 1e3 if figure == ENERGY else 1.0
    return number_text(found.low * scale), number_text(found.high * scale)


def _bound_text(limit: Claim) -> str:
    """As it was asked for, without zeros that nobody wrote."""
    if limit.figure in (P50, P90, P99):
        return f"{limit.bound:g} ms"
    if limit.figure == ENERGY:
        return f"{limit.bound * 1e3:g} mJ"
    return bytes_text(limit.bound) if limit.figure in (FILE, MEMORY) else f"{limit.bound:g}"


def _check_text(check: Check, boards: Sequence[str]) -> str:
    if check.limit is not None and check.figure is not None:
        told = value_text(check.limit.figure, check.figure)
    elif check.limit is not None:
        told = f"{LABELS[check.limit.figure]}{check.text.removeprefix(check.limit.figure)}"
    else:
        told = check.text
    where = f"{check.device}: " if len(boards) > 1 else ""
    return f"{where}{told}{f', {check.because}' if check.because else ''}"


def _missing_text(fit: Fit) -> str:
    """By what is missing, not by board: `no run that counts on attic, kitchen; not measured on shed`."""
    groups: dict[str, list[str]] = {}
    for check in fit.checks:
        if check.state is not State.UNMEASURED:
            continue
        place = fit.candidate.places.get(check.device)
        if check.limit is not None:
            told = f"{LABELS[check.limit.figure]} not measured"
        elif place is not None and place.doubted:
            told = "no run that counts"
        else:
            told = "not measured" if place is None else check.text
        groups.setdefault(told, []).append(check.device)
    several = len({check.device for check in fit.checks}) > 1
    return "; ".join(f"{told} on {', '.join(on)}" if several else told for told, on in groups.items())


def _has_doubts(fit: Fit) -> bool:
    return any("suspect" in place.doubted for place in fit.candidate.places.values())
