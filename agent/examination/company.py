"""Who else is on the board: a desktop, people who are logged in, jobs that a timer will start.

Sessions: systemd-logind keeps one file each (the kernel of sd-login(3) reads the same), older boards and those without
systemd have utmp(5). systemd's default target and enabled timers are symbolic links, see systemctl(1).
"""

import os
import re
import struct
from typing import List, Optional

from agent.examination.watch import Watched, read_control_group
from agent.protocol import Company, Login
from agent.sensors import matches, read_bytes, read_text

_DESKTOP = (
    "Xorg Xwayland Xtigervnc Xvnc weston labwc wayfire sway Hyprland cage "
    "gnome-shell gnome-session-b gdm-x-session gdm-wayland-ses mutter kwin_x11 kwin_wayland plasmashell "
    "lightdm-gtk-gre lxpanel lxsession pcmanfm openbox xfce4-session xfwm4 mate-session cinnamon"
)
"""Names of processes as the kernel has them: fifteen characters at most (proc(5), comm)."""
_UNITS = ("/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system")
_SESSION = re.compile(r"/session-([^/]+)\.scope")
_USER_PROCESS = 7
_UTMP = struct.Struct("hi32s4s32s256s")
_UTMP_SIZES = (384, 400)
"""glibc's on most platforms, and where session and time behind these fields are wide (64-bit ARM)."""
_MOST_KINDS = 9


def read_company(root: str, watched: Watched) -> Company:
    desktop = set(_DESKTOP.split())
    return Company(
        busiest=watched.busiest,
        busy_cpus=_rounded(watched.busy_cpus),
        seen_cpus=_rounded(watched.seen_cpus),
        own_cpus=_rounded(watched.own_cpus),
        stolen_share=watched.stolen_share,
        waiting=watched.waiting,
        desktop=[name for name in watched.names if name in desktop],
        display_manager=os.path.lexists(_below(root, "/etc/systemd/system/display-manager.service")),
        default_target=_read_default_target(root),
        logins=read_logins(root, watched.ancestors),
        timers=[path.rsplit("/", 1)[1] for path in matches(root, "/etc/systemd/system/timers.target.wants/*.timer")],
    )


def read_logins(root: str, ancestors: List[int]) -> Optional[List[Login]]:
    """The sessions of people, our own apart; None where the board does not tell."""
    folder = _below(root, "/run/systemd/sessions")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return _read_utmp(root, ancestors)
    mine = _SESSION.search(read_control_group(root, "self") or "")
    logins = []
    for name in names:
        if name.endswith(".ref") or (mine and mine.group(1) == name):
            continue
        login = _read_session(root, name)
        if login is not None:
            logins.append(login)
    return logins


def _read_session(root: str, name: str) -> Optional[Login]:
    text = read_text(root, "/run/systemd/sessions/" + name) or ""
    values = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    if values.get("CLASS", "user") != "user" or values.get("STATE") == "closing" or not values.get("USER"):
        return None
    where = values.get("REMOTE_HOST") or values.get("TTY") or values.get("SEAT") or values.get("TYPE")
    return Login(values["USER"], where, name)


def _read_utmp(root: str, ancestors: List[int]) -> Optional[List[Login]]:
    content = read_bytes(root, "/run/utmp") or read_bytes(root, "/var/run/utmp")
    if content is None:
        return None
    for size in _UTMP_SIZES:
        if len(content) % size == 0:
            records = [_UTMP.unpack_from(content, at) for at in range(0, len(content), size)]
            if all(0 <= record[0] <= _MOST_KINDS for record in records):
                people = [record for record in records if record[0] == _USER_PROCESS and record[1] not in ancestors]
                return [
                    Login(_text(user), _text(host) or _text(line) or None, None) for *_, line, _, user, host in people
                ]
    return None


def _read_default_target(root: str) -> Optional[str]:
    for folder in _UNITS:
        path = _below(root, folder + "/default.target")
        if os.path.islink(path):
            return os.path.basename(os.readlink(path)) or None
    return None


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _below(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _rounded(cpus: Optional[float]) -> Optional[float]:
    return None if cpus is None else round(cpus, 4)
