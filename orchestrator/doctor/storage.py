"""Rules about memory, swap and disks."""

from collections.abc import Iterator

from orchestrator.doctor import remedies
from orchestrator.doctor.findings import Finding, Patient, Severity, list_text, share_text, size_text
from orchestrator.trust.rules_of_surroundings import STALLED

_SWAPPED_BYTES = 16 * 10**6
"""Chosen: what a board put aside after boot and never wants back is less."""
_LOW_SHARE, _LOW_BYTES = 0.10, 128 * 10**6
_WAITED = STALLED / 5
_DISK_WAITED = 0.05
_LITTLE_DISK_BYTES, _NO_DISK_BYTES = 10**9, 200 * 10**6
"""A bundle of wheels is about 70 MB unpacked, a large model some hundred."""
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"}
_IN_MEMORY = {"tmpfs", "ramfs"}


def memory_short(patient: Patient) -> Iterator[Finding]:
    """Processes waited until memory was freed for them."""
    waited = patient.examined.company.waiting.get("memory", 0.0)
    if waited >= _WAITED:
        yield Finding(
            "memory-short",
            Severity.SPOILS if waited >= STALLED else Severity.MAY_SPOIL,
            f"processes waited for memory during {share_text(waited)} of the time",
            on_board=(remedies.LIST_BY_MEMORY,),
            by_hand="end what is not needed",
        )


def memory_low(patient: Patient) -> Iterator[Finding]:
    """Little is left for a model."""
    available, total = patient.conditions.memory_available_bytes, patient.facts.memory_bytes
    if available is not None and total and (available < _LOW_SHARE * total or available < _LOW_BYTES):
        yield Finding(
            "memory-low",
            Severity.MAY_SPOIL,
            f"{size_text(available)} of {size_text(total)} memory are available: a model may not fit, or be swapped",
            on_board=(remedies.LIST_BY_MEMORY,),
            by_hand="end what is not needed",
        )


def swap(patient: Patient) -> Iterator[Finding]:
    """What was swapped out comes back in the middle of a measurement."""
    swaps = patient.examined.storage.swaps or []
    if not swaps:
        return
    used = sum(one.used_bytes for one in swaps)
    where = list_text([f"{one.path} ({one.kind}, {size_text(one.size_bytes)})" for one in swaps])
    state = f"{size_text(used)} are swapped out" if used >= _SWAPPED_BYTES else "hardly used now"
    swappiness = patient.examined.storage.swappiness
    eager = f", swappiness {swappiness}" if swappiness is not None else ""
    yield Finding(
        "swap",
        Severity.MAY_SPOIL if used >= _SWAPPED_BYTES else Severity.NOTE,
        f"swap is on: {where}; {state}{eager}",
        on_board=_swap_commands(patient),
        by_hand=_swap_for_good(patient),
    )


def _swap_commands(patient: Patient) -> tuple[str, ...]:
    kinds = {one.kind for one in patient.examined.storage.swaps or []}
    if patient.has("dphys-swapfile") and "file" in kinds:
        return remedies.SWAP_FILE_OFF, remedies.SWAP_FILE_OFF_FOR_GOOD
    if patient.has("nvpmodel") and "zram" in kinds:
        return remedies.SWAP_OFF, remedies.JETSON_ZRAM_OFF_FOR_GOOD
    return (remedies.SWAP_OFF,)


def _swap_for_good(patient: Patient) -> str:
    kinds = {one.kind for one in patient.examined.storage.swaps or []}
    if patient.has("dphys-swapfile") or patient.has("nvpmodel"):
        return ""
    if "zram" in kinds and (patient.facts.board or "").startswith("Raspberry Pi"):
        return "for good: `Mechanism=none` below `[Main]` in /etc/rpi/swap.conf, then a reboot"
    return "for good: take its line out of /etc/fstab" if kinds - {"zram"} else ""


def disk_waits(patient: Patient) -> Iterator[Finding]:
    """Processes waited for a disk."""
    waited = patient.examined.company.waiting.get("io", 0.0)
    if waited >= _DISK_WAITED:
        yield Finding(
            "disk-waits",
            Severity.MAY_SPOIL,
            f"processes waited for a disk during {share_text(waited)} of the time",
            on_board=(remedies.READ_KERNEL_LOG,),
            by_hand="end what writes so much; a card that is slow because it dies shows in the kernel's log",
        )


def disk_full(patient: Patient) -> Iterator[Finding]:
    """Models, runtimes and results need room."""
    free = patient.conditions.disk_free_bytes
    if free is None or free >= _LITTLE_DISK_BYTES:
        return
    commands = [remedies.CLEAN_PACKAGES] if patient.has("apt-get") else []
    commands += [remedies.SHRINK_JOURNAL] if patient.has("journalctl") else []
    yield Finding(
        "disk-full",
        Severity.SPOILS if free < _NO_DISK_BYTES else Severity.MAY_SPOIL,
        f"{size_text(free)} are free where models, runtimes and results are kept",
        on_board=(*commands, remedies.LIST_LARGEST),
    )


def work_folder(patient: Patient) -> Iterator[Finding]:
    """Where the models lie decides what loading them costs."""
    kind = patient.examined.storage.work_file_system
    if kind in _REMOTE:
        harm = f"lies on another machine ({kind}): loading a model measures the network"
    elif kind in _IN_MEMORY:
        harm = f"lies in memory ({kind}): models take their size twice, and results do not outlive a power cut"
    else:
        return
    yield Finding(
        "work-folder",
        Severity.MAY_SPOIL,
        f"the work folder {patient.device.work_dir} {harm}",
        here=(remedies.MOVE_WORK_FOLDER.format(board=patient.name),),
    )


def disk_damaged(patient: Patient) -> Iterator[Finding]:
    """A card that dies waits, repeats, and ends as read-only."""
    storage = patient.examined.storage
    errors = storage.disk_errors or 0
    if errors:
        yield Finding(
            "disk-damaged",
            Severity.MAY_SPOIL,
            f"ext4 has counted {errors} {'error' if errors == 1 else 'errors'} on its disks",
            on_board=(remedies.READ_KERNEL_LOG,),
            by_hand="have it checked at the next boot (`fsck.mode=force` on the kernel's command line); if errors come"
            " again, replace the card",
        )
    if storage.root_read_only and storage.root_file_system not in {"overlay", "squashfs", "erofs"}:
        yield Finding(
            "disk-damaged",
            Severity.MAY_SPOIL if errors else Severity.NOTE,
            "its root file system is mounted read-only: on purpose, or by the kernel after an error",
            on_board=(remedies.READ_KERNEL_LOG, remedies.REMOUNT),
        )


RULES = {
    "memory-short": memory_short,
    "memory-low": memory_low,
    "swap": swap,
    "disk-full": disk_full,
    "disk-waits": disk_waits,
    "work-folder": work_folder,
    "disk-damaged": disk_damaged,
}
