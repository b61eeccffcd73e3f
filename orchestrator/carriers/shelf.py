"""The shelf: asked for a runtime and a board, it hands out the file to push and how the board is to use it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from agent.litert_versions import KNOWN_BUILDS, Build
from agent.protocol import Facts, RuntimeOnBoard
from orchestrator.carriers.cache import CarrierCache, Kept, digest_of
from orchestrator.carriers.nearest import no_wheel, offline
from orchestrator.carriers.package_index import NoMatch, PackageIndex, Unreachable, Wheel
from orchestrator.carriers.wheels import BadWheel, pack, read_member
from orchestrator.errors import RuntimeOutOfReach, RuntimeUnavailable
from orchestrator.runtimes import board_objection, find_runtime, requirements_for, uses_own_copy, version_for
from orchestrator.runtimes.catalogue import Runtime
from orchestrator.runtimes.targets import Pair, Target, target_of
from orchestrator.sweep import RuntimeChoice

LAYOUT = 1
"""Counts up when bundles are packed in another way, so that those of older versions are not used."""

LIBRARY = "ai_edge_litert/libLiteRt.so"
LIBRARY_PYTHONS: tuple[Pair, ...] = ((3, 11), (3, 12), (3, 13), (3, 10), (3, 14))
"""The library is the same file in each of these wheels; an index that mirrors only some of them will do."""


@dataclass(frozen=True)
class Carrier:
    """What the board is told of the runtime, and the file to push; no path where nothing travels."""

    runtime: RuntimeOnBoard
    path: Path | None


class CarrierShelf:
    """Carriers by runtime and board, kept in `cache_dir`. `notify` hears, in sentences, what takes time."""

    def __init__(self, cache_dir: Path, notify: Callable[[str], None] | None = None) -> None:
        self._notify = notify or (lambda _text: None)
        self._cache = CarrierCache(cache_dir, self._notify)

    def fetch(self, choice: RuntimeChoice, facts: Facts) -> Carrier:
        """The carrier of a runtime for a board, from the cache or from the package index.

        Raises `RuntimeUnavailable` where there is no build for the board, `RuntimeOutOfReach` where none can be had
        now, `UnknownName`, `DiskFull`, and `DynofarmError` where the cache cannot be used.
        """
        row = find_runtime(choice.name)
        reason = board_objection(choice, facts)
        if reason is not None:
            raise RuntimeUnavailable(reason, "choose another runtime or version for this board")
        if row.carrier == "none":
            return Carrier(RuntimeOnBoard(row.name, None, "none"), None)
        own = uses_own_copy(choice, facts)
        if own is not None:
            return Carrier(RuntimeOnBoard(row.name, own, "system"), None)
        target = target_of(facts)
        version = version_for(row, choice, target)
        assert version is not None  # noqa: S101 - board_objection has refused boards without one
        kept = self._library(row, version, target) if row.carrier == "library" else self._bundle(row, version, target)
        return Carrier(RuntimeOnBoard(row.name, kept.version, row.carrier, kept.digest), self._cache.path(kept))

    def _library(self, row: Runtime, version: str, target: Target) -> Kept:
        wanted = Build(version, target.architecture)
        digest = next((digest for digest, build in KNOWN_BUILDS.items() if build == wanted), "unknown")

        def make(scratch: Path) -> tuple[Path, str]:
            self._notify(f"fetching {row.name} {version} for {target.architecture}")
            return self._take_library(row, version, target, scratch), version

        return self._cache.get(f"{LAYOUT} {row.name} {version} {target.architecture} {digest}", make)

    def _take_library(self, row: Runtime, version: str, target: Target, scratch: Path) -> Path:
        index = PackageIndex(scratch)
        wanted, what = f"{row.package}=={version}", f"{row.name} {version} for {target.architecture}"
        for python in LIBRARY_PYTHONS:
            like = replace(target, python=python, glibc=row.glibc)
            try:
                folder = index.download(index.resolve([wanted], like), like)
                break
            except NoMatch:
                continue
            except Unreachable as error:
                raise offline(what, str(error)) from None
        else:
            if index.forbidden:
                raise offline(what, "PIP_NO_INDEX forbids it")
            raise RuntimeUnavailable(
                f"the package index has no wheel of {row.package} {version} for {target.architecture}",
                "use an index that mirrors it",
            )
        try:
            data = read_member(next(folder.iterdir()), LIBRARY)
        except BadWheel as error:
            raise RuntimeUnavailable(f"{row.name} {version}: {error}") from None
        library = scratch / "library"
        library.write_bytes(data)
        if KNOWN_BUILDS.get(digest_of(library)) != Build(version, target.architecture):
            raise RuntimeUnavailable(
                f"the libLiteRt.so that came as {version} for {target.architecture} is not the one that dynofarm knows",
                "the index serves another file under this version; use one that mirrors the original",
            )
        return library

    def _bundle(self, row: Runtime, version: str, target: Target) -> Kept:
        requirements = requirements_for(row, version, target)

        def make(scratch: Path) -> tuple[Path, str]:
            return self._pack_bundle(row, requirements, target, scratch)

        # A version of dynofarm that leaves out other parts asks another question.
        parts = " ".join([*requirements, *(f"-{one}" for one in row.drop), *(f"+{one}" for one in row.keep)])
        return self._cache.get(f"{LAYOUT} {row.name} {parts} | {target}", make)

    def _pack_bundle(self, row: Runtime, requirements: list[str], target: Target, scratch: Path) -> tuple[Path, str]:
        index = PackageIndex(scratch)
        what = f"{requirements[0].replace('==', ' ')} for {target}"
        self._notify(f"fetching {what}")
        like = target if row.wheel_python is None else replace(target, python=row.wheel_python)
        try:
            wheels = index.resolve(requirements, like)
            folder = index.download(wheels, like)
        except NoMatch as fault:
            raise no_wheel(fault, index, like) from None
        except Unreachable as error:
            raise offline(what, str(error)) from None
        files = sorted(folder.iterdir())
        if sorted(digest_of(file) for file in files) != sorted(wheel.digest for wheel in wheels):
            raise RuntimeOutOfReach(
                f"what was downloaded as {what} is not what the package index announced", "try again"
            )
        self._notify(f"packing {what}")
        bundle = scratch / "bundle.zip"
        try:
            pack(files, row.drop, _about(row, wheels, target), bundle, row.keep)
        except BadWheel as error:
            raise RuntimeUnavailable(f"{what}: {error}", "another version may be sound") from None
        return bundle, next(wheel.version for wheel in wheels if canonicalize_name(wheel.name) == row.package)


def _about(row: Runtime, wheels: list[Wheel], target: Target) -> dict[str, object]:
    # Not the whole target: boards that get the same wheels get the same bundle.
    pinned = sorted((asdict(wheel) for wheel in wheels), key=lambda wheel: str(wheel["name"]))
    return {"runtime": row.name, "architecture": target.architecture, "wheels": pinned}
