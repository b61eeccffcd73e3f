"""From the document of a profile to its `Device`, or to everything that is wrong with it. Pure."""

import re
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from orchestrator.devices import Device, Kind, Link
from orchestrator.errors import UsageError
from orchestrator.yaml.document import Document, Fault

if TYPE_CHECKING:
    from orchestrator.profiles.schema import Profile

THIS_MACHINE = "this-machine"
"""The group of boards that are this machine itself: `local` and loopback ones. They must not measure at once."""

AUTO, OFF = "auto", "off"
"""Words of `thermal.start_c`: back to the board's own idle temperature, and no wait."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_NAME_ALLOWED = "letters, digits, . _ and -, beginning with a letter or digit, at most 63, and not `all`"
_SSH_ONLY = ("host", "user", "port", "key_file", "jump", "relay", "relay_address")


def check_name(name: str) -> None:
    """`UsageError` unless the text can name a device."""
    if not _NAME.fullmatch(name) or name == "all":
        raise UsageError(f"{name!r} cannot name a device; allowed: {_NAME_ALLOWED}", "choose another name")


def device_of(document: Document, faults: list[Fault], name: str) -> tuple[Device | None, list[Fault]]:
    """The device called `name`, or None and all faults: those of the YAML (`faults`) and those of its content."""
    from orchestrator.profiles.schema import Profile
    from orchestrator.yaml.schema import check

    profile, found = check(Profile, document, faults)
    faults = [*faults, *found, *_contradictions(document)]
    if not _NAME.fullmatch(name) or name == "all":
        faults.append(Fault(document.file, 0, 0, "", f"the file's name names the device; allowed: {_NAME_ALLOWED}"))
    if faults or profile is None:
        return None, faults
    return _to_device(profile, name), []


def _contradictions(document: Document) -> list[Fault]:
    content = document.content
    if content.get("transport") == "local":
        text = "found with `transport: local`, allowed: only with `transport: ssh`"
        return [document.fault((key,), text, at_key=True) for key in _SSH_ONLY if content.get(key) is not None]
    if content.get("relay") is True and content.get("site") is None:
        return [document.fault(("relay",), "found without a site, allowed: beside `site`", at_key=True)]
    if content.get("host") is None and content.get("transport", "ssh") == "ssh":
        allowed = "a host name, an address, or a Host of your ssh_config (or `transport: local`)"
        return [document.fault(("host",), f"is missing, allowed: {allowed}")]
    return []


def default_group(device: Device) -> str | None:
    """The group of a device whose profile names none."""
    return THIS_MACHINE if _is_this_machine(device) else None


def _to_device(profile: "Profile", name: str) -> Device:
    start_c, cpus = profile.thermal.start_c, profile.cpus
    device = Device(
        name=name,
        link=Link(profile.transport),
        kind=Kind(profile.kind),
        host=profile.host,
        user=profile.user,
        port=profile.port,
        key_file=profile.key_file,
        jump=profile.jump,
        python=profile.python,
        work_dir=profile.work_dir,
        tags=tuple(dict.fromkeys(profile.tags)),
        group=profile.group,
        board_model=profile.board_model,
        site=profile.site,
        relay=profile.relay,
        relay_address=profile.relay_address,
        runtimes=tuple(dict.fromkeys(profile.runtimes)),
        thermal_start_c=start_c if isinstance(start_c, float) else None,
        thermal_auto=start_c != OFF,
        thermal_limit_s=profile.thermal.limit_s,
        cpus=tuple(cpus) if isinstance(cpus, list) else cpus,
        governor=profile.governor,
        clock_khz=profile.clock_khz,
        power=tuple(profile.power or ()),
        push_while_measuring=profile.push_while_measuring,
        storage_limit_bytes=profile.storage_limit,
        connect_timeout_s=profile.connect_timeout_s,
        notes=profile.notes,
    )
    return device if device.group else replace(device, group=default_group(device))


def _is_this_machine(device: Device) -> bool:
    if device.link is Link.LOCAL or device.kind is Kind.LOOPBACK:
        return True
    if device.jump is not None or device.host is None:
        return False
    try:
        return ip_address(device.host).is_loopback
    except ValueError:
        return device.host == "localhost"
