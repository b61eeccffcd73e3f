"""Facts of boards, for tests."""

from dataclasses import replace
from typing import Any

from agent.protocol import Facts

PI_5 = Facts(
    machine_id=None,
    board="Raspberry Pi 5 Model B",
    cpu="Cortex-A76",
    architecture="aarch64",
    bits=64,
    cores=4,
    usable_cpus=[0, 1, 2, 3],
    isa=[],
    memory_bytes=4_000_000_000,
    memory_limit_bytes=None,
    kernel="6.6.31",
    system="Debian GNU/Linux 12",
    libc="glibc 2.36",
    python="3.11.2",
    python_path="python3",
    libstdcxx=True,
    modules={},
    sensors=[],
    nominal_clock_khz=None,
    user="pi",
    emulated=None,
)


def a_board(**changes: Any) -> Facts:
    """A Raspberry Pi 5 with a 64-bit Debian 12, but for `changes`."""
    return replace(PI_5, **changes)
