"""The keys of a device profile and what may stand behind them. Imported late, because pydantic is."""

import re
from typing import Annotated, Any

from pydantic import Field

from orchestrator.affinity import BIG, LITTLE
from orchestrator.errors import UsageError
from orchestrator.idle import MARGIN_C
from orchestrator.profiles.addresses import (
    check_host,
    check_jump,
    check_key_file,
    check_power,
    check_python,
    check_relay_address,
    check_user,
    check_work_dir,
)
from orchestrator.profiles.reading import AUTO, OFF
from orchestrator.quantities import parse_bytes, parse_duration_s
from orchestrator.runtimes.catalogue import RUNTIMES
from orchestrator.yaml.schema import Section, key, one_of, one_or_many, parsed

_WORD = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
_GOVERNOR = r"^[a-z][a-z0-9_]{0,14}$"
"""The kernel keeps fifteen characters of a governor's name (CPUFREQ_NAME_LEN)."""


def parse_cpus(value: Any) -> Any:
    """`[0, 1]`, `2`, `0-3` or `0-3,6` as a sorted list of CPU numbers, `big` and `little` as they are; `UsageError`."""
    if isinstance(value, str) and value in (BIG, LITTLE):
        return value
    parts = [part for item in one_or_many(value) for part in _parts(item)]
    numbers: set[int] = set()
    for part in parts:
        span = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part, re.ASCII)
        if not span or int(span[1]) > int(span[2] or span[1]):
            raise UsageError("not numbers and ranges")
        if int(span[2] or span[1]) > 1023:
            raise UsageError("CPU numbers end at 1023")
        numbers.update(range(int(span[1]), int(span[2] or span[1]) + 1))
    if not numbers:
        raise UsageError("no CPU in it")
    return sorted(numbers)


def _parts(item: Any) -> list[str]:
    if isinstance(item, bool) or not isinstance(item, (int, str)):
        raise UsageError("not numbers and ranges")
    return str(item).split(",")


def parse_start_c(value: Any) -> Any:
    """A temperature as a float, `auto` and `off` as they are; `UsageError` for anything else."""
    if isinstance(value, str) and value in (AUTO, OFF):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        number = isinstance(value, str) and value.strip().replace(".", "", 1).isdigit()
        raise UsageError("a number stands without quotes" if number else "")
    if not 0 <= value <= 120:
        raise UsageError("")
    return float(value)


class Thermal(Section):
    """When a board is cool enough to begin."""

    start_c: Annotated[float | str, parsed(parse_start_c)] = key(
        "degrees Celsius from 0 to 120, auto or off",
        "Begin a job only at or below this temperature; `auto`: once the board is back to its own idle temperature, "
        f"learnt at earlier visits, and at most {MARGIN_C:g} °C above it. A board without a sensor never waits.",
        AUTO,
        shown=AUTO,
    )
    limit_s: Annotated[float, parsed(parse_duration_s)] = key(
        "a duration from 0 to 24h, such as 600 or 10m",
        "Wait at most this long for it, then measure all the same (the wait is recorded).",
        600.0,
        shown="10m",
        ge=0,
        le=86400,
    )


class Profile(Section):
    """One file of `device_profiles/`. The file's name without `.yaml` is the device's name."""

    transport: Annotated[str, one_of("ssh", "local")] = key(
        "ssh or local", "How the board is reached; `local` is this machine.", "ssh", shown="ssh"
    )
    kind: Annotated[str, one_of("real", "loopback", "emulated")] = key(
        "real, loopback or emulated",
        "What the board is; figures of different kinds are never compared.",
        "real",
        shown="real",
    )
    host: Annotated[str | None, parsed(check_host)] = key(
        "a host name, an address, or a Host of your ssh_config",
        "Where the board is. Must be there, except for `transport: local`.",
        shown="none",
    )
    user: Annotated[str | None, parsed(check_user)] = key(
        "a login name", "Who logs in.", shown="ssh_config, else your own name"
    )
    port: int | None = key(
        "a whole number from 1 to 65535", "The port of the SSH server.", shown="ssh_config, else 22", ge=1, le=65535
    )
    key_file: Annotated[str | None, parsed(check_key_file)] = key(
        "the path of a private key file",
        "Which key to log in with. Only the path; a passphrase belongs in ssh-agent.",
        shown="ssh-agent, ssh_config, ~/.ssh/id_*",
    )
    jump: Annotated[str | None, parsed(check_jump)] = key(
        "user@host:port (user and port may be left out)", "A host to go through.", shown="ssh_config, else none"
    )
    python: Annotated[str, parsed(check_python)] = key(
        "the name of a program, or its path from / or from the login folder",
        "Python 3.8 or newer on the board.",
        "python3",
        shown="python3",
    )
    work_dir: Annotated[str, parsed(check_work_dir)] = key(
        "a path from / or from ~/, such as ~/.cache/dynofarm",
        "Where agent, models and results in waiting lie on the board.",
        "~/.cache/dynofarm",
        shown="~/.cache/dynofarm",
    )
    tags: Annotated[list[Annotated[str, Field(pattern=_WORD)]], parsed(one_or_many)] = key(
        "a list of words (letters, digits, . _ -)", "To pick boards with `--on tag:…`.", [], shown="none"
    )
    group: str | None = key(
        "one word (letters, digits, . _ -)",
        "Boards of one group are one physical machine: one job at a time among them.",
        shown="none; `this-machine` for local and loopback boards",
        pattern=_WORD,
    )
    board_model: str | None = key(
        "one word (letters, digits, . _ -)",
        "What board this is a copy of; `dynofarm spread` compares boards with the same word.",
        shown="what the board says it is",
        pattern=_WORD,
    )
    site: str | None = key(
        "one word (letters, digits, . _ -)",
        "Where it stands: boards of one site share an uplink, whose limit stands in farm.yaml.",
        shown="none",
        pattern=_WORD,
    )
    relay: bool = key(
        "true or false",
        "Files for the boards of its site are sent to this one, once, and the others fetch them from it over SSH.",
        False,
        shown="false",
    )
    relay_address: Annotated[str | None, parsed(check_relay_address)] = key(
        "host:port (the port may be left out), as the boards of the site reach it",
        "Where the others fetch from this relay, if that is not its `host`.",
        shown="`host` and `port`",
    )
    runtimes: Annotated[list[Annotated[str, one_of(*RUNTIMES)]], parsed(one_or_many)] = key(
        f"a list of {', '.join(RUNTIMES)}", "Only these may run here.", [], shown="all that fit the board"
    )
    thermal: Thermal = key("a mapping with start_c and limit_s", "", Thermal())
    cpus: Annotated[list[int] | str | None, parsed(parse_cpus)] = key(
        "a list of CPU numbers, or ranges such as 0-3,6, from 0 to 1023; or big or little",
        "Pin the worker to these CPUs; `big` and `little` are those that the board's kernel ranks highest and lowest.",
        shown="all",
    )
    governor: str | None = key(
        "the name of a cpufreq governor, such as performance",
        "Set it while dynofarm is on the board, which needs root or sudo without a password; put back afterwards.",
        shown="as it is",
        pattern=_GOVERNOR,
    )
    clock_khz: int | None = key(
        "a whole number from 1000 to 10000000 (kHz), such as 1500000",
        "Hold the clock of all processors at this; set and put back as the governor is.",
        shown="as it is",
        ge=1000,
        le=10**7,
    )
    power: Annotated[list[str] | None, parsed(check_power)] = key(
        "a list of words, such as [pdu, --outlet, '7', cycle]; the first is a program, or its path from / or ~/",
        "The command that switches the board off and on, run on this machine without a shell, and only when asked for "
        "(`--power-cycle`, `dynofarm device power-cycle`); `{device}` and `{host}` in a word stand for this board's.",
        shown="none",
    )
    push_while_measuring: bool = key(
        "true or false",
        "Send the next job's model while this one measures. It saves time and disturbs the measurement: runs that it "
        "may have disturbed are suspect.",
        False,
        shown="false",
    )
    storage_limit: Annotated[int, parsed(parse_bytes)] = key(
        "a size from 1 MB to 100 TB, such as 2 GB",
        "What models and runtimes may take on the board; the least recently used go first.",
        2 * 10**9,
        shown="2 GB",
        ge=10**6,
        le=10**14,
    )
    connect_timeout_s: float = key(
        "seconds, more than 0 and at most 600",
        "How long to wait for the board to answer.",
        10.0,
        shown="10",
        gt=0,
        le=600,
    )
    notes: str = key("text", "For people.", "", shown="none")
