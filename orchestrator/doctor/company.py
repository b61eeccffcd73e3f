"""Rules about who else works on the board. What spoils is what a run would not be trusted for."""

import re
from collections.abc import Iterator

from agent.protocol import BusyProcess, Login
from orchestrator.doctor import remedies
from orchestrator.doctor.findings import (
    Finding,
    Patient,
    Severity,
    cpus_text,
    list_text,
    quoted,
    share_text,
    span_text,
)
from orchestrator.trust.rules_of_surroundings import OTHERS, OTHERS_WHO_MADE_IT_WAIT, STOLEN

_NOTICEABLE_CPUS = OTHERS_WHO_MADE_IT_WAIT
_NOTICEABLE_STEAL = 0.01
"""Chosen: what a look of three seconds can tell from nothing (the kernel counts by hundredths of a second)."""
_MOST_NAMED = 5
_STARTING_S = 300.0
_UPDATERS = {"apt", "apt-get", "dpkg", "unattended-upgr", "apt.systemd.dai", "packagekitd", "snapd", "dnf", "rpm"}
_OF_THE_SYSTEM = re.compile(r"(ssh|sshd|dbus|dbus-broker|systemd-.*|networking|NetworkManager|wpa_supplicant)\.service")
_HOST_OF_OTHERS = re.compile(r"(cron|crond|atd|containerd|docker|user@\d+)\.service")
_CONTAINER = re.compile(r"docker[-/]([0-9a-f]{12})[0-9a-f]{52}")
_UPDATES = {
    "apt-daily.timer", "apt-daily-upgrade.timer", "dnf-makecache.timer", "dnf-automatic.timer",
    "snapd.snap-repair.timer", "fwupd-refresh.timer",
}  # fmt: skip
_HEAVY = _UPDATES | {
    "man-db.timer", "fstrim.timer", "e2scrub_all.timer", "plocate-updatedb.timer", "mlocate-updatedb.timer",
    "updatedb.timer", "xfs_scrub_all.timer", "mdcheck_start.timer", "raid-check.timer",
}  # fmt: skip


def busy(patient: Patient) -> Iterator[Finding]:
    """A process takes processor time, cache and memory bandwidth."""
    desktop = set(patient.examined.company.desktop)
    for process in _worth_naming(patient):
        taken = process.cpus + process.started_cpus
        owner = f" of {process.user}" if process.user else ""
        through = ", most of it through processes that it started" if process.started_cpus > process.cpus else ""
        on_board, by_hand = _end(patient, process, desktop)
        yield Finding(
            "busy",
            Severity.SPOILS if taken >= OTHERS else Severity.MAY_SPOIL,
            f"{process.name} (process {process.pid}{owner}) took {cpus_text(taken)}"
            f" over {span_text(patient.examined.interval_s)}{through}",
            on_board=on_board,
            by_hand=by_hand,
        )


def crowd(patient: Patient) -> Iterator[Finding]:
    """Many small ones add up."""
    company, named = patient.examined.company, _worth_naming(patient)
    small = (company.seen_cpus or 0.0) - sum(process.cpus + process.started_cpus for process in named)
    if small >= OTHERS:
        largest = [process.name for process in company.busiest if process not in named][:3]
        among = f", among them {list_text(largest)}" if largest else ""
        yield Finding(
            "crowd",
            Severity.MAY_SPOIL,
            f"small processes took {cpus_text(small)} together{among}",
            by_hand="stop the services that this board does not need",
        )


def _worth_naming(patient: Patient) -> list[BusyProcess]:
    worth = [one for one in patient.examined.company.busiest if one.cpus + one.started_cpus >= _NOTICEABLE_CPUS]
    return worth[:_MOST_NAMED]


def neighbours(patient: Patient) -> Iterator[Finding]:
    """Work that no process shows which we may see."""
    company = patient.examined.company
    if company.busy_cpus is None:
        return
    unseen = company.busy_cpus - (company.seen_cpus or 0.0) - (company.own_cpus or 0.0)
    if unseen >= _NOTICEABLE_CPUS:
        yield Finding(
            "neighbours",
            Severity.SPOILS if unseen >= OTHERS else Severity.MAY_SPOIL,
            f"{cpus_text(unseen)} went to work whose processes cannot be seen: started and gone within"
            f" {span_text(patient.examined.interval_s)}, hidden from {patient.user}, or outside of this container",
            by_hand="look from outside, as root: top, or systemd-cgtop",
        )


def stolen(patient: Patient) -> Iterator[Finding]:
    """The hypervisor gave our processors to other guests."""
    share = patient.examined.company.stolen_share or 0.0
    if share >= _NOTICEABLE_STEAL:
        yield Finding(
            "stolen",
            Severity.SPOILS if share >= STOLEN else Severity.MAY_SPOIL,
            f"its host took {share_text(share)} of the processors' time for others (steal)",
            by_hand="give the guest processors of its own on the host, or measure when its neighbours are idle",
        )


def desktop(patient: Patient) -> Iterator[Finding]:
    """A desktop draws, indexes, looks for updates, and shares the GPU and the memory."""
    company = patient.examined.company
    systemd = patient.runs_systemd()
    if company.desktop:
        yield Finding(
            "desktop",
            Severity.MAY_SPOIL,
            f"a desktop runs: {list_text(company.desktop)}",
            on_board=(remedies.LEAVE_DESKTOP, remedies.BOOT_WITHOUT_DESKTOP) if systemd else (),
            by_hand="" if systemd else "stop its display manager",
        )
    elif company.display_manager and company.default_target == "graphical.target":
        yield Finding(
            "desktop",
            Severity.NOTE,
            "a desktop will start with the next boot (graphical.target)",
            on_board=(remedies.BOOT_WITHOUT_DESKTOP,) if systemd else (),
        )


def logins(patient: Patient) -> Iterator[Finding]:
    """People start things."""
    others = patient.examined.company.logins or []
    if others:
        strangers = [login for login in others if login.user != patient.user]
        known = [login.session for login in others if login.session is not None and patient.has("loginctl")]
        verb = "is" if len(others) == 1 else "are"
        yield Finding(
            "logins",
            Severity.MAY_SPOIL if strangers else Severity.NOTE,
            f"{list_text([_who(login) for login in others])} {verb} logged in as well",
            on_board=tuple(remedies.END_SESSION.format(session=quoted(session)) for session in known[:_MOST_NAMED]),
            by_hand="ask them first: this ends what they do",
        )


def timers(patient: Patient) -> Iterator[Finding]:
    """Jobs that start by themselves, in the middle of a sweep."""
    heavy = [timer for timer in patient.examined.company.timers if timer in _HEAVY]
    if heavy:
        updates = [timer for timer in heavy if timer in _UPDATES]
        yield Finding(
            "timers",
            Severity.MAY_SPOIL if updates else Severity.NOTE,
            f"jobs that take minutes start by themselves: {list_text([one[: -len('.timer')] for one in heavy])}",
            on_board=(remedies.STOP_TIMERS.format(timers=" ".join(map(quoted, heavy))),),
            by_hand="updates are yours to start then" if updates else "",
        )


def starting(patient: Patient) -> Iterator[Finding]:
    """Services go on starting for minutes after a board can be reached."""
    uptime_s = patient.conditions.uptime_s
    if uptime_s is not None and uptime_s < _STARTING_S:
        yield Finding(
            "starting",
            Severity.MAY_SPOIL,
            f"it booted {span_text(uptime_s)} ago: services are still starting",
            by_hand=f"wait until it is {span_text(_STARTING_S)} up",
        )


def _end(patient: Patient, process: BusyProcess, desktop: set[str]) -> tuple[tuple[str, ...], str]:
    """The command that ends a process, or what to do where ending it would be wrong."""
    if process.kernel:
        return (), "a thread of the kernel, which works for somebody else: a disk, the network, memory that is short"
    if process.name in _UPDATERS:
        return (), "it updates the system: let it finish, and see to the timers"
    if process.name in desktop and patient.runs_systemd():
        return (remedies.LEAVE_DESKTOP,), ""
    group = process.control_group or ""
    container = _CONTAINER.search(group)
    if container is not None:
        return (remedies.STOP_CONTAINER.format(container=container.group(1)),), ""
    return _end_by_unit(patient, process, group)


def _end_by_unit(patient: Patient, process: BusyProcess, group: str) -> tuple[tuple[str, ...], str]:
    """A service is stopped whole, or it starts its process again; but not the one that we are logged in through."""
    is_unit = group.startswith("/system.slice/") and group.endswith(".service") and patient.runs_systemd()
    unit = group.rsplit("/", 1)[-1]
    if is_unit and not _HOST_OF_OTHERS.fullmatch(unit):
        if not _OF_THE_SYSTEM.fullmatch(unit):
            return (remedies.STOP_UNIT.format(unit=quoted(unit)),), ""
        if process.user in {None, "root"}:
            return (remedies.READ_JOURNAL.format(unit=quoted(unit)),), "the board needs it: find what keeps it busy"
    mine = process.user is not None and process.user == patient.user
    return ((remedies.KILL if mine else remedies.KILL_ANOTHERS).format(pid=process.pid),), ""


def _who(login: Login) -> str:
    return f"{login.user} ({login.where})" if login.where else login.user


RULES = {
    "busy": busy,
    "neighbours": neighbours,
    "stolen": stolen,
    "crowd": crowd,
    "desktop": desktop,
    "logins": logins,
    "timers": timers,
    "starting": starting,
}
