"""Boards that were lost on the way, and came back or not."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from orchestrator.records import FaultKind, LinkFault, PowerCycle
from orchestrator.report.console import cell, new_table, report_console
from orchestrator.report.words import count_text, duration_text


def faults_lines(faults: Sequence[LinkFault]) -> list[str]:
    """For the end of a run: `3 boards were lost 5 times and came back`.

    What did not keep a board from the sweep is told apart.
    """
    dropped = [fault for fault in faults if fault.kind is FaultKind.DROPPED]
    detours = [fault for fault in faults if fault.kind is FaultKind.RELAY]
    faults = [fault for fault in faults if fault.kind.is_loss]
    last = {fault.device: fault for fault in faults}
    back = {name for name, fault in last.items() if fault.back is not None}
    seen = {fault.device for fault in faults if fault.back is not None or fault.kind is not FaultKind.UNREACHABLE}
    gone, never = seen - back, set(last) - seen
    return [
        *([_told(back, faults, "and came back")] if back else []),
        *([_told(gone, faults, f"and did not come back: {', '.join(sorted(gone))}")] if gone else []),
        *([f"{count_text(len(never), 'board')} could not be reached: {', '.join(sorted(never))}"] if never else []),
        *([f"hung up on early, and tried again at once: {_names(dropped)}"] if dropped else []),
        *([f"sent files straight, past the relay of their site: {_names(detours)}"] if detours else []),
    ]


def power_lines(cycles: Sequence[PowerCycle]) -> list[str]:
    """For the end of a run: whose power was switched off and on."""
    done = sorted({cycle.device for cycle in cycles if not cycle.fault})
    lines = [f"switched off and on: {', '.join(done)}"] if done else []
    return lines + [cycle.fault for cycle in cycles if cycle.fault]


def _names(faults: Sequence[LinkFault]) -> str:
    return ", ".join(sorted({fault.device for fault in faults}))


def _told(names: set[str], faults: Sequence[LinkFault], ending: str) -> str:
    times = sum(fault.device in names for fault in faults)
    verb = "was" if len(names) == 1 else "were"
    return f"{count_text(len(names), 'board')} {verb} lost {count_text(times, 'time')} {ending}"


def fault_row(fault: LinkFault) -> dict[str, Any]:
    """One fault as plain values."""
    return {
        "device": fault.device,
        "at": fault.at.astimezone(UTC).isoformat(),
        "kind": str(fault.kind),
        "message": fault.message,
        "next": fault.what_next,
        "attempt": fault.attempt,
        "back": fault.back.astimezone(UTC).isoformat() if fault.back else None,
    }


def faults_table(faults: Sequence[LinkFault]) -> None:
    """Print every loss of a sweep, in order of time."""
    table = new_table(("at", "board", "fault", "then", "back after"), right=("back after",))
    for fault in faults:
        back = duration_text((fault.back - fault.at).total_seconds()) if fault.back else "–"
        at = fault.at.astimezone().strftime("%m-%d %H:%M:%S")
        table.add_row(*map(cell, (at, fault.device, fault.message, fault.what_next, back)))
    report_console().print(table)


def power_row(cycle: PowerCycle) -> dict[str, Any]:
    """One power cycle as plain values."""
    return {
        "device": cycle.device,
        "sweep": cycle.sweep_id,
        "at": cycle.at.astimezone(UTC).isoformat(),
        "holder": cycle.holder,
        "command": list(cycle.command),
        "exit_status": cycle.exit_status,
        "took_s": cycle.took_s,
        "fault": cycle.fault,
        "output": cycle.output,
    }
