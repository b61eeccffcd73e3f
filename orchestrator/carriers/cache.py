"""Carriers that were fetched once: files named by their hash, and a small index entry for each question.

    files/<digest>            what is pushed; named by the SHA-256 of its bytes
    index/<question>.json     which file answered this question, and which version it is
    locks/<question>          flock while the file is made; the kernel frees it, whatever happens to its holder
    making/<question>/        scratch of the one who holds the lock; what a dead one left is cleared away

A file is believed only after its hash was checked, so a damaged or half-written one is made again.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.errors import DiskFull, DynofarmError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Kept:
    """A carrier in the cache: `digest` names it, `version` is the runtime's."""

    digest: str
    version: str
    size_bytes: int


Make = Callable[[Path], tuple[Path, str]]
"""Makes a carrier in the given empty folder; returns its file there and the runtime's version."""


class CarrierCache:
    """Safe for threads and processes at once."""

    def __init__(self, folder: Path, notify: Callable[[str], None]) -> None:
        self._folder = folder.expanduser().absolute()
        self._notify = notify

    def path(self, kept: Kept) -> Path:
        return self._folder / "files" / kept.digest

    def get(self, question: str, make: Make) -> Kept:
        """The answer to `question`, made by `make` unless it lies here whole. `DiskFull`, and what `make` raises."""
        name = hashlib.sha256(question.encode()).hexdigest()[:32]
        try:
            kept = self._look_up(name)
            if kept is None:
                with self._locked(name):
                    kept = self._look_up(name, on_damage=self._notify) or self._make(name, question, make)
        except OSError as error:
            raise self._explain(error) from error
        return kept

    def _look_up(self, name: str, on_damage: Callable[[str], None] | None = None) -> Kept | None:
        try:
            entry = json.loads((self._folder / "index" / f"{name}.json").read_text(encoding="utf-8"))
            kept = Kept(str(entry["digest"]), str(entry["version"]), int(entry["size_bytes"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        path = self.path(kept)
        if path.parent != self._folder / "files" or not path.is_file():
            return None
        if path.stat().st_size == kept.size_bytes and digest_of(path) == kept.digest:
            return kept
        if on_damage is not None:
            on_damage(f"the cached file {path.name[:12]}… is damaged and is fetched again")
        return None

    def _make(self, name: str, question: str, make: Make) -> Kept:
        scratch = self._folder / "making" / name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            made, version = make(scratch)
            kept = Kept(digest_of(made), version, made.stat().st_size)
            _settle(made, self.path(kept))
            entry = scratch / "entry.json"
            entry.write_text(json.dumps({"question": question, **asdict(kept)}, indent=1) + "\n", encoding="utf-8")
            _settle(entry, self._folder / "index" / f"{name}.json")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return kept

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        path = self._folder / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._notify("another fetch of the same runtime is under way; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _explain(self, error: OSError) -> DynofarmError:
        if error.errno in NO_ROOM:
            return DiskFull(
                f"no room left for runtimes in {self._folder}",
                f"free some room; what lies in {self._folder} can be deleted and is fetched again",
            )
        return DynofarmError(
            f"the cache of runtimes in {self._folder} cannot be used: {error.strerror or error}",
            "the folder must be writable, on a local disk",
        )


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settle(made: Path, place: Path) -> None:
    """Move a finished file to its place: there it is whole or not at all, after a power cut too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(place)
