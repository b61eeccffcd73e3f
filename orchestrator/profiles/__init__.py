"""Device profiles: one YAML file a board in `device_profiles/`, read into `Device` and written back.

The file's name without `.yaml` is the device's name. All faults of all files come in one `ConfigError`.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.devices import Device
from orchestrator.errors import ConfigError, UnknownName, UsageError
from orchestrator.files import create_file, replace_file
from orchestrator.profiles.addresses import split_address
from orchestrator.profiles.reading import check_name, device_of
from orchestrator.yaml.document import Document, Fault, config_error, shown_path
from orchestrator.yaml.reading import parse_document, read_document

_NUMBERS = ("port", "connect_timeout_s", "thermal.start_c", "clock_khz")
"""Keys whose values a command line gives as text."""

HINT = "correct these lines; the keys are explained in device_profiles/README.md"


def load_profiles(folder: Path) -> list[Device]:
    """Every device of a folder, by name. `ConfigError` with all faults of all files."""
    devices: list[Device] = []
    faults: list[Fault] = []
    first_files: dict[str, str] = {}
    for path in _profile_files(folder):
        device, found = _read(path)
        faults += found
        # Compared without case, because a checkout on a file system that ignores case would lose one of the two.
        first = first_files.setdefault(path.stem.lower(), path.name)
        if first != path.name:
            text = f"found a second profile of this name beside {first}, allowed: one file a device"
            faults.append(Fault(shown_path(path), 0, 0, "", text))
        if device is not None:
            devices.append(device)
    if faults:
        raise config_error(faults, HINT)
    return sorted(devices, key=lambda device: device.name)


def load_profile(path: Path) -> Device:
    """One device. `ConfigError` with all faults of the file."""
    device, faults = _read(path)
    if faults or device is None:
        raise config_error(faults, HINT)
    return device


def find_device(devices: Sequence[Device], name: str) -> Device:
    """The device of that name. `UnknownName` lists the nearest or all."""
    known = {device.name: device for device in devices}
    if name not in known:
        raise _unknown_device(name, list(known))
    return known[name]


def device_from_options(
    folder: Path, name: str, address: str | None, keys: Mapping[str, Any], *, existing: bool = False
) -> Device:
    """A device as `dynofarm device add` describes it: `[USER@]HOST[:PORT]` (None: this machine) and profile keys.

    A key that is None is left out. `ConfigError` with everything that is not allowed; `UsageError` when the profile
    exists already (asked before a host key is accepted), unless `existing`.
    """
    check_name(name)
    if not existing:
        _refuse_taken(folder, name)
    said = {key: value for key, value in keys.items() if value not in (None, [], ())}
    content = {**(split_address(address) if address is not None else {"transport": "local"}), **said}
    device, faults = device_of(Document(name, "", content), [], name)
    if faults or device is None:
        raise config_error(faults, "correct the options and try again")
    return device


def profile_path(folder: Path, name: str) -> Path:
    """The file of a device that exists. `UnknownName` lists the nearest or all."""
    known = {path.stem: path for path in _profile_files(folder)}
    if name not in known:
        raise _unknown_device(name, list(known))
    return known[name]


def write_profile(folder: Path, device: Device) -> Path:
    """Write a new profile with comments that help. `UsageError` when there is one; `ConfigError` for a bad device."""
    from orchestrator.profiles.text import profile_text

    check_name(device.name)
    _refuse_taken(folder, device.name)
    path = folder / f"{device.name}.yaml"
    text = profile_text(device)
    written, faults = _parse(text, device.name, device.name)
    if faults or written is None:
        raise config_error([_without_line(fault) for fault in faults], "correct the options and try again")
    create_file(path, text)
    return path


def edit_profile(path: Path, changes: Mapping[str, Any]) -> Device:
    """Change keys (`port`, `thermal.start_c`) of a profile; None removes one. Comments and order stay.

    The result is validated before it takes the file's place in one step. `ConfigError` for unknown keys and for
    values that are not allowed: then the file is untouched.
    """
    from orchestrator.yaml.edit import change

    document, faults = read_document(path)
    if document is None:
        raise config_error(faults, HINT)
    steps = _steps(changes)
    unknown = _unknown_changes(path.stem, steps)
    if unknown:
        raise config_error(unknown, "the keys are explained in device_profiles/README.md")
    text = document.text
    for step, value in steps.items():
        text = change(text, step, value)
    device, faults = _parse(text, shown_path(path), path.stem)
    if faults or device is None:
        asked = {".".join(step) for step in steps}
        raise config_error([_without_line(f) if f.key in asked else f for f in faults], "nothing was changed")
    replace_file(path, text)
    return device


def parse_changes(assignments: Sequence[str]) -> dict[str, Any]:
    """`["port=2222", "tags=[a, b]", "user="]` as changes for `edit_profile`: YAML values, nothing for removal."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{assignment!r} is not a change", "write KEY=VALUE, or KEY= to remove a key")
        document, faults = parse_document(f"value: {text}", name)
        if document is None or faults:
            raise config_error([_without_line(fault) for fault in faults], "write KEY=VALUE with a YAML value")
        changes[name.strip()] = document.content["value"]
    return changes


def remove_profile(folder: Path, name: str) -> None:
    """Delete the profile of a device. `UnknownName` when there is none."""
    path = profile_path(folder, name)
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"{shown_path(path)}: cannot be removed: {error.strerror}", "check its permissions") from None


def _refuse_taken(folder: Path, name: str) -> None:
    for path in _profile_files(folder):
        if path.stem.lower() == name.lower():
            raise UsageError(
                f"{shown_path(path)}: this profile exists already",
                f"change it with: dynofarm device edit {path.stem}",
            )


def _unknown_device(name: str, known: Sequence[str]) -> UnknownName:
    near = difflib.get_close_matches(name, known, n=3)
    listed = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return UnknownName(f"there is no device {name!r}; {listed}", "see them with: dynofarm device list")


def _profile_files(folder: Path) -> list[Path]:
    """Hidden files are the editors' own; a folder with such a name is listed, so that it is named as a fault."""
    if not folder.is_dir():
        raise ConfigError(f"{shown_path(folder)}: there is no such folder", "make one with: dynofarm init")
    return sorted(
        path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and not path.name.startswith(".")
    )


def _read(path: Path) -> tuple[Device | None, list[Fault]]:
    document, faults = read_document(path)
    return device_of(document, faults, path.stem) if document is not None else (None, faults)


def _parse(text: str, file: str, name: str) -> tuple[Device | None, list[Fault]]:
    document, faults = parse_document(text, file)
    return device_of(document, faults, name) if document is not None else (None, faults)


def _steps(changes: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """`{"thermal": {"start_c": 50}}` and `{"thermal.start_c": 50}` alike as `{("thermal", "start_c"): 50}`."""
    steps: dict[tuple[str, ...], Any] = {}
    for key, value in changes.items():
        path = tuple(key.split("."))
        if isinstance(value, Mapping):
            steps |= {(*path, *inner): one for inner, one in _steps(value).items()}
        elif key in _NUMBERS and isinstance(value, str):
            steps[path] = parse_changes([f"{key}={value}"])[key]
        else:
            steps[path] = value
    return steps


def _unknown_changes(file: str, steps: Mapping[tuple[str, ...], Any]) -> list[Fault]:
    from orchestrator.profiles.schema import Profile
    from orchestrator.yaml.schema import key_rows, unknown_key
    from orchestrator.yaml.secrecy import REMEDY, secret_in_key

    known = [row.name for row in key_rows(Profile)]
    faults = []
    for step in steps:
        name = ".".join(step)
        if name not in (*known, "thermal"):
            text = f"found a secret; {REMEDY}" if secret_in_key(step[-1]) else unknown_key(name, known)
            faults.append(Fault(file, 0, 0, name, text))
    return faults


def _without_line(fault: Fault) -> Fault:
    """The line of a text that the user never saw would only mislead."""
    return Fault(fault.file, 0, 0, fault.key, fault.text)
