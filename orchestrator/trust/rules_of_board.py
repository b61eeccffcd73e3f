"""What the board's own sensors tell of a run: supply, heat, clock, governor. Pure.

The Raspberry Pi firmware's bits: documentation of `vcgencmd get_throttled`. Bits 0 to 3 hold now, bits 16 to 19 held at
some time since the board was started.
"""

from orchestrator.devices import Kind
from orchestrator.trust.evidence import Evidence
from orchestrator.trust.verdicts import Reason

UNDER_VOLTAGE = 1 << 0
HELD_DOWN = {1 << 1: "frequency capped", 1 << 2: "throttled", 1 << 3: "soft temperature limit"}
SINCE_START = 16

SLOW_CLOCK = 0.75
"""Below this share of the nominal clock a reading is slow (docs/measurement.md)."""

SLOW_READINGS = 0.1
"""Chosen: a governor may dip for one reading in ten at 10 Hz and cost nothing that a median shows."""

MOST_RISE_C = 10.0
"""Chosen: twice the margin that people give a thermal gate. A board that warms by so much within one loop ends it in
another state than it began in."""


def under_voltage(evidence: Evidence) -> Reason | None:
    """The firmware's bit, or the alarm that the kernel's monitor of the supply raised."""
    now, since, _ = _bits(evidence)
    alarmed = any(reading > 0 for reading in evidence.readings("under_voltage"))
    return Reason("under_voltage") if (now | since) & UNDER_VOLTAGE or alarmed else None


def throttled(evidence: Evidence) -> Reason | None:
    now, since, _ = _bits(evidence)
    held = [name for bit, name in HELD_DOWN.items() if (now | since) & bit]
    counts = evidence.readings("throttle_count")
    if counts and max(counts) > min(counts):  # an event since boot is none of this loop
        held.append("the processor counted thermal events")
    if any(reading > 0 for reading in evidence.readings("cooling_state")):
        held.append("the kernel cooled it by a slower clock")
    return Reason("throttled", {"how": ", ".join(held)}) if held else None


def weak_supply(evidence: Evidence) -> Reason | None:
    """Under-voltage at some time before this run: the supply is known to be too weak."""
    now, since, before = _bits(evidence)
    return Reason("weak_supply") if before & ~(now | since) & UNDER_VOLTAGE else None


def slow_clock(evidence: Evidence) -> Reason | None:
    facts = evidence.run.facts
    # A board that holds the clock that its profile asks for was promised no more than that.
    nominal_khz = evidence.run.held_clock_khz or (facts.nominal_clock_khz if facts is not None else None)
    clocks_khz = evidence.readings("clock_khz")
    if not nominal_khz or not clocks_khz:
        return None
    slow = [khz for khz in clocks_khz if khz < SLOW_CLOCK * nominal_khz]
    share = len(slow) / len(clocks_khz)
    if not slow or share < SLOW_READINGS:
        return None
    mhz = {"least_mhz": round(min(slow) / 1e3), "nominal_mhz": round(nominal_khz / 1e3)}
    return Reason("slow_clock", {**mhz, "percent": round(100 * share)})


def warmed_up(evidence: Evidence) -> Reason | None:
    """The greatest rise from any reading to any later one: a board that cools first may still warm."""
    coolest_c: float | None = None
    rise_c, to_c = 0.0, 0.0
    for temp_c in evidence.readings("temp_c"):
        coolest_c = temp_c if coolest_c is None else min(coolest_c, temp_c)
        if temp_c - coolest_c > rise_c:
            rise_c, to_c = temp_c - coolest_c, temp_c
    if rise_c <= MOST_RISE_C:
        return None
    return Reason("warmed_up", {"rise_c": round(rise_c, 1), "to_c": round(to_c, 1)})


def governor(evidence: Evidence) -> Reason | None:
    found = evidence.result.conditions_before.governor
    if found is None or set(found.split("+")) == {"performance"}:
        return None
    return Reason("governor", {"governor": found})


def thermal_gate_gave_up(evidence: Evidence) -> Reason | None:
    if evidence.result.details.get("thermal_gate") != "gave up":
        return None
    return Reason("thermal_gate_gave_up", {"wait_s": round(evidence.result.thermal_wait_s)})


def on_battery(evidence: Evidence) -> Reason | None:
    result = evidence.result
    return Reason("on_battery") if result.conditions_before.on_battery or result.conditions_after.on_battery else None


def emulated(evidence: Evidence) -> Reason | None:
    facts = evidence.run.facts
    by = facts.emulated if facts is not None else None
    if by is None and evidence.run.device_kind != Kind.EMULATED:
        return None
    return Reason("emulated", {"by": by or "an emulator"})


def no_sensor(evidence: Evidence) -> Reason | None:
    """What nobody can judge by, because the board does not tell."""
    result, facts = evidence.result, evidence.run.facts
    channels, before = result.samples.channels, result.conditions_before
    missing = []
    if "temp_c" not in channels and not before.temperatures_c:
        missing.append("temperature")
    if "clock_khz" not in channels and before.clock_khz is None:
        missing.append("clock")
    is_pi = facts is not None and (facts.board or "").startswith("Raspberry Pi")
    if is_pi and before.throttle_bits is None and "throttle_bits" not in channels:
        missing.append("throttle bits")
    if evidence.surroundings.others_cpu_s is None and "others_cpu_percent" not in channels:
        missing.append("other processes")
    return Reason("no_sensor", {"missing": ", ".join(missing)}) if missing else None


def _bits(evidence: Evidence) -> tuple[int, int, int]:
    """The firmware's bits, all shifted down to 0…3: what held in the loop, what began to hold at some time between the
    two looks at the conditions, and what had held before."""
    before = evidence.result.conditions_before.throttle_bits
    after = evidence.result.conditions_after.throttle_bits
    now = 0
    for reading in evidence.readings("throttle_bits"):
        now |= int(reading)
    if after is not None:
        now |= after  # read right after the loop
    since = 0 if before is None or after is None else (after & ~before) >> SINCE_START
    return now & 0xF, since & 0xF, (before or 0) >> SINCE_START & 0xF


RULES = (
    under_voltage,
    throttled,
    slow_clock,
    warmed_up,
    thermal_gate_gave_up,
    emulated,
    weak_supply,
    on_battery,
    governor,
    no_sensor,
)
