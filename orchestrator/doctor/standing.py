"""Rules about what the board is set up as: its clock, its firmware, what it runs in."""

from collections.abc import Iterator
from datetime import UTC, date

from orchestrator.doctor import remedies
from orchestrator.doctor.findings import Finding, Patient, Severity, span_text

_AHEAD_S = 2.0
"""Far above what the way to a board takes, which is part of the difference."""
_OLD_DAYS, _OLD_PC_DAYS = 2 * 365, 5 * 365
"""Chosen: a Raspberry Pi gets a stable boot loader several times a year, a PC's maker cares for a few years."""


def clock_wrong(patient: Patient) -> Iterator[Finding]:
    """Dates of what the board tells are wrong, and a clock that is set in a run jumps."""
    standing = patient.examined.standing
    ahead_s = patient.ahead_s
    commands = [remedies.SET_TIME] if patient.has("timedatectl") else []
    if standing.time_service == "chronyd" and patient.has("chronyc"):
        commands = [remedies.STEP_TIME]
    if abs(ahead_s) > _AHEAD_S:
        way = "ahead of" if ahead_s > 0 else "behind"
        yield Finding(
            "clock-wrong",
            Severity.MAY_SPOIL,
            f"its clock is {span_text(abs(ahead_s))} {way} this machine's: dates are wrong, and it will jump when it"
            " is set",
            on_board=tuple(commands),
            by_hand="" if commands else "let it get its time from the network",
        )
    elif standing.synchronised is False and standing.container is None:
        yield Finding(
            "clock-wrong",
            Severity.NOTE,
            "its clock is right but nobody keeps it so (not synchronised)",
            on_board=tuple(commands),
            by_hand="" if commands else "let it get its time from the network",
        )


def old_firmware(patient: Patient) -> Iterator[Finding]:
    """Firmware decides about clocks, voltages and memory timing."""
    standing = patient.examined.standing
    try:
        made = date.fromisoformat(standing.firmware_date or "")
    except ValueError:
        return
    age_days = (patient.now.astimezone(UTC).date() - made).days
    is_pc = patient.facts.architecture in {"x86_64", "i686"}
    if age_days <= (_OLD_PC_DAYS if is_pc else _OLD_DAYS):
        return
    command = None
    if patient.has("rpi-eeprom-update"):
        command = remedies.UPDATE_BOOT_LOADER
    elif is_pc and patient.has("fwupdmgr"):
        command = remedies.UPDATE_FIRMWARE
    elif not is_pc and patient.has("apt-get"):
        command = remedies.UPDATE_PACKAGES
    yield Finding(
        "old-firmware",
        Severity.NOTE,
        f"its firmware ({standing.firmware or 'unnamed'}) is of {standing.firmware_date}: newer ones change clocks,"
        " voltages and memory timing",
        on_board=(command,) if command else (),
        by_hand="measure the noise floor again afterwards" if command else "see what its maker offers",
    )


def guest(patient: Patient) -> Iterator[Finding]:
    """What the board runs in decides what it can see and who shares its processors."""
    standing = patient.examined.standing
    if standing.virtual_machine is not None:
        yield Finding(
            "guest",
            Severity.NOTE,
            f"it is a virtual machine ({standing.virtual_machine}): other guests share its processors, caches and"
            " memory, unseen",
            by_hand="measure on the host, or give the guest processors of its own",
        )
    if standing.container is not None:
        yield Finding(
            "guest",
            Severity.NOTE,
            f"it is a container ({standing.container}): the processes around it are not seen, and its limits count",
            by_hand="measure outside of it where you can",
        )


def emulated(patient: Patient) -> Iterator[Finding]:
    """An emulator's figures are not those of a board."""
    if patient.facts.emulated is not None:
        yield Finding(
            "emulated",
            Severity.NOTE,
            f"it is emulated ({patient.facts.emulated}): its figures never stand beside those of a real board",
            by_hand="use it to try things, not to measure",
        )


def mitigations_off(patient: Patient) -> Iterator[Finding]:
    """System calls cost less than on boards that are set up as usual."""
    if patient.examined.standing.mitigations_off:
        yield Finding(
            "mitigations-off",
            Severity.NOTE,
            "its kernel runs without mitigations (mitigations=off): faster than boards that are set up as usual",
            by_hand="take it out of the kernel's command line, or do the same on every board that you compare",
        )


RULES = {
    "clock-wrong": clock_wrong,
    "guest": guest,
    "emulated": emulated,
    "mitigations-off": mitigations_off,
    "old-firmware": old_firmware,
}
