"""The transport that fits a device."""

from pathlib import Path

from orchestrator.devices import Device, Link
from orchestrator.transport import Transport


def connect(device: Device, known_hosts: Path) -> Transport:
    """A connection to the device. Raises the board's errors; SSH is imported only where it is used."""
    if device.link is Link.LOCAL:
        from orchestrator.transport.local import LocalTransport

        return LocalTransport(device)
    from orchestrator.transport import ssh

    return ssh.connect(device, known_hosts)
