"""From two texts to the two sides of a comparison, with their runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.asking.boards import select_devices
from orchestrator.comparing.boards import Looks
from orchestrator.comparing.intervals import CONFIDENCE
from orchestrator.comparing.measured import Axis, Measured
from orchestrator.comparing.pairing import Terms
from orchestrator.comparing.selectors import Selector, compared_axes, parse_selector
from orchestrator.comparing.verdicts import Compared, compare_sides
from orchestrator.errors import UsageError
from orchestrator.farm import Farm
from orchestrator.profiles import load_profiles
from orchestrator.quantities import now_here
from orchestrator.store.reading import Reader


@dataclass(frozen=True)
class Question:
    """What is to be compared: the names of both sides and their runs, and how."""

    names: tuple[str, str]
    sides: tuple[list[Measured], list[Measured]]
    terms: Terms
    floors: dict[str, float]
    share: float | None
    looks: Looks

    def answer(
        self, sides: tuple[list[Measured], list[Measured]] | None = None, confidence: float = CONFIDENCE
    ) -> Compared:
        """The comparison, of these sides where they are given: what was measured meanwhile is in them."""
        first, second = sides or self.sides
        return compare_sides(
            (self.names[0], first),
            (self.names[1], second),
            self.terms,
            floors=self.floors,
            threshold=self.share,
            looks=self.looks,
            confidence=confidence,
        )


def ask(
    farm: Farm,
    reader: Reader,
    words: Sequence[str],
    *,
    by: str | None,
    across: Sequence[str],
    share: float | None,
    include_suspect: bool,
) -> Question:
    """What was typed as a question. `UsageError`, `UnknownName` for what cannot be asked."""
    texts = _sides(reader, words, by)
    now = now_here()
    first, second = parse_selector(texts[0], now), parse_selector(texts[1], now)
    fields = frozenset(field.strip() for part in across for field in part.split(",") if field.strip())
    terms = Terms(compared_axes(first, second), fields, include_suspect)
    sides = runs_of_side(farm, reader, first), runs_of_side(farm, reader, second)
    looks = reader.reference_medians(sorted({run.sweep_id for side in sides for run in side}))
    return Question((texts[0], texts[1]), sides, terms, reader.noise_floors(), share, looks)


def _sides(reader: Reader, words: Sequence[str], by: str | None) -> tuple[str, str]:
    """What was typed, as two sides."""
    if by is not None:
        if by not in list(Axis):
            raise UsageError(f"--by {by}: there is no such axis", f"there are: {', '.join(Axis)}")
        if not 2 <= len(words) <= 3:
            raise UsageError(f"--by {by} takes a sweep and two values", f"dynofarm compare last --by {by} A B")
        base = f"{words[0]}," if len(words) == 3 else ""
        return f"{base}{by}:{words[-2]}", f"{base}{by}:{words[-1]}"
    if len(words) == 1:
        alone = words[0]
        if not alone.startswith("baseline:") and reader.is_sweep(alone):
            raise UsageError(f"with what shall {alone} be compared?", f"dynofarm compare {alone} last")
        return alone if ":" in alone else f"baseline:{alone}", "last"
    if len(words) != 2:
        raise UsageError(f"a comparison has two sides, not {len(words)}", "dynofarm compare 41 42")
    return words[0], words[1]


def runs_of_side(farm: Farm, reader: Reader, selector: Selector) -> list[Measured]:
    """The runs of one side; `UsageError` where none of them is a measurement."""
    found = reader.runs_of_side(selector, _tagged(farm, selector.tags) if selector.tags else None)
    if not any(run.is_measured for run in found):
        what = "has no measured run" if found else "matches no run"
        raise UsageError(f"{selector.text!r} {what}", "see what there is: dynofarm sweeps, dynofarm results")
    return found


def _tagged(farm: Farm, tags: Sequence[str]) -> list[str]:
    return [device.name for device in select_devices(load_profiles(farm.profiles), [f"tag:{tag}" for tag in tags], {})]
