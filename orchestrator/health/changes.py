"""What is different on a board since it moved, in words: the reason that stands behind a quarantine. Pure."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from orchestrator.records import Circumstances

THROTTLE_WORDS = {
    0: "under-voltage seen",
    1: "clock capped by the firmware",
    2: "throttled by the firmware",
    3: "soft temperature limit reached",
}
"""Bits of `vcgencmd get_throttled` (Raspberry Pi documentation); the same ones plus 16 say it of the past."""

CLOCK_CHANGE = 0.05
WARMER_C = 10.0
TAKEN_CHANGE = 0.05
SWAP_BYTES = 50 * 10**6
"""Chosen: what is smaller than these comes and goes on a board that is well."""


def changes(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> list[str]:
    """What the runs since differ in from the runs before, what tells most first; what the board cannot say is left
    out."""
    if not before or not since:
        return []
    found: list[str | None] = [
        _renamed("machine id", before, since, lambda one: one.facts.machine_id if one.facts else None),
        *_throttling(before, since),
        _clock(before, since),
        _renamed("governor", before, since, lambda one: one.after.governor),
        _warmer(before, since),
        _taken(
            "other processes take",
            before,
            since,
            lambda one: one.surroundings.others_cpu_s if one.surroundings else None,
        ),
        _taken("the host takes", before, since, lambda one: one.surroundings.steal_s if one.surroundings else None),
        _memory(before, since),
        _swap(before, since),
        _renamed("kernel", before, since, lambda one: one.facts.kernel if one.facts else None),
        _renamed("system", before, since, lambda one: one.facts.system if one.facts else None),
        _boot(before, since),
    ]
    return [text for text in found if text]


def _renamed(
    what: str,
    before: Sequence[Circumstances],
    since: Sequence[Circumstances],
    value: Callable[[Circumstances], str | None],
) -> str | None:
    then = [text for text in map(value, before) if text]
    now = [text for text in map(value, since) if text]
    if not then or not now or now[-1] in then:
        return None
    return f"{what} {then[-1]} → {now[-1]}"


def _throttling(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> list[str]:
    new = _bits(since) & ~_bits(before)
    return [words for bit, words in THROTTLE_WORDS.items() if new >> bit & 1]


def _bits(runs: Iterable[Circumstances]) -> int:
    """Now or in the past, as one."""
    bits = 0
    for run in runs:
        for said in (run.before.throttle_bits, run.after.throttle_bits):
            bits |= (said or 0) | (said or 0) >> 16
    return bits & 0xF


def _clock(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> str | None:
    then, now = (_middle(run.after.clock_khz for run in runs) for runs in (before, since))
    if not then or not now or abs(now / then - 1) < CLOCK_CHANGE:
        return None
    return f"clock {then / 1e6:.2f} GHz → {now / 1e6:.2f} GHz"


def _warmer(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> str | None:
    then, now = (
        _middle(max(run.after.temperatures_c.values(), default=None) for run in runs) for runs in (before, since)
    )
    if then is None or now is None or now - then < WARMER_C:
        return None
    return f"{now - then:.0f} °C warmer"


def _taken(
    who: str,
    before: Sequence[Circumstances],
    since: Sequence[Circumstances],
    seconds: Callable[[Circumstances], float | None],
) -> str | None:
    def share(run: Circumstances) -> float | None:
        taken = seconds(run)
        return taken / run.loop_wall_s if taken is not None and run.loop_wall_s else None

    then, now = (_middle(map(share, runs)) for runs in (before, since))
    if then is None or now is None or now - then < TAKEN_CHANGE:
        return None
    return f"{who} {now:.0%} of a processor".replace("%", " %")


def _memory(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> str | None:
    then, now = (_middle(run.before.memory_available_bytes for run in runs) for runs in (before, since))
    if not then or now is None or now > then / 2:
        return None
    return f"free memory {then / 1e9:.2g} GB → {now / 1e9:.2g} GB"


def _swap(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> str | None:
    then, now = (_middle(run.after.swap_used_bytes for run in runs) for runs in (before, since))
    return None if then is None or now is None or now - then < SWAP_BYTES else f"swap in use: {now / 1e6:.0f} MB"


def _boot(before: Sequence[Circumstances], since: Sequence[Circumstances]) -> str | None:
    then, now = ({run.before.boot_id for run in runs} - {None} for runs in (before, since))
    return "another boot" if then and now and not then & now else None


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
