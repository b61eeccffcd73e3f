"""Rules about heat and power.

The Raspberry Pi firmware's bits (documentation of `vcgencmd get_throttled`): 0 to 3 hold now, 16 to 19 the same since
boot: under-voltage, clock capped, throttled, soft temperature limit.
"""

from collections.abc import Iterator

from orchestrator.doctor import remedies
from orchestrator.doctor.findings import Finding, Patient, Severity, list_text, span_text

_UNDER_VOLTAGE = 0
_BITS = {1: "its clock is capped", 2: "it is throttled", 3: "its soft temperature limit holds"}
_BEFORE = {1: "its clock was capped", 2: "it was throttled", 3: "its soft temperature limit held"}
_SINCE_BOOT = 16
_NEAR_C, _TOUCHING_C = 15.0, 3.0
"""Chosen: a model that uses all cores warms a board by about so much in a minute."""
_HOT_C, _TOO_HOT_C = 65.0, 80.0
"""For boards that do not tell where they slow down. 80 is where a Raspberry Pi 4 begins to (its documentation)."""
_MARGIN_C = 20
_SUPPLY = "a supply and a cable that hold 5.1 V under load (the board's own, 3 A for a Pi 4, 5 A for a Pi 5)"
_COOLING = "a heat sink or a fan, and air around it"


def under_voltage(patient: Patient) -> Iterator[Finding]:
    """A supply that gives way makes the firmware lower the clock."""
    bits = patient.conditions.throttle_bits or 0
    if bits >> _UNDER_VOLTAGE & 1:
        severity, sentence = Severity.SPOILS, "its supply gives too little voltage now"
    elif bits >> (_SINCE_BOOT + _UNDER_VOLTAGE) & 1:
        severity = Severity.MAY_SPOIL
        sentence = f"its supply has given too little voltage since it booted{_uptime(patient)}"
    else:
        return
    yield Finding(
        "under-voltage",
        severity,
        f"{sentence}: the firmware lowers the clock when that happens",
        on_board=(remedies.ASK_THROTTLING,),
        by_hand=f"give it {_SUPPLY}; take power-hungry USB devices off; the bits are cleared by a reboot",
    )


def throttled(patient: Patient) -> Iterator[Finding]:
    """The firmware slows the processors down."""
    bits = patient.conditions.throttle_bits or 0
    now = [words for bit, words in _BITS.items() if bits >> bit & 1]
    before = [words for bit, words in _BEFORE.items() if bits >> (bit + _SINCE_BOOT) & 1]
    if now:
        yield Finding(
            "throttled",
            Severity.SPOILS,
            f"the firmware slows it down now: {list_text(now)}",
            on_board=(remedies.ASK_THROTTLING,),
            by_hand=f"give it {_COOLING}, and {_SUPPLY}",
        )
    elif before:
        yield Finding(
            "throttled",
            Severity.MAY_SPOIL,
            f"the firmware has slowed it down since it booted{_uptime(patient)}: {list_text(before)}",
            on_board=(remedies.REBOOT,),
            by_hand=f"give it {_COOLING}, and {_SUPPLY}; the reboot clears the bits, so that new ones tell something",
        )


def hot(patient: Patient) -> Iterator[Finding]:
    """A warm board has little room before it is slowed down."""
    readings, trips = patient.conditions.temperatures_c, patient.examined.clocks.trips_c
    rooms = {name: trips[name] - reading for name, reading in readings.items() if name in trips}
    if rooms:
        name = min(rooms, key=lambda one: rooms[one])
        near, touching = rooms[name] <= _NEAR_C, rooms[name] <= _TOUCHING_C
        limit = trips[name]
    elif patient.hottest_c is not None:
        name = max(readings, key=lambda one: readings[one])
        near, touching = readings[name] >= _HOT_C, readings[name] >= _TOO_HOT_C
        limit = _TOO_HOT_C
    else:
        return
    if near:
        told = "the kernel slows it down" if rooms else "most boards slow down"
        yield Finding(
            "hot",
            Severity.SPOILS if touching else Severity.MAY_SPOIL,
            f"{name} is at {readings[name]:.0f} °C while it idles, and {told} from {limit:.0f} °C on",
            here=(remedies.WAIT_UNTIL_COOL.format(board=patient.name, start_c=f"{limit - _MARGIN_C:.0f}"),),
            by_hand=f"give it {_COOLING}",
        )


def battery(patient: Patient) -> Iterator[Finding]:
    """On battery, firmware and desktop save power."""
    if patient.examined.standing.on_battery:
        yield Finding(
            "battery",
            Severity.SPOILS,
            "it runs on its battery: firmware and kernel save power, and the more the emptier it is",
            by_hand="plug it in",
        )


def _uptime(patient: Patient) -> str:
    uptime_s = patient.conditions.uptime_s
    return f", {span_text(uptime_s)} ago" if uptime_s is not None else ""


RULES = {"under-voltage": under_voltage, "throttled": throttled, "hot": hot, "battery": battery}
