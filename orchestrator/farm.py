"""The farm: the folder with `device_profiles/`, `sweeps/`, the database and the boards' host keys."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.farm_file import FarmSettings, load_settings
from orchestrator.files import create_file
from orchestrator.yaml.document import shown_path

PROFILES = "device_profiles"
_HINT = "make one here with: dynofarm init"


@dataclass(frozen=True)
class Farm:
    """Where everything lies. `cache` holds what can be fetched or made again."""

    root: Path
    profiles: Path
    sweeps: Path
    database: Path
    known_hosts: Path
    cache: Path

    @cached_property
    def settings(self) -> FarmSettings:
        """What `farm.yaml` says, read when it is first asked for. `ConfigError`."""
        return load_settings(self.root)


def find_farm(start: Path, database: str | None = None) -> Farm:
    """The farm of a folder: the nearest folder from `start` upwards that has `device_profiles/`.

    The database is `database` (from --db), else DYNOFARM_DB, else `results.db` of the farm; a relative one counts from
    `start`. `UsageError` where there is no farm, or where one above belongs to somebody else.
    """
    here = Path(os.path.abspath(start))  # noqa: PTH100 - symbolic links stay as the user named them
    if not here.is_dir():
        raise UsageError(f"{shown_path(start)}: there is no such folder", "name a folder that exists")
    for root in (here, *here.parents):
        if (root / PROFILES).is_dir():
            if root != here:
                _check_owner(root)
            return _farm(root, here, database or os.environ.get("DYNOFARM_DB") or None)
    raise UsageError(f"there is no farm in {here} nor in any folder above it (none has {PROFILES}/)", _HINT)


def init_farm(folder: Path) -> list[Path]:
    """Make what a farm needs and lacks; give what was made. Nothing that exists is touched."""
    farm = _farm(Path(os.path.abspath(folder)), Path.cwd(), None)  # noqa: PTH100
    made: list[Path] = []
    for needed in (farm.root, farm.profiles, farm.sweeps):
        _make_folder(needed, made)
    # A farm that has profiles or sweeps has outgrown the examples: what the user removed does not come back.
    had_profiles = any(path.suffix in (".yaml", ".yml") for path in farm.profiles.iterdir())
    had_sweeps = any(path.suffix in (".yaml", ".yml") for path in farm.sweeps.iterdir())
    _make_file(farm.profiles / "README.md", _readme, made)
    if not had_profiles:
        _make_file(farm.profiles / "local.yaml", _local_profile, made)
    if not had_sweeps:
        _make_file(farm.sweeps / "example.yaml", lambda: EXAMPLE_SWEEP, made)
    return made


def _farm(root: Path, start: Path, database: str | None) -> Farm:
    return Farm(
        root=root,
        profiles=root / PROFILES,
        sweeps=root / "sweeps",
        database=start / Path(database).expanduser() if database else root / "results.db",
        known_hosts=root / "known_hosts",
        cache=_cache_folder(),
    )


def _cache_folder() -> Path:
    """One for all farms of a user: what lies there is named by its content. Beside it lies, when this machine is a
    board too, the work folder of its agent."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dynofarm" / "orchestrator"


def _check_owner(root: Path) -> None:
    """A profile names programs to start: one found by walking upwards must not come from a stranger."""
    owner = root.stat().st_uid
    if owner not in (os.geteuid(), 0):
        raise UsageError(
            f"the farm found in {root} belongs to another user (id {owner})", f"name it to use it: dynofarm -C {root} …"
        )


def _make_folder(path: Path, made: list[Path]) -> None:
    if path.is_dir():
        return
    if path.exists() or path.is_symlink():
        raise UsageError(f"{shown_path(path)}: found something that is not a folder", "move it away, then try again")
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"{shown_path(path)}: cannot be made: {error.strerror}", "choose a folder you may write"
        ) from None
    made.append(path)


def _make_file(path: Path, text: Callable[[], str], made: list[Path]) -> None:
    if not path.exists() and not path.is_symlink():
        create_file(path, text())
        made.append(path)


def _readme() -> str:
    from orchestrator.profiles.text import profiles_readme

    return profiles_readme()


def _local_profile() -> str:
    from orchestrator.devices import Device, Link
    from orchestrator.profiles.text import profile_text

    return profile_text(Device("local", link=Link.LOCAL))


EXAMPLE_SWEEP = """\
# A sweep: every model with every runtime, every number of threads … on every board below. Run it with
#   dynofarm run sweeps/example.yaml            (--dry-run shows the plan first)
# What is commented out shows the default, or an example.

# Models that were added with `dynofarm model add FILE`: names or patterns.
models: ["*"]

# Boards: names, patterns, tag:…, arch:…, kind:… or all.
on: [all]

# Runtimes; a version behind @ is an axis too: [litert, tflite-runtime@2.14.0].
runtimes: [litert]
threads: [1, 2]
# delegates: [xnnpack, none]

# quick, standard or mlperf-like; or a mapping: {base: standard, max_s: 30s}.
protocol: quick
# Every case is measured in this many fresh processes, in an order shuffled with the seed.
repeats: 3
# seed: 1
# deadline: 10m
# A small built-in model runs around every repeat, to see whether a board has moved; false leaves it out.
# reference: true
# Each case once more with the board's power read, where the board has a sensor for it.
# energy: true
# Each case once more, to see what its operators take, where the runtime tells: dynofarm results --role profile
# profile: ops
# Each case once more on the examples of a data set (dynofarm data list): dynofarm answers, dynofarm table
# task: {data: tweets, split: test, scope: [model, end_to_end], examples: 300}
# The model that the others are compared with, and what the results are to show: dynofarm claims
# teacher: bert-base-fp32
# claims: [items_per_s >= 1 on every device]

# Cases to leave out:
# exclude:
#   - {runtime: onnxruntime, threads: 4}
#   - {device: kitchen, model: "bert-*"}
# notes: why this sweep was run
"""
