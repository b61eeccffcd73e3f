"""Claims as people write them: one sentence each, `items_per_s >= 1 on every device`. Pure.

    claim     = figure [ "ratio" side "/" side | "drop" ] relation number [ unit ] { selector }
    side      = "teacher" | "student"                 relation = ">=" | "<=" | ">" | "<"
    selector  = "on" ( "every device" | "any device" | DEVICE ) | "for" MODEL | "with" KEY=VALUE
              | "in scope" SCOPE | "at best"

DEVICE, MODEL and VALUE are shell-style patterns; one with a space, or `every`, stands in quotes. What a claim means and
how it is decided: docs/how-to-print-a-table.md and `study/deciding.py`.
"""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.errors import UsageError

LONGEST = 500
"""Characters; a longer claim is something else."""

TIMES: Mapping[str, float] = {"ms": 1.0, "s": 1000.0}
SECONDS: Mapping[str, float] = {"s": 1.0, "ms": 0.001}
BYTES: Mapping[str, float] = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}
JOULES: Mapping[str, float] = {"J": 1.0, "mJ": 0.001}
SHARES: Mapping[str, float] = {"%": 0.01}
POINTS: Mapping[str, float] = {"points": 0.01, "point": 0.01}
PLAIN: Mapping[str, float] = {}

FIGURES: Mapping[str, Mapping[str, float]] = {
    "parameters": PLAIN,
    "file_bytes": BYTES,
    "accuracy": SHARES,
    "macro_f1": SHARES,
    "exact_match": SHARES,
    "f1": SHARES,
    "perplexity": PLAIN,
    "load_ms": TIMES,
    "first_ms": TIMES,
    "p50_ms": TIMES,
    "p90_ms": TIMES,
    "p99_ms": TIMES,
    "items_per_s": PLAIN,
    "peak_rss_bytes": BYTES,
    "cpu_s_per_item": SECONDS,
    "energy_j_per_item": JOULES,
}
"""What can be claimed of, and the units that may stand behind a number, with the factor to the figure's own."""

IN_RATIO = ("parameters", "file_bytes", "p50_ms", "items_per_s", "peak_rss_bytes")
IN_DROP = ("accuracy", "exact_match", "f1")
SIDES = ("teacher", "student")
SCOPES = ("model", "end_to_end")
AXES = ("runtime", "version", "threads", "delegate")

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?(?![\w.,])|[+-]?(\d+(\.\d*)?|\.\d+)(?=[A-Za-z%])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_PAIR = re.compile(r"([A-Za-z_][\w.]*)=(\"[^\"]*\"|'[^']*'|\S+)")
_SPACE = re.compile(r"\s*")


class Form(StrEnum):
    """Of the figure itself, of one side's over the other's, or of the teacher's minus the student's."""

    VALUE = "value"
    RATIO = "ratio"
    DROP = "drop"


@dataclass(frozen=True)
class Claim:
    """One claim, read. `bound` is in the figure's own unit (shares, not percent; a drop too).

    `teacher_first`: of a ratio, whether the teacher stands above the line. `device` and `model` are patterns, None for
    all; `any_device`: one device is enough; `at_best`: of each model on each device, one case is enough.
    """

    text: str
    figure: str
    relation: str
    bound: float
    form: Form = Form.VALUE
    teacher_first: bool = True
    model: str | None = None
    device: str | None = None
    any_device: bool = False
    at_best: bool = False
    scope: str | None = None
    axes: Mapping[str, str] = field(default_factory=dict)


def parse_claim(text: str) -> Claim:
    """A claim, or `UsageError`: where it is wrong, what stands there, and what may."""
    if len(text) > LONGEST:
        raise UsageError(f"{len(text)} characters; a claim has at most {LONGEST}")
    scan = _Scan(text)
    figure = scan.one_of("a figure", tuple(FIGURES))
    form, teacher_first = _form(scan, figure)
    relation = scan.relation()
    bound = _bound(scan, figure, form)
    found = Claim(" ".join(text.split()), figure, relation, bound, form, teacher_first)
    said = _selectors(scan)
    return Claim(**{**vars(found), **said})


def parse_claims(texts: Sequence[str]) -> list[Claim]:
    """Claims that were read before, as a stored sweep has them."""
    return [parse_claim(text) for text in texts]


def _form(scan: "_Scan", figure: str) -> tuple[Form, bool]:
    start = scan.at
    word = scan.word()
    if word == Form.DROP:
        scan.demand(figure in IN_DROP, start, f"a relation (a drop is of {', '.join(IN_DROP)})")
        return Form.DROP, True
    if word == Form.RATIO:
        scan.demand(figure in IN_RATIO, start, f"a relation (a ratio is of {', '.join(IN_RATIO)})")
        above = scan.one_of("a side", SIDES)
        scan.sign("/")
        start = scan.at
        below = scan.one_of("a side", SIDES)
        scan.demand(above != below, start, f"the other side is {SIDES[SIDES.index(above) - 1]}")
        return Form.RATIO, above == SIDES[0]
    scan.demand(word is None, start, "a relation (>=, <=, >, <), ratio or drop")
    return Form.VALUE, True


def _bound(scan: "_Scan", figure: str, form: Form) -> float:
    start = scan.at
    number = scan.number()
    units = {Form.VALUE: FIGURES[figure], Form.RATIO: PLAIN, Form.DROP: POINTS}[form]
    unit = scan.unit(units)
    if form is Form.DROP:
        scan.demand(unit is not None, scan.at, "points, since a drop of 4 % may mean two things")
    if form is Form.VALUE and units is SHARES and unit is None:
        scan.demand(0 <= number <= 1, start, f"a share from 0 to 1, or percent: {number:g} %")
    return number * units[unit] if unit is not None else number


def _selectors(scan: "_Scan") -> dict[str, object]:
    said: dict[str, object] = {}
    axes: dict[str, str] = {}
    while not scan.done:
        start = scan.at
        word = scan.one_of("a selector", ("on", "for", "with", "in", "at"))
        if word == "on":
            found = _device(scan)
        elif word == "for":
            found = {"model": scan.name("a model")}
        elif word == "in":
            scan.one_of("scope", ("scope",))
            found = {"scope": scan.one_of("a scope", SCOPES)}
        elif word == "at":
            scan.one_of("best", ("best",))
            found = {"at_best": True}
        else:
            key, value = scan.pair()
            scan.demand(key not in axes, start, f"{key} once")
            axes[key] = value
            continue
        scan.demand(not said.keys() & found.keys(), start, f"{word} once")
        said |= found
    return {**said, "axes": axes}


def _device(scan: "_Scan") -> dict[str, object]:
    quoted = scan.rest[:1] in ("'", '"')
    name = scan.name("every device, any device or a device")
    if quoted or name not in ("every", "any"):
        return {"device": name, "any_device": False}
    scan.one_of("device", ("device",))
    return {"device": None, "any_device": name == "any"}


class _Scan:
    """Reads a text from left to right. `at` is where it stands, behind any space."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._skip(0)

    @property
    def rest(self) -> str:
        return self._text[self.at :]

    @property
    def done(self) -> bool:
        return self.at == len(self._text)

    def demand(self, fulfilled: bool, at: int, wanted: str) -> None:
        """`UsageError` that says what stands at a place and what should."""
        if fulfilled:
            return
        found = re.match(r"\S{1,30}", self._text[at:])
        what = f"{found[0]!r} stands" if found else "nothing stands"
        raise UsageError(f"character {at + 1}: {what} where there must be {wanted}")

    def word(self) -> str | None:
        found = _WORD.match(self._text, self.at)
        if found is None:
            return None
        self._skip(found.end())
        return found[0]

    def one_of(self, what: str, allowed: tuple[str, ...]) -> str:
        start = self.at
        word = self.word()
        if word is None or word not in allowed:
            near = difflib.get_close_matches((word or "").lower(), allowed, n=1, cutoff=0.6)
            guess = f"did you mean {near[0]}? " if near and word else ""
            named = f"{what}: {guess}{', '.join(allowed)}" if allowed != (what,) else f"the word {what}"
            self.demand(False, start, named)
        return str(word)

    def sign(self, sign: str) -> None:
        self.demand(self.rest.startswith(sign), self.at, sign)
        self._skip(self.at + len(sign))

    def relation(self) -> str:
        found = re.match(r">=|<=|>|<", self.rest)
        self.demand(found is not None, self.at, "a relation: >=, <=, > or <")
        relation = found[0] if found else ""
        self._skip(self.at + len(relation))
        return relation

    def number(self) -> float:
        found = _NUMBER.match(self._text, self.at)
        value = float(found[0]) if found else math.nan
        self.demand(found is not None and math.isfinite(value), self.at, "a number such as 45 or 4.1")
        self._skip(found.end() if found else self.at)
        return value

    def unit(self, units: Mapping[str, float]) -> str | None:
        found = re.match(r"%|[A-Za-z]+", self.rest)
        if found is None or found[0] in ("on", "for", "with", "in", "at"):
            return None
        allowed = ", ".join(units)
        self.demand(found[0] in units, self.at, f"a unit: {allowed}" if units else "no unit, or a selector")
        self._skip(self.at + len(found[0]))
        return found[0]

    def name(self, what: str) -> str:
        found = _NAME.match(self._text, self.at)
        name = next((one for one in found.groups() if one), "") if found else ""
        self.demand(bool(name), self.at, what)
        self._skip(found.end() if found else self.at)
        return name

    def pair(self) -> tuple[str, str]:
        found = _PAIR.match(self._text, self.at)
        known = found is not None and (found[1] in AXES or found[1].startswith("options."))
        self.demand(known, self.at, f"KEY=VALUE with a key of {', '.join(AXES)}, options.NAME")
        key, value = (found[1], found[2].strip("'\"")) if found else ("", "")
        self._skip(found.end() if found else self.at)
        return key, value

    def _skip(self, to: int) -> None:
        found = _SPACE.match(self._text, to)
        self.at = found.end() if found else to
