"""The rules over the catalogue of runtimes: which version is meant, and why a board cannot run a case. Pure."""

import re

from agent.litert_versions import DEFAULT_VERSION, KNOWN_BUILDS
from agent.protocol import Facts
from orchestrator.errors import UnknownName, UsageError
from orchestrator.models import Model
from orchestrator.runtimes.catalogue import ANY, NO_WHEELS_FOR_NUMPY, RUNTIMES, Runtime
from orchestrator.runtimes.decided import handed_over, other_delegate, other_processor
from orchestrator.runtimes.targets import Target, dotted, parse_pair, target_of
from orchestrator.sweep import RuntimeChoice

__all__ = [
    "RUNTIMES",
    "board_objection",
    "check_choice",
    "find_runtime",
    "objection",
    "profile_objection",
    "requirements_for",
    "uses_own_copy",
    "usual_delegate",
    "version_for",
]


def find_runtime(name: str) -> Runtime:
    """The row by its name. `UnknownName` lists the known ones."""
    if name not in RUNTIMES:
        raise UnknownName(_unknown(name), "look at them with: dynofarm run --help")
    return RUNTIMES[name]


def usual_delegate(name: str, model: Model | None = None) -> str:
    """What a runtime hands its operators to when nobody says otherwise; `none` for one that is not known.

    With `model`: what its file says, where that was decided when the file was made.
    """
    row = RUNTIMES.get(name)
    if row is None:
        return "none"
    if row.delegate_in_file and model is not None and not handed_over(model):
        return "none"
    return row.delegates[0]


def profile_objection(name: str) -> str | None:
    """Why the operators of a runtime cannot be profiled; None when it tells what they take, or is not known."""
    row = RUNTIMES.get(name)
    if row is None or row.tells_operators:
        return None
    able = [one.name for one in RUNTIMES.values() if one.tells_operators and one.carrier != "none"]
    return f"operators are not profiled: {name} does not tell what they take; these do: {', '.join(able)}"


def check_choice(choice: RuntimeChoice) -> None:
    """Refuse early what no board could run. `UnknownName` for the runtime, `UsageError` for its version."""
    fault = _version_fault(find_runtime(choice.name), choice.version)
    if fault:
        raise UsageError(fault, "leave the version out to get the one that is recommended for each board")


def objection(choice: RuntimeChoice, delegate: str, threads: int, model: Model, facts: Facts) -> str | None:
    """Why this cannot run on that board, in one sentence; None when nothing is known against it."""
    if choice.name not in RUNTIMES:
        return _unknown(choice.name)
    row = RUNTIMES[choice.name]
    if model.format not in row.formats:
        return f"{row.name} runs {_either(row.formats)} files, and {model.name} is {model.format}"
    if delegate not in row.delegates:
        return f"{row.name} knows the delegate {_either(row.delegates)}, not {delegate}"
    return (
        other_delegate(row, delegate, model)
        or board_objection(choice, facts)
        or other_processor(model, facts)
        or _too_many_threads(threads, facts)
        or _too_large(model, facts)
    )


def board_objection(choice: RuntimeChoice, facts: Facts) -> str | None:
    """Why no build of this runtime runs on that board; None when one may, or when the board brings its own."""
    row = find_runtime(choice.name)
    fault = _version_fault(row, choice.version)
    if fault or row.carrier == "none":
        return fault
    if not facts.libstdcxx:
        return f"{row.name} needs libstdc++, which the board lacks (apt install libstdc++6)"
    if uses_own_copy(choice, facts):
        return None
    return _no_build(row, choice, facts) or _lacks_numpy(row, choice, facts)


def uses_own_copy(choice: RuntimeChoice, facts: Facts) -> str | None:
    """The version of the runtime that the board itself has, where dynofarm cannot bring one; else None."""
    row = find_runtime(choice.name)
    found = facts.modules.get(row.module) or facts.modules.get(row.package) if row.carrier == "bundle" else None
    if found is None or choice.version not in (None, found) or _no_build(row, choice, facts) is None:
        return None
    return found


def version_for(row: Runtime, choice: RuntimeChoice, target: Target) -> str | None:
    """The version that the user named, or the one recommended for the board."""
    if choice.version is not None:
        return choice.version
    if row.carrier == "library":
        return DEFAULT_VERSION
    return next((one.version for one in row.recommended if one.fits(target)), None)


def requirements_for(row: Runtime, version: str, target: Target) -> list[str]:
    """What goes into the bundle: the runtime, and numpy and psutil where wheels of them exist."""
    wanted = [f"{row.package}=={version}"]
    if row.wheel_python is not None:
        return wanted
    wanted += row.also
    if target.architecture not in NO_WHEELS_FOR_NUMPY:
        wanted += [_numpy_for(row, version), "psutil"]
    return wanted


def _unknown(name: str) -> str:
    return f"there is no runtime {name!r}; known: {', '.join(RUNTIMES)}"


def _version_fault(row: Runtime, version: str | None) -> str | None:
    if version is None:
        return None
    if row.carrier == "none":
        return f"{row.name} has no versions, and {version} was asked for"
    known = _callable_versions(row)
    if known and version not in known:
        return f"{row.name} {version} is not one that dynofarm can call; known: {', '.join(known)}"
    if not re.fullmatch(r"\d+(\.\d+){0,3}((a|b|rc|\.post|\.dev)\d+)?", version):
        return f"{version!r} is not a version of {row.name}: expected one such as 2.14.0"
    return None


def _callable_versions(row: Runtime) -> list[str]:
    """Those whose libraries the agent is bound to; empty for a runtime that is called through its Python package."""
    if row.carrier == "library":
        return sorted({build.version for build in KNOWN_BUILDS.values()})
    return sorted({one.version for one in row.recommended}) if row.wheel_python is not None else []


def _no_build(row: Runtime, choice: RuntimeChoice, facts: Facts) -> str | None:
    target = target_of(facts)
    oldest, newest = row.pythons
    if target.architecture not in row.architectures:
        kind = "" if target.architecture in ANY else f"{facts.bits}-bit "
        return f"{row.name} is built for {_either(row.architectures)}, and the board is {kind}{target.architecture}"
    if facts.libc and not target.glibc:
        return f"{row.name} is built for glibc, and the board has {facts.libc}"
    if target.glibc and row.glibc and target.glibc < row.glibc:
        return f"{row.name} needs glibc {dotted(row.glibc)} or newer, and the board has {dotted(target.glibc)}"
    if target.python < oldest or (newest and target.python > newest):
        span = f"{dotted(oldest)} to {dotted(newest)}" if newest else f"{dotted(oldest)} or newer"
        return f"{row.name} has wheels for Python {span}, and the board has {dotted(target.python)}"
    if version_for(row, choice, target) is None:
        return f"no build of {row.name} is known for {target}; the nearest is {_nearest(row, target)}"
    return None


def _nearest(row: Runtime, target: Target) -> str:
    """In words, from the table alone: for the same Python with a newer C library, or for the next Python."""
    here = [one for one in row.recommended if target.architecture in one.architectures]
    same_python = [one for one in here if one.pythons[0] <= target.python <= one.pythons[1]]
    if same_python:
        best = min(same_python, key=lambda one: one.glibc)
        return f"{best.version}, which needs glibc {dotted(best.glibc)} or newer"
    best = min(here, key=lambda one: min(abs(end[1] - target.python[1]) for end in one.pythons))
    return f"{best.version}, for Python {dotted(best.pythons[0])} to {dotted(best.pythons[1])}"


def _lacks_numpy(row: Runtime, choice: RuntimeChoice, facts: Facts) -> str | None:
    target = target_of(facts)
    if row.carrier != "bundle" or target.architecture not in NO_WHEELS_FOR_NUMPY:
        return None
    found = facts.modules.get("numpy")
    if found is None:
        return f"{row.name} on {target.architecture} needs the board's own numpy: apt install python3-numpy"
    if "<2" in _numpy_for(row, version_for(row, choice, target) or "0.0") and parse_pair(found) >= (2, 0):
        return f"{row.name} needs numpy older than 2, and the board's own is {found}"
    return None


def _numpy_for(row: Runtime, version: str) -> str:
    return next(spec for since, spec in row.numpy if parse_pair(version) >= since)


def _too_many_threads(threads: int, facts: Facts) -> str | None:
    usable = len(facts.usable_cpus) or facts.cores
    if threads <= usable:
        return None
    return f"{threads} threads on a board that has {usable} usable CPU{'s' if usable != 1 else ''}"


def _too_large(model: Model, facts: Facts) -> str | None:
    """Cautious: only when the file alone exceeds all memory that the board, or its control group, can ever have."""
    limits = [limit for limit in (facts.memory_bytes, facts.memory_limit_bytes) if limit is not None]
    if not limits or model.size_bytes <= min(limits):
        return None
    return f"{model.name} has {_mb(model.size_bytes)} MB, and the board has {_mb(min(limits))} MB of memory"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f}"


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(words)
