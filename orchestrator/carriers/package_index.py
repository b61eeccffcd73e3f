"""Wheels for a foreign board, asked for through this environment's pip: it knows the user's index, proxy and keys."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestrator.carriers.cache import NO_ROOM
from orchestrator.carriers.stand_in import lay_stand_in
from orchestrator.errors import DiskFull, RuntimeOutOfReach, RuntimeUnavailable
from orchestrator.runtimes.targets import Target, dotted

ASK_TIMEOUT_S = 180.0
DOWNLOAD_TIMEOUT_S = 1800.0
"""50 MB over the 30 kB/s of a bad mobile link."""

KEPT_SETTINGS = {
    f"PIP_{name}"
    for name in (
        *("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "NO_INDEX", "CONFIG_FILE", "KEYRING_PROVIDER"),
        *("CERT", "CLIENT_CERT", "PROXY", "TRUSTED_HOST", "DEFAULT_TIMEOUT", "TIMEOUT", "RETRIES"),
    )
}
"""How to reach an index is the user's affair; every other PIP_ variable could turn the question into another one."""

_UNREACHABLE = re.compile(
    r"Retrying \(|NewConnectionError|ConnectionError|Max retries|ConnectTimeout|ReadTimeout|ProxyError|SSLError"
    r"|Temporary failure in name resolution|Could not fetch URL|Network is unreachable"
)
_NO_MATCH = re.compile(r"satisfies the requirement (\S+) \(from versions: ([^)]*)\)")


@dataclass(frozen=True)
class Wheel:
    """One file of an index, pinned by its SHA-256."""

    name: str
    version: str
    digest: str


class NoMatch(Exception):
    """The index answers, and has no wheel that the target can load; `versions` are those it has for the target."""

    def __init__(self, requirement: str, versions: list[str]) -> None:
        super().__init__(requirement)
        self.requirement = requirement
        self.versions = versions


class Unreachable(Exception):
    """No package index answers, or none is allowed."""


class PackageIndex:
    """Asks pip for `what`; everything that pip writes stays in `scratch`."""

    def __init__(self, scratch: Path, what: str = "the runtime") -> None:
        self._scratch = scratch
        self._what = what

    @property
    def forbidden(self) -> bool:
        """Has the user told pip to ask no index, only folders of wheels?"""
        return os.environ.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on")

    def resolve(self, requirements: Sequence[str], target: Target) -> list[Wheel]:
        """The wheels that fit the target, one a requirement. `NoMatch`, `Unreachable`, `RuntimeOutOfReach` where pip
        itself fails."""
        report = self._scratch / "report.json"
        options = ["--dry-run", "--ignore-installed", "--target", "nowhere", "--report", str(report)]
        self._pip("install", [*options, *_fit(target), "--", *requirements], ASK_TIMEOUT_S)
        items: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
        return [
            Wheel(
                item["metadata"]["name"],
                item["metadata"]["version"],
                item["download_info"]["archive_info"]["hash"].removeprefix("sha256="),
            )
            for item in items
        ]

    def download(self, wheels: Sequence[Wheel], target: Target) -> Path:
        """A folder that holds exactly these files; pip checks each against its hash while it comes in."""
        folder, pins = self._scratch / "wheels", self._scratch / "pins.txt"
        lines = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.digest}\n" for wheel in wheels]
        pins.write_text("".join(lines), encoding="utf-8")
        options = ["--require-hashes", "--dest", str(folder), "--requirement", str(pins)]
        self._pip("download", [*options, *_fit(target)], DOWNLOAD_TIMEOUT_S)
        return folder

    def download_pinned(self, pinned: Wheel, *, source: bool) -> Path:
        """One file that is the same for every machine; `source`: a source package, of which nothing is run."""
        folder, pins = self._scratch / "pinned", self._scratch / "pins.txt"
        pins.write_text(f"{pinned.name}=={pinned.version} --hash=sha256:{pinned.digest}\n", encoding="utf-8")
        options = ["--no-deps", "--quiet", "--progress-bar", "off", "--require-hashes", "--dest", str(folder)]
        sort = ["--no-binary=:all:", "--no-build-isolation"] if source else ["--only-binary=:all:"]
        surroundings = lay_stand_in(self._scratch) if source else {}
        self._pip("download", [*options, *sort, "--requirement", str(pins)], DOWNLOAD_TIMEOUT_S, surroundings)
        return next(folder.iterdir())

    def versions(self, package: str, target: Target) -> list[str]:
        """Every version with a wheel for the target, newest first; empty where the index does not say."""
        try:
            told = self._pip("index", ["versions", *_fit(target, quietly=False), "--", package], ASK_TIMEOUT_S)
        except (NoMatch, RuntimeUnavailable):
            return []
        line = re.search(r"Available versions: (.*)", told)
        return [version.strip() for version in line[1].split(",")] if line else []

    def _pip(
        self, verb: str, options: Sequence[str], timeout_s: float, surroundings: Mapping[str, str] | None = None
    ) -> str:
        if find_spec("pip") is None:
            raise RuntimeOutOfReach(
                f"this Python environment has no pip, and {self._what} is fetched with it",
                f"{sys.executable} -m ensurepip --upgrade",
            )
        general = ["--no-input", "--no-color", "--disable-pip-version-check", "--no-cache-dir"]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pip", *general, verb, *options],
                cwd=self._scratch,
                env={**_environment(self._scratch), **(surroundings or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unreachable(f"no answer within {timeout_s:.0f} s") from None
        if done.returncode != 0:
            raise _fault(done.stderr, self._what)
        return done.stdout


def _fit(target: Target, *, quietly: bool = True) -> list[str]:
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", dotted(target.python)]
    if quietly:
        options += ["--no-deps", "--quiet", "--progress-bar", "off"]
    return options + [word for tag in target.platform_tags() for word in ("--platform", tag)]


def _environment(scratch: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name in KEPT_SETTINGS}
    # A user's pip.conf may demand these two; both contradict a download for another machine.
    return {"PIP_RETRIES": "2", **kept, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "TMPDIR": str(scratch)}


def _fault(stderr: str, what: str) -> Exception:
    if any(os.strerror(number) in stderr for number in NO_ROOM):
        return DiskFull(f"no room left on this machine while {what} was fetched", "free some room and try again")
    no_match = _NO_MATCH.search(stderr)
    versions = [] if no_match is None or no_match[2] == "none" else no_match[2].split(", ")
    if _UNREACHABLE.search(stderr):  # one of several, maybe: what the others have is not all there is
        told = f"one does not answer; others have {', '.join(versions)}" if versions else "it does not answer"
        return Unreachable(told)
    if no_match is not None:
        return NoMatch(no_match[1], versions)
    if "no such option" in stderr:
        return RuntimeOutOfReach(
            "this Python environment's pip is too old to ask for another machine's wheels",
            f"{sys.executable} -m pip install --upgrade pip",
        )
    said = [line for line in stderr.splitlines() if line.startswith("ERROR:")] or stderr.splitlines()[-1:]
    reason = re.sub(r"//[^/\s@]+@", "//…@", said[0].removeprefix("ERROR:").strip()) if said else "no reason given"
    return RuntimeOutOfReach(f"pip cannot fetch {what}: {reason}", "the same pip must be able to install packages")
