"""A choice as a table, and as plain values: what fits, what does not, and why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.choosing import Candidate, Choice, Fit
from orchestrator.choosing.asking import Answer
from orchestrator.choosing.candidates import worst_of
from orchestrator.choosing.fitting import State
from orchestrator.choosing.limits import ACCURACY, ENERGY, FILE, MEMORY, P50, P90, P99, RATE
from orchestrator.report.best_words import amount_text, headline, limit_text, notes, why_text
from orchestrator.report.study.sheet import Sheet, SheetColumn
from orchestrator.report.study.texts import NONE, bounds_values, number_text
from orchestrator.report.words import latency_text, options_text
from orchestrator.study.figures import Figure

MOST_SHOWN = 20
"""Chosen: of what does not fit, on the terminal."""

BEST, AS_GOOD, FITS = "best", "as good", "fits"
_ALWAYS = (P50, P90, FILE, MEMORY)
_HEADINGS = {
    P50: "p50 ms", P90: "p90 ms", P99: "p99 ms", RATE: "items/s", FILE: "file", MEMORY: "peak RSS",
    ACCURACY: "accuracy", ENERGY: "mJ/item",
}  # fmt: skip
_RANKS = {P50: 0, P90: 2, P99: 2, RATE: 3, FILE: 1, MEMORY: 3, ACCURACY: 1, ENERGY: 2}


def best_sheet(answer: Answer) -> Sheet:
    """A row a candidate: what fits with the best first, then the undecided, then the others, the nearest first. Of
    several boards the figures are those of the worst."""
    choice = answer.choice
    fits, figures = choice.fits, _shown(choice)
    with_options = any(fit.candidate.options for fit in fits)
    with_front = len(choice.feasible) > 1 and bool(choice.axes)
    rows, values = [], []
    for fit in fits:
        one = fit.candidate
        found = {figure: _worst(one, figure, choice.boards) for figure in figures}
        front = [_front_text(fit, choice)] if with_front else []
        options = [options_text(one.options)] if with_options else []
        setting = [one.model, _runtime(one), str(one.threads), one.delegate, *options]
        told = [_cell(figure, found[figure]) for figure in figures]
        rows.append((_state_text(fit, choice), *front, *setting, *told, why_text(fit, choice.boards)))
        values.append(_candidate_values(fit, choice))
    columns = [
        SheetColumn("state", "", numeric=False),
        *([SheetColumn("front", "front", numeric=False, rank=4)] if with_front else []),
        SheetColumn("model", "model", numeric=False),
        SheetColumn("runtime", "runtime", numeric=False, rank=1),
        SheetColumn("threads", "threads", rank=1),
        SheetColumn("delegate", "delegate", numeric=False, rank=5),
        *([SheetColumn("options", "options", numeric=False, rank=2)] if with_options else []),
        *(SheetColumn(figure, _HEADINGS[figure], rank=_RANKS[figure]) for figure in figures),
        SheetColumn("why", "remarks", numeric=False),
    ]
    title = "; ".join(headline(answer)[:1])
    return Sheet(title, tuple(columns), tuple(rows), tuple(values), (*headline(answer)[1:], *notes(answer)))


def boards_sheet(answer: Answer, *, of_all: bool = True) -> Sheet:
    """A row for each candidate on each board, with the figures there; else for those that fit or are undecided."""
    choice = answer.choice
    figures = _shown(choice)
    rows, values = [], []
    fits = choice.fits
    for fit in fits if of_all else fits[: len(choice.feasible) + len(choice.undecided)]:
        for device in choice.boards:
            place = fit.candidate.places.get(device)
            found = {figure: _worst(fit.candidate, figure, (device,)) for figure in figures}
            told = [_cell(figure, found[figure]) for figure in figures]
            kind = f" ({place.row.device_kind})" if place and place.row.device_kind != "real" else ""
            state = _state_there(fit, device)
            rows.append((fit.candidate.text, f"{device}{kind}", str(state), *told))
            values.append(
                {**_candidate_values(fit, choice), "device": device, "state_there": str(state)}
                | _figure_values(found)
                | {"runtime_version": place.row.runtime_version if place else None}
                | {"sweep_id": place.sweep_id if place else None}
            )
    columns = [
        SheetColumn("candidate", "candidate", numeric=False),
        SheetColumn("device", "device", numeric=False),
        SheetColumn("state", "", numeric=False),
        *(SheetColumn(figure, _HEADINGS[figure], rank=_RANKS[figure]) for figure in figures),
    ]
    return Sheet("On each board", tuple(columns), tuple(rows), tuple(values))


def best_values(answer: Answer) -> dict[str, Any]:
    """For --json."""
    choice = answer.choice
    winners = choice.winners
    return {
        "boards": list(choice.boards),
        "objective": str(choice.objective),
        "scope": answer.scope,
        "data": answer.data,
        "other_data": list(answer.others),
        "include_suspect": answer.include_suspect,
        "limits": [
            {"figure": one.figure, "relation": one.relation, "bound": one.bound, "text": limit_text(one)}
            for one in choice.limits
        ],
        "summary": headline(answer),
        "best": winners.first.text if winners else None,
        "as_good": [one.text for one in winners.others] if winners else [],
        "picked_by": winners.because or None if winners else None,
        "front_axes": list(choice.axes),
        "candidates": [
            {**_candidate_values(fit, choice), "boards": [_board_values(fit, device) for device in choice.boards]}
            for fit in choice.fits
        ],
    }


def _shown(choice: Choice) -> tuple[str, ...]:
    limited = {limit.figure for limit in choice.limits} | {choice.objective.figure}
    candidates = [fit.candidate for fit in choice.fits]

    def is_known(figure: str) -> bool:
        return any(_worst(one, figure, (device,)) for one in candidates for device in one.places)

    return tuple(
        figure
        for figure in _HEADINGS
        if figure in _ALWAYS or figure in limited or (figure in (ACCURACY, ENERGY) and is_known(figure))
    )


def _worst(candidate: Candidate, figure: str, boards: Sequence[str]) -> Figure | None:
    found = worst_of(candidate, figure, boards)
    return found.figure if found else None


def _cell(figure: str, found: Figure | None) -> str:
    if found is None:
        return NONE
    if figure == ACCURACY:
        return f"{found.value:.1%} ({found.low * 100:.1f}–{found.high * 100:.1f})".replace("%", " %", 1)
    if figure == ENERGY:
        return number_text(found.value * 1e3)
    if figure in (FILE, MEMORY, RATE):
        return amount_text(figure, found.value)
    level = latency_text(found.value * 1e6)
    bounded = found.is_bounded and found.low != found.high
    return f"{level} ({latency_text(found.low * 1e6)}–{latency_text(found.high * 1e6)})" if bounded else level


def _state_text(fit: Fit, choice: Choice) -> str:
    if fit.state is not State.FEASIBLE:
        return str(fit.state)
    winners = choice.winners
    if winners and fit.candidate is winners.first:
        return BEST
    return AS_GOOD if winners and any(fit.candidate is one for one in winners.others) else FITS


def _front_text(fit: Fit, choice: Choice) -> str:
    return "yes" if any(one.on_front for one in choice.feasible if one.fit is fit) else ""


def _runtime(one: Candidate) -> str:
    return f"{one.runtime} {one.version}" if one.version else one.runtime


def _state_there(fit: Fit, device: str) -> State:
    states = {check.state for check in fit.checks if check.device == device}
    order = (State.OUT, State.UNMEASURED, State.UNDECIDED)
    return next((state for state in order if state in states), State.FEASIBLE)


def _candidate_values(fit: Fit, choice: Choice) -> dict[str, Any]:
    one = fit.candidate
    on_front = next((ranked.on_front for ranked in choice.feasible if ranked.fit is fit), None)
    return {
        "state": str(fit.state),
        "role": _state_text(fit, choice),
        "on_front": on_front,
        "model": one.model,
        "model_digest": one.digest,
        "runtime": one.runtime,
        "runtime_version": one.version,
        "threads": one.threads,
        "delegate": one.delegate,
        "options": dict(one.options),
        **_figure_values({figure: _worst(one, figure, choice.boards) for figure in _HEADINGS}),
        "why": why_text(fit, choice.boards),
    }


def _figure_values(found: Mapping[str, Figure | None]) -> dict[str, Any]:
    return {key: value for figure, one in found.items() for key, value in bounds_values(figure, one).items()}


def _board_values(fit: Fit, device: str) -> dict[str, Any]:
    place = fit.candidate.places.get(device)
    told: dict[str, Any] = {"device": device, "state": str(_state_there(fit, device))}
    if place is None:
        return told
    row = place.row
    figures = {figure: _worst(fit.candidate, figure, (device,)) for figure in _HEADINGS}
    return told | {
        "device_kind": row.device_kind,
        "runtime_version": row.runtime_version,
        "sweep_id": place.sweep_id,
        "runs": row.runs,
        "verdict": str(row.verdict) if row.verdict else None,
        "task": row.task or None,
        "energy_source": row.energy_source,
        "doubted": place.doubted or None,
        **_figure_values(figures),
        "checks": [
            {"limit": check.limit.text if check.limit else None, "state": str(check.state), "found": check.text,
             "because": check.because}
            for check in fit.checks
            if check.device == device
        ],
    }  # fmt: skip


Printer = Callable[[Sheet], None]


def print_best(answer: Answer, print_sheet: Printer, say: Callable[[str], None]) -> None:
    """The answer in a sentence or two, the table, and with several boards the figures on each. Of what does not fit
    the nearest few: files have them all."""
    lines = headline(answer)
    for line in lines:
        say(line)
    whole, choice = best_sheet(answer), answer.choice
    shown = len(choice.feasible) + len(choice.undecided) + MOST_SHOWN
    notes_below = list(whole.notes[len(lines) - 1 :])
    if len(whole.rows) > shown:
        notes_below.append(f"{len(whole.rows) - shown} more do not fit; all of them: --format markdown, csv or json")
    print_sheet(replace(whole, rows=whole.rows[:shown], values=whole.values[:shown], notes=tuple(notes_below)))
    if len(choice.boards) > 1 and (choice.feasible or choice.undecided):
        print_sheet(boards_sheet(answer, of_all=False))
