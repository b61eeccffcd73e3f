"""The sentence for a runtime that a board cannot have: what is missing, and the nearest that exists."""

from dataclasses import replace

from packaging.requirements import Requirement
from packaging.version import Version

from orchestrator.carriers.package_index import NoMatch, PackageIndex, Unreachable
from orchestrator.errors import RuntimeOutOfReach, RuntimeUnavailable
from orchestrator.runtimes.targets import Pair, Target

PYTHONS: tuple[Pair, ...] = tuple((3, minor) for minor in range(8, 15))
PYTHONS_ASKED = 3
"""Each costs a question to the index, about a second."""

NEWER_GLIBC: Pair = (2, 41)


def no_wheel(fault: NoMatch, index: PackageIndex, target: Target) -> RuntimeUnavailable:
    """The error to raise. Asks the index at most `PYTHONS_ASKED` + 1 further questions, none where it told already."""
    wanted = Requirement(fault.requirement)
    exact = next((Version(one.version) for one in wanted.specifier if one.operator == "=="), None)
    missing = f"there is no wheel of {wanted.name}{f' {exact}' if exact else str(wanted.specifier)} for {target}"
    if fault.versions:
        nearest = _nearest(exact, fault.versions)
        return RuntimeUnavailable(
            f"{missing}; the nearest there is: {nearest}", f"ask for {wanted.name} {nearest}, or leave the version out"
        )
    for other in _neighbours(target):
        try:
            versions = index.versions(wanted.name, other)
        except Unreachable:
            break
        if versions:
            nearest = _nearest(exact, versions)
            return RuntimeUnavailable(
                f"{missing}; the nearest there is: {nearest} for {other}", "choose another runtime"
            )
    if index.forbidden:
        return offline(f"{wanted.name} for {target}", "PIP_NO_INDEX forbids it")
    return RuntimeUnavailable(f"{missing}, nor for its neighbours", "choose another runtime for this board")


def offline(what: str, reason: str) -> RuntimeOutOfReach:
    """The error for what was never fetched, and cannot be now."""
    return RuntimeOutOfReach(
        f"{what} is not in the cache, and no package index can be reached ({reason})",
        "connect this machine once, or name a folder of wheels: PIP_FIND_LINKS=/path/to/wheels",
    )


def _neighbours(target: Target) -> list[Target]:
    """The same board with a newer C library, then with other Pythons, the nearest first."""
    pythons = sorted(
        (python for python in PYTHONS if python != target.python),
        key=lambda python: abs(python[1] - target.python[1]),
    )
    return [replace(target, glibc=NEWER_GLIBC), *(replace(target, python=one) for one in pythons[:PYTHONS_ASKED])]


def _nearest(wanted: Version | None, versions: list[str]) -> str:
    """The newest that is not newer than `wanted`, or else the oldest there is."""
    ordered = sorted(versions, key=Version)
    older = [version for version in ordered if wanted is None or Version(version) <= wanted]
    return older[-1] if older else ordered[0]
