"""From what a user asks for to the choice: which boards, which limits, and what the store knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.asking.boards import select_devices
from orchestrator.assignment import MODEL, SCOPES
from orchestrator.choosing.candidates import Candidate
from orchestrator.choosing.choice import Choice, choose
from orchestrator.choosing.gathering import Terms, gather
from orchestrator.choosing.limits import ACCURACY, Objective, parse_limits, parse_objective
from orchestrator.devices import Device
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.profiles import load_profiles
from orchestrator.records import RunFilter
from orchestrator.store import Store


@dataclass(frozen=True)
class Wish:
    """What is asked for, in words. `on` empty: every board that something was measured on; `limits` by the names of
    `choosing.limits.LIMITS`; `wanted` narrows the runs."""

    on: Sequence[str] = ()
    limits: Mapping[str, str | float | None] = field(default_factory=dict)
    objective: str = Objective.LATENCY
    scope: str = MODEL
    data: str | None = None
    include_suspect: bool = False
    wanted: RunFilter = field(default_factory=RunFilter)


@dataclass(frozen=True)
class Answer:
    """`data` is what accuracies are of, None without any; `others` are the data sets that were not looked at."""

    choice: Choice
    scope: str
    data: str | None
    others: tuple[str, ...]
    include_suspect: bool

    @property
    def best(self) -> Candidate | None:
        """What to take; None where nothing fits."""
        return self.choice.winners.first if self.choice.winners else None


def answer(farm: Farm, store: Store, wish: Wish) -> Answer:
    """Decide. `UsageError`, `UnknownName` for what cannot be asked, or where nothing was measured."""
    if wish.scope not in SCOPES:
        raise UsageError(f"--scope {wish.scope}: there is no such scope", f"there are: {', '.join(SCOPES)}")
    limits, objective = parse_limits(wish.limits), parse_objective(wish.objective)
    about_answers = objective is Objective.ACCURACY or any(limit.figure == ACCURACY for limit in limits)
    named = _boards(farm, store, wish.on) if wish.on else None
    terms = Terms(wish.wanted, wish.scope, wish.data, wish.include_suspect, about_answers)
    found = gather(store, named, terms)
    boards = named or sorted({device for one in found.candidates for device in one.places})
    if not found.candidates:
        where = f" on {', '.join(boards)}" if boards else ""
        in_scope = "" if wish.scope == MODEL else f" in scope {wish.scope}"
        raise UsageError(f"nothing that is meant was measured{where}{in_scope}", "dynofarm run MODEL --on BOARD")
    floors = {one: record.floor for one in boards if (record := store.noise_floor(one)) is not None}
    choice = choose(found.candidates, boards, limits, objective, floors)
    return Answer(choice, wish.scope, found.data, found.others, wish.include_suspect)


def _boards(farm: Farm, store: Store, on: Sequence[str]) -> list[str]:
    """The names that are meant; boards whose profile is gone have results all the same."""
    profiles = load_profiles(farm.profiles)
    known = {device.name for device in profiles}
    gone = [Device(record.name) for record in store.devices() if record.name not in known]
    return [device.name for device in select_devices([*profiles, *gone], on, store.last_facts())]
