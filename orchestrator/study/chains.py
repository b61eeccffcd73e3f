"""Which cases stand one behind the other in a waterfall: as the user names them, or as a stored sweep has them. Pure.

A chain is of one board and one number of threads. The usual one goes: the network's first artifact with the oldest
runtime and no delegate, the delegate, the newest runtime (the delegate now, where the oldest had none), the best
precision, the best smaller architecture; a step that the sweep does not have is left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.runs import options_key
from orchestrator.study.artifacts import Artifact, networks, roots
from orchestrator.study.cases import StudyCase
from orchestrator.study.measures import setting_text
from orchestrator.study.rows import usable_runs
from orchestrator.study.selecting import KEYS, matches, parse_where

TFLITE = ("tflite-runtime", "ai-edge-litert", "litert")
"""One engine under three names, the oldest first: a change between them is one of version."""
EXAMPLE = "for example --step 'plain: model=bert-fp32,delegate=none' --step 'XNNPACK: delegate=xnnpack'"


@dataclass(frozen=True)
class Link:
    """One case of a chain. `case` is None where the sweep has none that was measured; `because` says why."""

    name: str
    case: StudyCase | None
    because: str = ""


@dataclass(frozen=True)
class Chain:
    network: str
    device: str
    device_kind: str
    threads: int
    links: tuple[Link, ...]


@dataclass(frozen=True)
class StepChoice:
    """A step as the user names it: what is said stays for the steps behind it, until they say otherwise."""

    name: str
    where: Mapping[str, str] = field(default_factory=dict)


def parse_step(text: str) -> StepChoice:
    """`XNNPACK: delegate=xnnpack,version=2.14.0`; values are shell-style patterns. `UsageError`."""
    name, colon, rest = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"--step {text}: expected NAME: KEY=VALUE,KEY=VALUE", EXAMPLE)
    return StepChoice(name.strip(), parse_where(rest, f"--step {text}", EXAMPLE))


def named_chains(cases: Sequence[StudyCase], choices: Sequence[StepChoice]) -> list[Chain]:
    """A chain for each board and number of threads. `UsageError` where a step means several cases, or none anywhere."""
    wheres: list[Mapping[str, str]] = []
    for choice in choices:
        before = dict(wheres[-1]) if wheres else {}
        if "runtime" in choice.where and "version" not in choice.where:
            before.pop("version", None)  # versions of two runtimes have nothing to do with each other
        wheres.append({**before, **choice.where})
    for choice, where in zip(choices, wheres, strict=True):
        if not any(matches(case, where) for case in cases):
            said = ", ".join(f"{key}={value}" for key, value in where.items())
            raise UsageError(f"--step {choice.name}: no case of the sweep has {said}", "see them: dynofarm table SWEEP")
    chains = []
    by_threads = not any("threads" in where for where in wheres)
    for (device, kind, threads), group in _groups(cases, lambda one: one.threads if by_threads else 0):
        links = tuple(
            _named_link(choice.name, [case for case in group if matches(case, where)])
            for choice, where in zip(choices, wheres, strict=True)
        )
        if any(link.case for link in links):
            first = next(link.case for link in links if link.case)
            chains.append(Chain(first.model, device, kind, threads or first.threads, links))
    return chains


def usual_chains(cases: Sequence[StudyCase], artifacts: Mapping[str, Artifact]) -> list[Chain]:
    """Those that the sweep has, by network, board, threads, options and engine; none of fewer than two links."""
    measured = [case for case in cases if usable_runs(case) and case.model_digest in artifacts]
    names, first = networks(list(artifacts.values())), roots(list(artifacts.values()))
    chains = []
    for (device, kind, key), group in _groups(measured, _circumstances):
        for network in dict.fromkeys(names[case.model_digest] for case in group):
            mine = [case for case in group if names[case.model_digest] == network]
            others = [case for case in group if names[case.model_digest] != network]
            origins = {case.model_digest for case in mine if case.model_digest in first}
            if origins:
                origin = max(origins, key=lambda digest: (artifacts[digest].file_bytes, digest))
                started = [case for case in mine if case.model_digest == origin]
                links = tuple(_walk(started, mine, others, artifacts))
                if len(links) > 1:
                    chains.append(Chain(network, device, kind, key[0], links))
    return chains


def _walk(
    started: Sequence[StudyCase],
    mine: Sequence[StudyCase],
    others: Sequence[StudyCase],
    artifacts: Mapping[str, Artifact],
) -> Iterator[Link]:
    bare = [case for case in started if case.delegate == "none"] or started
    now = min(bare, key=_age)
    yield Link("start", now)
    delegated = _delegated(started, now)
    if delegated is not None:
        now = delegated
        yield Link(f"delegate {now.delegate}", now)
    newest = max((case for case in started if case.delegate == now.delegate), key=_age)
    if _age(newest) > _age(now):
        now = newest
        yield Link("runtime version", now)
    delegated = _delegated(started, now)  # where the oldest runtime was measured without one only
    if delegated is not None:
        now = delegated
        yield Link(f"delegate {now.delegate}", now)
    precisions = [case for case in mine if _engine(case) == _engine(now) and case.model_digest != now.model_digest]
    if precisions and _p50(min(precisions, key=_p50)) < _p50(now):
        now = min(precisions, key=_p50)
        yield Link("precision", now)
    artifact = artifacts[now.model_digest]
    smaller = [
        case
        for case in others
        if _engine(case) == _engine(now)
        and artifacts[case.model_digest].precision == artifact.precision
        and artifacts[case.model_digest].file_bytes < artifact.file_bytes
    ]
    if smaller:
        yield Link("architecture", min(smaller, key=_p50))


def _delegated(started: Sequence[StudyCase], now: StudyCase) -> StudyCase | None:
    """The fastest of the same version with a delegate, where `now` has none."""
    found = [case for case in started if _age(case) == _age(now) and case.delegate != now.delegate]
    return min(found, key=_p50) if found and now.delegate == "none" else None


def _named_link(name: str, found: Sequence[StudyCase]) -> Link:
    measured = [case for case in found if usable_runs(case)]
    if len(measured) > 1:
        settings = "; ".join(f"{case.model}, {setting_text(case)}" for case in measured[:4])
        raise UsageError(
            f"--step {name}: {len(measured)} cases on {measured[0].device} are meant: {settings}",
            f"say which: {', '.join(KEYS)} or options.NAME",
        )
    if measured:
        return Link(name, measured[0])
    return Link(name, None, "not measured on this board" if found else "no such case on this board")


def _groups(
    cases: Sequence[StudyCase], key: Callable[[StudyCase], Any]
) -> list[tuple[tuple[str, str, Any], list[StudyCase]]]:
    groups: dict[tuple[str, str, Any], list[StudyCase]] = {}
    for case in cases:
        groups.setdefault((case.device, case.device_kind, key(case)), []).append(case)
    return list(groups.items())


def _circumstances(case: StudyCase) -> tuple[Any, ...]:
    engine = TFLITE[0] if case.runtime in TFLITE else case.runtime
    return case.threads, engine, options_key(case.options), case.protocol


def _engine(case: StudyCase) -> tuple[str, str | None, str]:
    return case.runtime, case.runtime_version, case.delegate


def _age(case: StudyCase) -> tuple[int, tuple[int, ...]]:
    """The older, the smaller: by name where a runtime changed its name, by version as numbers."""
    rank = TFLITE.index(case.runtime) if case.runtime in TFLITE else 0
    return rank, tuple(int(part) for part in re.findall(r"\d+", case.runtime_version or ""))


def _p50(case: StudyCase) -> float:
    return median(run.median_ns or 0.0 for run in usable_runs(case))
