"""The keys of a sweep file and what may stand behind them. Imported late, because pydantic is."""

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any

from pydantic import Field

from orchestrator.assignment import CLASSIFICATION, KINDS, MODEL, QUESTION_ANSWERING, SCOPES
from orchestrator.errors import DynofarmError, UsageError
from orchestrator.quantities import parse_duration_s
from orchestrator.runtimes import check_choice
from orchestrator.runtimes.catalogue import RUNTIMES
from orchestrator.sweep import PROFILES, PROTOCOLS, USUAL_DELEGATE, RuntimeChoice
from orchestrator.sweep_files.claims import parse_claim
from orchestrator.yaml.schema import Section, key, one_of, one_or_many, parsed

DELEGATES = (USUAL_DELEGATE, *dict.fromkeys(name for row in RUNTIMES.values() for name in row.delegates))
EXCLUDE_KEYS = ("device", "model", "runtime", "version", "threads", "delegate")
SEED_LIMIT = 2**32 - 1
"""The largest seed that every generator of random numbers takes."""

_Name = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f-][^\x00-\x1f]{0,199}$")]
_Seconds = Annotated[float, parsed(parse_duration_s)]


def parse_runtimes(value: Any) -> list[RuntimeChoice]:
    """`litert`, `tflite-runtime@2.14.0`, `{name: onnxruntime, version: [1.19.2, 1.23.2]}`, or a list of these."""
    choices = [choice for item in one_or_many(value) for choice in _choices(item)]
    for choice in choices:
        try:
            check_choice(choice)
        except DynofarmError as error:
            raise UsageError(error.message) from None
    return _distinct(choices, "runtime")


def _choices(item: Any) -> list[RuntimeChoice]:
    if isinstance(item, str):
        name, at, version = item.strip().partition("@")
        if at and not version:
            raise UsageError(f"{item!r} names no version behind the @")
        return [RuntimeChoice(name, version or None)]
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or set(item) - {"name", "version"}:
        raise UsageError("neither name@version nor a mapping of name and version")
    versions = one_or_many(item.get("version"))
    if not versions:
        raise UsageError("an empty list of versions")
    if not all(version is None or isinstance(version, str) for version in versions):
        raise UsageError("a version stands in quotes: 2.10 would lose its zero")
    return [RuntimeChoice(item["name"], version) for version in versions]


def parse_options(value: Any) -> list[dict[str, Any]]:
    """A list of mappings, or a mapping of lists, which means their product."""
    if isinstance(value, Mapping):
        axes = [one_or_many(values) for values in value.values()]
        rows: list[Any] = [dict(zip(value, values, strict=True)) for values in product(*axes)]
    else:
        rows = one_or_many(value)
    for row in rows:
        if not isinstance(row, Mapping):
            raise UsageError("not a mapping of options")
        wrong = next((name for name, one in row.items() if isinstance(one, (list, Mapping))), None)
        if wrong is not None:
            raise UsageError(f"{wrong}: a list inside the list; write a mapping of lists for a product")
    return _distinct([dict(row) for row in rows], "row")


def parse_exclude(value: Any) -> list[dict[str, Any]]:
    """Rules: each a mapping of axis to a pattern, a number, or a list of these."""
    rules = []
    for rule in one_or_many(value):
        if not isinstance(rule, Mapping) or not rule:
            raise UsageError("not a mapping such as {runtime: onnxruntime, threads: 4}")
        rules.append(_rule(rule))
    return rules


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    for name, wanted in rule.items():
        if name not in EXCLUDE_KEYS and not (name.startswith("options.") and len(name) > len("options.")):
            raise UsageError(f"unknown key {name}; allowed: {', '.join(EXCLUDE_KEYS)}, options.NAME")
        values = one_or_many(wanted)
        if not values or any(isinstance(one, (list, Mapping)) for one in values):
            raise UsageError(f"{name} needs a pattern, a number, or a list of these")
        if not name.startswith("options.") and any(isinstance(one, (bool, float)) or one is None for one in values):
            raise UsageError(f"{name} needs a pattern or a whole number; versions stand in quotes")
    runtime = rule.get("runtime")
    if isinstance(runtime, str) and "@" in runtime and "version" not in rule:
        name, _, version = runtime.partition("@")
        return {**rule, "runtime": name, "version": version}
    return dict(rule)


def check_claim(value: Any) -> Any:
    """A claim stays text here: a stored sweep can be read by versions that know other figures."""
    if isinstance(value, str):
        parse_claim(value)
    return value


def _distinct(values: list[Any], what: str) -> list[Any]:
    seen: set[str] = set()
    for value in values:
        if repr(value) in seen:  # not ==: Python holds 1, 1.0 and True for the same
            raise UsageError(f"the {what} {value} is there twice")
        seen.add(repr(value))
    return values


def _distinct_list(value: Any) -> Any:
    return _distinct(one_or_many(value), "value")


class Protocol(Section):
    """How long to warm up and to measure; what is left out comes from `base`."""

    base: Annotated[str, one_of(*PROTOCOLS)] = key(
        f"{', '.join(PROTOCOLS)}", "The protocol to start from.", "standard", shown="standard"
    )
    name: _Name | None = key("a name", "What the results call it.", shown="custom")
    warmup_inferences: int | None = key("0 to 100000", "Inferences to warm up with, at least.", ge=0, le=100_000)
    warmup_s: _Seconds | None = key("a duration, 0 to 10m", "Time to warm up, at least.", ge=0, le=600)
    warmup_limit_s: _Seconds | None = key("a duration, 0 to 10m", "Time to warm up, at most.", ge=0, le=600)
    min_inferences: int | None = key("1 to 1000000", "Inferences to measure, at least.", ge=1, le=1_000_000)
    min_s: _Seconds | None = key("a duration, 0 to 10m", "Time to measure, at least.", ge=0, le=600)
    max_s: _Seconds | None = key("a duration, 100ms to 10m", "Time to measure, at most.", ge=0.1, le=600)


def _as_protocol(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in PROTOCOLS:
        raise UsageError("no such protocol")
    return {"base": value, "name": value}


class TaskKeys(Section):
    """Work on a data set (`dynofarm data list`)."""

    data: _Name = key("the name of a data set", "What to work on.", ..., shown="must be there")
    kind: Annotated[str, one_of(*KINDS)] = key(
        ", ".join(KINDS), "What to do.", "", shown=f"{QUESTION_ANSWERING} of questions, {CLASSIFICATION} of texts"
    )
    split: _Name = key("a split of it", "Which part.", "test", shown="test")
    scope: Annotated[list[Annotated[str, one_of(*SCOPES)]], parsed(_distinct_list)] = key(
        f"{' and/or '.join(SCOPES)}",
        "The clock runs during inferences alone, or from the text to the outputs.",
        [MODEL],
        shown=MODEL,
        min_length=1,
    )
    examples: int = key("a whole number, 0 for all", "How many.", 0, shown="all", ge=0, le=1_000_000)
    vocabulary: str = key("the path of a vocab.txt", "How texts become tokens.", "", shown="the one beside the model")
    new_tokens: int = key("1 to 4096", "Tokens to write for each text (generation).", 16, shown="16", ge=1, le=4096)


def _as_task(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    data, slash, split = value.partition("/")
    return {"data": data, "split": split} if slash else {"data": data}


class SweepKeys(Section):
    """One file of `sweeps/`. Every cell of the product of the axes is a case."""

    name: _Name | None = key("a name", "What the sweep is called.", shown="the file's name")
    models: Annotated[list[_Name], parsed(_distinct_list)] = key(
        "a list of names or patterns of models", "What to measure.", ..., shown="must be there", min_length=1
    )
    on: Annotated[list[_Name], parsed(_distinct_list)] = key(
        "a list of device names, patterns, tag:…, arch:…, kind:… or all", "Where.", ["all"], shown="all", min_length=1
    )
    runtimes: Annotated[list[Any], parsed(parse_runtimes)] = key(
        f"a list of {', '.join(RUNTIMES)}, each with @version or not",
        "With what.",
        [RuntimeChoice("litert")],
        shown="litert",
        min_length=1,
    )
    threads: Annotated[list[Annotated[int, Field(ge=1, le=1024)]], parsed(_distinct_list)] = key(
        "a list of whole numbers from 1 to 1024", "Threads of the runtime.", [1], shown="1", min_length=1
    )
    delegates: Annotated[list[Annotated[str, one_of(*DELEGATES)]], parsed(_distinct_list)] = key(
        f"a list of {', '.join(DELEGATES)}",
        "What computes inside; usual: what the runtime takes by itself.",
        [USUAL_DELEGATE],
        shown=USUAL_DELEGATE,
        min_length=1,
    )
    options: Annotated[list[Any], parsed(parse_options)] = key(
        "a list of mappings, or a mapping of lists (their product)",
        "Options of the runtime.",
        [{}],
        shown="none",
        min_length=1,
    )
    protocol: Annotated[Protocol, parsed(_as_protocol)] = key(
        f"{', '.join(PROTOCOLS)}, or a mapping", "", Protocol(base="standard", name="standard")
    )
    repeats: int = key("a whole number from 1 to 1000", "Fresh processes a case.", 3, shown="3", ge=1, le=1000)
    seed: int = key(f"a whole number from 0 to {SEED_LIMIT}", "Order and inputs.", 1, shown="1", ge=0, le=SEED_LIMIT)
    sample_hz: float = key(
        "a number from 0 to 100", "How often the sensors are read; 0: not at all.", 10.0, shown="10", ge=0, le=100
    )
    deadline: _Seconds | None = key(
        "a duration from 1s to 24h, such as 90s or 10m",
        "The end of a job that hangs.",
        shown="reckoned",
        ge=1,
        le=86400,
    )
    exclude: Annotated[list[Any], parsed(parse_exclude)] = key(
        f"a list of mappings with {', '.join(EXCLUDE_KEYS)} or options.NAME", "Cases to leave out.", [], shown="none"
    )
    reference: bool = key(
        "true or false",
        "Run the built-in reference model around each block, to see whether a board moves.",
        True,
        shown="true",
    )
    energy: bool = key(
        "true or false",
        "Run each case once more with the board's power read, where it has a sensor.",
        False,
        shown="false",
    )
    profile: Annotated[str, one_of(*PROFILES)] = key(
        " or ".join(PROFILES),
        "ops: run each case once more, and ask the runtime what each operator took, where it tells.",
        "none",
        shown="none",
    )
    teacher: _Name | None = key(
        "a name of a model",
        "The model that the others are compared with in the study's table.",
        shown="the one that the others descend from",
    )
    claims: Annotated[list[Annotated[str, parsed(check_claim)]], parsed(_distinct_list)] = key(
        "a list of claims such as items_per_s >= 1 on every device",
        "What the results are to show; `dynofarm claims` decides each.",
        [],
        shown="none",
    )
    task: Annotated[TaskKeys | None, parsed(_as_task)] = key(
        "DATA, DATA/SPLIT, or a mapping",
        "Run each case once more, on the examples of a data set, and keep the answers.",
        shown="none",
    )
    notes: str = key("text", "For people.", "", shown="none")
