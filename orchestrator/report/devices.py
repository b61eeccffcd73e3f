"""Boards on the terminal: the list, the page of one board, the outcome of a check."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.protocol import Facts
from orchestrator.devices import Device, Link
from orchestrator.idle import MARGIN_C
from orchestrator.report.console import cell, new_grid, new_table, report_console
from orchestrator.report.standing import Standing, floor_text, standing_lines
from orchestrator.report.words import bytes_text, count_text

if TYPE_CHECKING:
    from orchestrator.visits.checkup import Checkup  # it draws in transports and carriers, which no list needs


def device_row(device: Device, facts: Facts | None, standing: Standing | None = None) -> dict[str, Any]:
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
        **(standing or Standing()).values(),
        "reserved": (standing or Standing()).reservation or None,
    }


def devices_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the list of boards."""
    several = any(row["tags"] for row in rows)
    headings = ["device", "address", "kind", "board", "arch", "cores", "memory", "python"]
    quarantined = any(row["quarantine"] for row in rows)
    reserved = any(row["reserved"] for row in rows)
    headings += ["noise"] * any(row["noise_floor"] is not None for row in rows)
    headings += ["tags"] * several + ["quarantine"] * quarantined + ["reserved"] * reserved
    table = new_table(headings, right=("cores", "memory", "noise"))
    for row in rows:
        cells = [
            row["device"],
            row["address"],
            row["emulated"] or row["kind"],
            row["board"] or "not seen yet",
            row["architecture"] or "–",
            str(row["cores"] or "–"),
            bytes_text(row["memory_bytes"]),
            row["python"] or "–",
            *([floor_text(row["noise_floor"])] if "noise" in headings else []),
            *([" ".join(row["tags"])] if several else []),
        ]
        out = [cell(row["quarantine"] or "–", "red")] if quarantined else []
        kept = [cell(row["reserved"] or "–", "yellow")] if reserved else []
        table.add_row(*map(cell, cells), *out, *kept)
    report_console().print(table)


def device_page(device: Device, facts: Facts | None, standing: Standing | None = None) -> None:
    """Print everything known of one board."""
    known = standing_lines(device.name, standing or Standing())
    report_console().print(new_grid([*profile_lines(device), *fact_lines(device, facts), *known]))


def checkup_values(found: "Checkup") -> dict[str, Any]:
    """What a check of one board found, as plain values."""
    return {
        "device": found.device.name,
        "ok": found.error is None,
        "facts": asdict(found.facts) if found.facts else None,
        "conditions": asdict(found.conditions) if found.conditions else None,
        "error": found.error.message if found.error else None,
        "next": found.error.hint if found.error else None,
    }


def checkups_table(found: Sequence["Checkup"]) -> None:
    """Print what a check of boards found, a line a board."""
    table = new_table(
        ("device", "state", "board", "arch", "cores", "memory", "python", "free disk", "temperature"),
        right=("cores", "memory", "free disk"),
    )
    for checkup in found:
        facts, now = checkup.facts, checkup.conditions
        if facts is None or now is None:
            table.add_row(cell(checkup.device.name), cell("failed", "red"))
            continue
        hottest = max(now.temperatures_c.values(), default=None)
        cells = [
            facts.board or facts.cpu or "unknown",
            facts.architecture,
            str(len(facts.usable_cpus) or facts.cores),
            bytes_text(facts.memory_bytes),
            facts.python,
            bytes_text(now.disk_free_bytes),
            f"{hottest:.0f} °C" if hottest is not None else "no sensor",
        ]
        table.add_row(cell(checkup.device.name), cell("ready", "green"), *map(cell, cells))
    report_console().print(table)


def profile_lines(device: Device) -> list[tuple[str, str]]:
    """What the profile of a board says, a line a key."""
    by_ssh = [
        ("jump host", device.jump or "none, or as ssh_config says"),
        ("key", device.key_file or "ssh-agent, or as ssh_config says"),
    ]
    lines = [
        ("device", device.name),
        ("address", device.address),
        *(by_ssh if device.link is Link.SSH else []),
        ("kind", str(device.kind)),
        ("tags", ", ".join(device.tags) or "none"),
        ("group", device.group or "its own"),
        ("copy of", device.board_model or "what the board says it is"),
        ("python wanted", device.python),
        ("work folder", device.work_dir),
        ("storage limit", bytes_text(device.storage_limit_bytes)),
        ("runtimes", ", ".join(device.runtimes) or "any that it can run"),
        ("pinned to CPUs", device.cpus if isinstance(device.cpus, str) else ", ".join(map(str, device.cpus or ["no"]))),
        ("governor wanted", device.governor or "as it is"),
        ("clock wanted", f"{device.clock_khz} kHz" if device.clock_khz is not None else "as it is"),
        ("start temperature", _start_text(device)),
    ]
    return [*lines, ("notes", device.notes)] if device.notes else lines


def _start_text(device: Device) -> str:
    if device.thermal_start_c is not None:
        return f"{device.thermal_start_c:g} °C or less"
    return f"at most {MARGIN_C:g} °C above its idle temperature" if device.thermal_auto else "any"


def fact_lines(device: Device, facts: Facts | None) -> list[tuple[str, str]]:
    """What a board said of itself at the last visit."""
    if facts is None:
        return [("facts", f"not seen yet; next: dynofarm device check {device.name}")]
    return [
        ("board", facts.board or "does not say"),
        ("processor", f"{facts.cpu or 'does not say'}, {count_text(facts.cores, 'core')}"),
        ("architecture", f"{facts.architecture}, {facts.bits} bit"),
        ("usable CPUs", ", ".join(map(str, facts.usable_cpus))),
        ("instructions", " ".join(facts.isa) or "does not say"),
        ("memory", bytes_text(facts.memory_bytes)),
        ("memory limit", bytes_text(facts.memory_limit_bytes) if facts.memory_limit_bytes else "none"),
        ("system", f"{facts.system or 'unknown'}, kernel {facts.kernel}, {facts.libc or 'unknown libc'}"),
        ("python found", f"{facts.python} at {facts.python_path}"),
        ("modules", ", ".join(f"{name} {version}" for name, version in sorted(facts.modules.items())) or "none"),
        ("sensors", ", ".join(facts.sensors) or "none"),
        ("emulated", facts.emulated or "no"),
    ]
