"""The transport that fits a device."""

from collections.abc import Callable
from pathlib import Path

from orchestrator.devices import Device, Link
from orchestrator.transport import Drop, Transport, unheard


def connect(device: Device, known_hosts: Path, dropped: Callable[[Drop], None] = unheard) -> Transport:
    """A connection to the device. Raises the board's errors; SSH is imported only where it is used.

    `dropped` hears of each time that its server hung up early and is tried again.
    """
    if device.link is Link.LOCAL:
        from orchestrator.transport.local import LocalTransport

        return LocalTransport(device)
    from orchestrator.transport import ssh

    return ssh.connect(device, known_hosts, dropped)
