"""Profiles as text: a new file with comments that help, and the table of all keys. Imported late."""

from orchestrator.devices import Device, Link
from orchestrator.profiles.reading import OFF, default_group
from orchestrator.profiles.schema import Profile
from orchestrator.quantities import show_bytes, show_duration
from orchestrator.yaml.edit import render
from orchestrator.yaml.schema import key_rows

_DEFAULTS = Device("defaults")


def profile_text(device: Device) -> str:
    """The YAML of a device. What has its default stands as a comment, ready to be used."""
    lines = [f"# The board {device.name!r} of this farm. All keys: README.md in this folder. No secrets here.", ""]
    lines += _address(device)
    lines += ["", "# Words to pick boards with: dynofarm run … --on tag:arm64"]
    lines += [_line("tags", list(device.tags), bool(device.tags), "[arm64, desk]")]
    lines += ["# Boards that are one physical machine share a group: one job at a time among them."]
    lines += [_line("group", device.group, device.group not in (None, default_group(device)), "rack-1")]
    lines += ["# Copies of one board carry the same word here: dynofarm spread"]
    lines += [_line("board_model", device.board_model, device.board_model is not None, "pi4-4gb")]
    lines += ["# Boards of one site share an uplink; farm.yaml may limit it."]
    lines += [_line("site", device.site, device.site is not None, "roof")]
    if device.link is Link.SSH:
        lines += ["# A relay is sent the files for its site once; the others fetch them from it over SSH."]
        lines += [_line("relay", device.relay, device.relay)]
        if device.relay_address is not None:
            lines += [_line("relay_address", device.relay_address, True)]
    lines += ["", "# Python 3.8 or newer, and the folder that dynofarm may use, both on the board."]
    lines += [_line("python", device.python, device.python != _DEFAULTS.python)]
    lines += [_line("work_dir", device.work_dir, device.work_dir != _DEFAULTS.work_dir)]
    limit = show_bytes(device.storage_limit_bytes)
    lines += [_line("storage_limit", limit, device.storage_limit_bytes != _DEFAULTS.storage_limit_bytes)]
    lines += [
        "",
        "# Measuring: begin only when the board is this cool (auto: back to its idle temperature, off: at once);",
    ]
    lines += ["# pin to these CPUs (0-3, big or little); set governor and clock for the time of a visit (root, or sudo"]
    lines += ["# without a password); allow only these runtimes."]
    lines += _thermal(device)
    cpus = device.cpus if isinstance(device.cpus, str) else list(device.cpus or ())
    lines += [_line("cpus", cpus, device.cpus is not None, "0-3")]
    lines += [_line("governor", device.governor, device.governor is not None, "performance")]
    lines += [_line("clock_khz", device.clock_khz, device.clock_khz is not None, "1500000")]
    lines += [_line("runtimes", list(device.runtimes), bool(device.runtimes), "[litert, onnxruntime]")]
    lines += ["# Send the next model while this one measures: faster, and its runs are suspect."]
    lines += [_line("push_while_measuring", True, device.push_while_measuring)]
    lines += ["", "# What switches it off and on, for dynofarm run --power-cycle; {device} and {host} are filled in."]
    lines += [_line("power", list(device.power), bool(device.power), "[pdu-switch, --cycle, '{device}']")]
    lines += ["", _line("notes", device.notes, bool(device.notes), "where it stands, who owns it")]
    return "\n".join(lines) + "\n"


def profiles_readme() -> str:
    """The README of `device_profiles/`: the table of keys, made from the schema."""
    rows = "\n".join(
        f"| `{row.name}` | {row.allowed} | {row.default} | {row.meaning} |".replace("| |", "|  |")
        for row in key_rows(Profile)
    )
    return _README.format(rows=rows)


def _address(device: Device) -> list[str]:
    kind = _line("kind", str(device.kind), device.kind != _DEFAULTS.kind)
    if device.link is Link.LOCAL:
        return ["# This machine itself, without SSH.", "transport: local", kind]
    return [
        "# Where the board is. What is left out comes from your ssh_config.",
        _line("host", device.host, True),
        _line("user", device.user, device.user is not None, "pi"),
        _line("port", device.port, device.port is not None, "22"),
        "# The path of a private key; without it ssh-agent and ssh_config decide. Passphrases belong in ssh-agent.",
        _line("key_file", device.key_file, device.key_file is not None, "~/.ssh/id_ed25519"),
        _line("jump", device.jump, device.jump is not None, "me@gateway.example"),
        _line("connect_timeout_s", device.connect_timeout_s, device.connect_timeout_s != _DEFAULTS.connect_timeout_s),
        "# real, loopback or emulated: figures of different kinds are never compared.",
        kind,
    ]


def _thermal(device: Device) -> list[str]:
    thermal: dict[str, object] = {}
    if device.thermal_start_c is not None:
        thermal["start_c"] = device.thermal_start_c
    elif not device.thermal_auto:
        thermal["start_c"] = OFF
    if device.thermal_limit_s != _DEFAULTS.thermal_limit_s:
        thermal["limit_s"] = show_duration(device.thermal_limit_s)
    return [_line("thermal", thermal, bool(thermal), "{start_c: 50, limit_s: 10m}")]


def _line(key: str, value: object, said: bool, example: str = "") -> str:
    if said:
        return f"{key}: {render(value)}"
    return f"# {key}: {example or render(value)}"


_README = """# Device profiles

One YAML file a board; the file's name without `.yaml` is the device's name. `dynofarm device add` writes one,
`dynofarm device edit` changes it and keeps your comments, `dynofarm device check` tries the board.
Most boards need two lines:

```yaml
host: 10.0.0.4
user: pi
```

**No secrets here.** Passwords, passphrases and private keys are refused: load the key into ssh-agent (`ssh-add`),
or name the path of the key file with `key_file`. What a profile leaves out, your `~/.ssh/config` decides.
The boards' host keys are kept in `known_hosts` beside this folder; `dynofarm device add` shows a key before it is
accepted.

Files are YAML 1.2: `no` and `on` are text, `true` and `false` are not.
A key with nothing behind it counts as not written.

| key | what is allowed | when left out | what it does |
|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    import sys

    sys.stdout.write(profiles_readme())
