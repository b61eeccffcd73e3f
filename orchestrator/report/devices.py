"""Boards on the terminal: the list, the page of one board, the outcome of a check."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from agent.protocol import Facts
from orchestrator.checkup import Checkup
from orchestrator.devices import Device
from orchestrator.report.console import report_console
from orchestrator.report.words import bytes_text


def device_row(device: Device, facts: Facts | None) -> dict[str, Any]:
    """One board as plain values, for the list and for --json. Unknown is None."""
    return {
        "device": device.name,
        "address": device.address,
        "kind": str(device.kind),
        "board": (facts.board or facts.cpu) if facts else None,
        "architecture": facts.architecture if facts else None,
        "cores": facts.cores if facts else None,
        "memory_bytes": facts.memory_bytes if facts else None,
        "python": facts.python if facts else None,
        "emulated": facts.emulated if facts else None,
        "group": device.group,
        "tags": list(device.tags),
    }


def devices_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the list of boards."""
    table = Table(box=None, pad_edge=False)
    for heading in ("device", "address", "kind", "board", "arch", "cores", "memory", "python", "tags"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("cores", "memory") else "left")
    for row in rows:
        table.add_row(
            row["device"],
            row["address"],
            row["emulated"] or row["kind"],
            row["board"] or "not seen yet",
            row["architecture"] or "",
            str(row["cores"] or ""),
            bytes_text(row["memory_bytes"]) if row["memory_bytes"] else "",
            row["python"] or "",
            " ".join(row["tags"]),
        )
    report_console().print(table)


def device_page(device: Device, facts: Facts | None) -> None:
    """Print everything known of one board."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, value in _profile_lines(device):
        grid.add_row(key, value)
    for key, value in _fact_lines(facts):
        grid.add_row(key, value)
    report_console().print(grid)


def checkups_table(found: Sequence[Checkup]) -> None:
    """Print what a check of boards found, a line a board."""
    table = Table(box=None, pad_edge=False)
    for heading in ("device", "state", "board", "arch", "cores", "memory", "python", "free disk", "temperature"):
        table.add_column(heading, overflow="fold")
    for checkup in found:
        facts, now = checkup.facts, checkup.conditions
        if facts is None or now is None:
            table.add_row(checkup.device.name, "[red]failed[/red]")
            continue
        hottest = max(now.temperatures_c.values(), default=None)
        table.add_row(
            checkup.device.name,
            "[green]ready[/green]",
            facts.board or facts.cpu or "unknown",
            facts.architecture,
            str(len(facts.usable_cpus) or facts.cores),
            bytes_text(facts.memory_bytes),
            facts.python,
            bytes_text(now.disk_free_bytes),
            f"{hottest:.0f} °C" if hottest is not None else "no sensor",
        )
    report_console().print(table)


def _profile_lines(device: Device) -> list[tuple[str, str]]:
    lines = [
        ("device", device.name),
        ("address", device.address),
        ("kind", str(device.kind)),
        ("tags", ", ".join(device.tags) or "none"),
        ("group", device.group or "its own"),
        ("python", device.python),
        ("work folder", device.work_dir),
        ("storage limit", bytes_text(device.storage_limit_bytes)),
        ("runtimes", ", ".join(device.runtimes) or "any that it can run"),
        ("start temperature", f"{device.thermal_start_c:g} °C" if device.thermal_start_c else "no gate"),
    ]
    return [*lines, ("notes", device.notes)] if device.notes else lines


def _fact_lines(facts: Facts | None) -> list[tuple[str, str]]:
    if facts is None:
        return [("facts", "not seen yet; next: dynofarm device check")]
    return [
        ("board", facts.board or "does not say"),
        ("processor", f"{facts.cpu or 'does not say'}, {facts.cores} cores, {facts.bits} bit {facts.architecture}"),
        ("usable CPUs", ", ".join(map(str, facts.usable_cpus))),
        ("instructions", " ".join(facts.isa) or "does not say"),
        ("memory", bytes_text(facts.memory_bytes)),
        ("memory limit", bytes_text(facts.memory_limit_bytes) if facts.memory_limit_bytes else "none"),
        ("system", f"{facts.system or 'unknown'}, kernel {facts.kernel}, {facts.libc or 'unknown libc'}"),
        ("Python", f"{facts.python} at {facts.python_path}"),
        ("modules", ", ".join(f"{name} {version}" for name, version in sorted(facts.modules.items())) or "none"),
        ("sensors", ", ".join(facts.sensors) or "none"),
        ("emulated", facts.emulated or "no"),
    ]
