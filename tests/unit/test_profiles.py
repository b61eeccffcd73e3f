"""Device profiles: every fault of every file at once, and edits that leave the rest of a file alone."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.devices import Device, Kind, Link
from orchestrator.errors import ConfigError, UnknownName, UsageError
from orchestrator.profiles import (
    device_from_options,
    edit_profile,
    find_device,
    load_profile,
    load_profiles,
    parse_changes,
    profile_path,
    remove_profile,
    write_profile,
)
from orchestrator.profiles.reading import THIS_MACHINE
from orchestrator.profiles.text import profile_text, profiles_readme
from orchestrator.yaml.edit import change
from orchestrator.yaml.secrecy import REMEDY

KEYS = (
    "transport, kind, host, user, port, key_file, jump, python, work_dir, tags, group, board_model, site, relay, "
    "relay_address, runtimes, thermal, cpus, governor, clock_khz, power, push_while_measuring, storage_limit, "
    "connect_timeout_s, notes"
)
HOST = "a host name, an address, or a Host of your ssh_config"
FULL = Device(
    name="kitchen",
    kind=Kind.EMULATED,
    host="10.0.0.4",
    user="pi",
    port=2222,
    key_file="~/.ssh/farm key",
    jump="me@gate:22",
    python="/usr/bin/python3.9",
    work_dir="/srv/dynofarm",
    tags=("arm64", "no", "5"),
    group="rack-1",
    runtimes=("litert", "onnxruntime"),
    thermal_start_c=50.5,
    thermal_limit_s=90.0,
    cpus=(0, 1, 3),
    governor="performance",
    clock_khz=1_500_000,
    power=("~/bin/pdu", "--cycle", "7", "{host}"),
    push_while_measuring=True,
    storage_limit_bytes=3 * 2**30,
    connect_timeout_s=2.5,
    notes='stands: "here" # really\nsecond line',
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    profiles = tmp_path / "device_profiles"
    profiles.mkdir()
    return profiles


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


def faults_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_profile(put(folder, "k", text))
    assert "README.md" in caught.value.hint
    return [line.removeprefix("device_profiles/") for line in caught.value.message.splitlines()]


def test_two_lines_are_a_profile(folder: Path) -> None:
    device = load_profile(put(folder, "kitchen", "host: 10.0.0.4\nuser: pi\n"))
    assert device == Device("kitchen", host="10.0.0.4", user="pi")


def test_every_key_arrives_in_the_device(folder: Path) -> None:
    text = """
kind: emulated
host: 10.0.0.4
user: pi
port: 2222
key_file: ~/.ssh/farm key
jump: me@gate:22
python: /usr/bin/python3.9
work_dir: /srv/dynofarm
tags: [arm64, no, "5", arm64]
group: rack-1
runtimes: [litert, onnxruntime]
thermal: {start_c: 50.5, limit_s: 1m30s}
cpus: 0-1,3
governor: performance
clock_khz: 1500000
power: [~/bin/pdu, --cycle, '7', '{host}']
push_while_measuring: true
storage_limit: 3 GiB
connect_timeout_s: 2.5
notes: |-
  stands: "here" # really
  second line
"""
    device = load_profile(put(folder, "kitchen", text))
    assert device == FULL
    assert device.notes == FULL.notes


def test_a_key_with_nothing_behind_it_counts_as_not_written(folder: Path) -> None:
    text = "host: a\nuser:\nport:\ntags:\nthermal:\n  start_c:\npython:\nnotes:\n"
    assert load_profile(put(folder, "k", text)) == Device("k", host="a")


@pytest.mark.parametrize(
    ("said", "start_c", "auto"),
    [("", None, True), ("auto", None, True), ("off", None, False), ("0", 0.0, True), ("50.5", 50.5, True)],
)
def test_a_start_temperature_is_a_figure_or_the_boards_own_or_none(
    folder: Path, said: str, start_c: float | None, auto: bool
) -> None:
    device = load_profile(put(folder, "k", f"host: a\nthermal: {{start_c: {said}}}\n"))
    assert (device.thermal_start_c, device.thermal_auto) == (start_c, auto)
    assert load_profile(put(folder, "k", profile_text(device))) == device


@pytest.mark.parametrize("cpus", ["big", "little"])
def test_cpus_may_be_named_by_their_size(folder: Path, cpus: str) -> None:
    assert load_profile(put(folder, "k", f"host: a\ncpus: {cpus}\n")).cpus == cpus


@pytest.mark.parametrize("change", ["clock_khz=1800000", "governor=performance", "cpus=big", "thermal.start_c=off"])
def test_what_may_be_set_on_a_board_is_edited_as_all_keys_are(folder: Path, change: str) -> None:
    path = put(folder, "k", "host: a\n")
    edited = edit_profile(path, parse_changes([change]))
    assert edited != Device("k", host="a")
    assert load_profile(path) == edited
    assert edit_profile(path, parse_changes([change.partition("=")[0] + "="])) == Device("k", host="a")


def test_a_single_word_is_a_list_of_one(folder: Path) -> None:
    device = load_profile(put(folder, "k", "host: a\ntags: no\nruntimes: litert\ncpus: 2\n"))
    assert (device.tags, device.runtimes, device.cpus) == (("no",), ("litert",), (2,))


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("transport: local", THIS_MACHINE),
        ("host: 127.0.1.4", THIS_MACHINE),
        ("host: localhost", THIS_MACHINE),
        ("host: '::1'", THIS_MACHINE),
        ("host: a\nkind: loopback", THIS_MACHINE),
        ("host: 127.0.0.1\ngroup: tunnel", "tunnel"),
        ("host: 127.0.0.1\njump: gate", None),
        ("host: 10.0.0.4", None),
        ("host: localhost.example", None),
    ],
)
def test_boards_that_are_this_machine_share_a_group_unless_told_otherwise(folder: Path, text: str, group: str) -> None:
    assert load_profile(put(folder, "k", text)).group == group


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("prot: 22\nhost: a\n", [f"k.yaml:1:1: prot: unknown key; did you mean port? allowed: {KEYS}"]),
        ("host: a\nHost: b\n", [f"k.yaml:2:1: Host: unknown key; did you mean host? allowed: {KEYS}"]),
        ("host: a\nwhatever: 1\n", [f"k.yaml:2:1: whatever: unknown key; allowed: {KEYS}"]),
        (
            "host: a\nthermal:\n  strat_c: 5\n",
            ["k.yaml:3:3: thermal.strat_c: unknown key; did you mean start_c? allowed: start_c, limit_s"],
        ),
        ("host: a\nport: 70000\n", ["k.yaml:2:7: port: found 70000, allowed: a whole number from 1 to 65535"]),
        ("host: a\nport: 0\n", ["k.yaml:2:7: port: found 0, allowed: a whole number from 1 to 65535"]),
        (
            "host: a\nport: '22'\n",
            ["k.yaml:2:7: port: found '22' (a number stands without quotes), allowed: a whole number from 1 to 65535"],
        ),
        ("host: a\nport: true\n", ["k.yaml:2:7: port: found true, allowed: a whole number from 1 to 65535"]),
        ("host: 5\n", [f"k.yaml:1:7: host: found 5 (in quotes it is text), allowed: {HOST}"]),
        ("host: [a]\n", [f"k.yaml:1:7: host: found a list, allowed: {HOST}"]),
        (
            "user: pi\n",
            [f"k.yaml:1:1: host: is missing, allowed: {HOST} (or `transport: local`)"],
        ),
        (
            "host: a\nkind: reel\n",
            ["k.yaml:2:7: kind: found 'reel' (did you mean real?), allowed: real, loopback or emulated"],
        ),
        ("transport: telnet\n", ["k.yaml:1:12: transport: found 'telnet', allowed: ssh or local"]),
        (
            "transport: local\nhost: a\nport: 1\n",
            [
                "k.yaml:2:1: host: found with `transport: local`, allowed: only with `transport: ssh`",
                "k.yaml:3:1: port: found with `transport: local`, allowed: only with `transport: ssh`",
            ],
        ),
        (
            "host: a\nruntimes: [litert, onxruntime]\n",
            [
                "k.yaml:2:20: runtimes[1]: found 'onxruntime' (did you mean onnxruntime?), "
                "allowed: a list of litert, ai-edge-litert, tflite-runtime, onnxruntime, openvino, executorch, iree, "
                "mnn, ncnn, fake"
            ],
        ),
        (
            "host: a\ntags: [ok, a b, 3]\n",
            [
                "k.yaml:2:12: tags[1]: found 'a b', allowed: a list of words (letters, digits, . _ -)",
                "k.yaml:2:17: tags[2]: found 3 (in quotes it is text), "
                "allowed: a list of words (letters, digits, . _ -)",
            ],
        ),
        ("host: a\nthermal: 50\n", ["k.yaml:2:10: thermal: found 50, allowed: a mapping with start_c and limit_s"]),
        (
            "host: a\nthermal: {start_c: 500, limit_s: soon}\n",
            [
                "k.yaml:2:20: thermal.start_c: found 500, allowed: degrees Celsius from 0 to 120, auto or off",
                "k.yaml:2:34: thermal.limit_s: found 'soon' ('soon' is not a duration), "
                "allowed: a duration from 0 to 24h, such as 600 or 10m",
            ],
        ),
        (
            "host: a\nthermal: {start_c: warm}\n",
            ["k.yaml:2:20: thermal.start_c: found 'warm', allowed: degrees Celsius from 0 to 120, auto or off"],
        ),
        (
            "host: a\nthermal: {start_c: '50'}\n",
            [
                "k.yaml:2:20: thermal.start_c: found '50' (a number stands without quotes), "
                "allowed: degrees Celsius from 0 to 120, auto or off"
            ],
        ),
        (
            "host: a\nthermal: {start_c: true}\n",
            ["k.yaml:2:20: thermal.start_c: found true, allowed: degrees Celsius from 0 to 120, auto or off"],
        ),
        (
            "host: a\ngovernor: ''\n",
            [
                "k.yaml:2:11: governor: found an empty text, "
                "allowed: the name of a cpufreq governor, such as performance"
            ],
        ),
        (
            "host: a\ngovernor: performance; reboot\n",
            [
                "k.yaml:2:11: governor: found 'performance; reboot', "
                "allowed: the name of a cpufreq governor, such as performance"
            ],
        ),
        (
            "host: a\nclock_khz: 1.5 GHz\n",
            [
                "k.yaml:2:12: clock_khz: found '1.5 GHz', "
                "allowed: a whole number from 1000 to 10000000 (kHz), such as 1500000"
            ],
        ),
        (
            "host: a\nclock_khz: 1.5\n",
            ["k.yaml:2:12: clock_khz: found 1.5, allowed: a whole number from 1000 to 10000000 (kHz), such as 1500000"],
        ),
        (
            "host: a\nstorage_limit: lots\n",
            [
                "k.yaml:2:16: storage_limit: found 'lots' ('lots' is not a size), "
                "allowed: a size from 1 MB to 100 TB, such as 2 GB"
            ],
        ),
        (
            "host: a\nstorage_limit: 1 kB\n",
            ["k.yaml:2:16: storage_limit: found '1 kB', allowed: a size from 1 MB to 100 TB, such as 2 GB"],
        ),
        (
            "host: a\nconnect_timeout_s: 0\n",
            ["k.yaml:2:20: connect_timeout_s: found 0, allowed: seconds, more than 0 and at most 600"],
        ),
        ("host: a\npassword: hunter2\n", [f"k.yaml:2:1: password: found a secret; {REMEDY}"]),
        (
            "host: pi:hunter2@a\n",
            [f"k.yaml:1:7: host: found 'pi:…@a' (the login name stands under user), allowed: {HOST}"],
        ),
        (
            "host: a\nhost: b\n",
            ["k.yaml:2:1: host: found the key a second time, allowed: once; the first is in line 1"],
        ),
        ("", ["k.yaml:1:1: found nothing, allowed: a mapping of keys to values (key: value)"]),
        ("- host: a\n", ["k.yaml:1:1: found a list, allowed: a mapping of keys to values (key: value)"]),
        ("thermal:\n\tstart_c: 5\n", ["k.yaml:2:1: found a tab, allowed: spaces for indentation"]),
    ],
)
def test_a_wrong_profile_is_told_line_by_line(folder: Path, text: str, lines: list[str]) -> None:
    assert faults_of(folder, text) == lines


@pytest.mark.parametrize(
    ("power", "reason"),
    [
        ("pdu --cycle 7", "one text; write a list of words: [pdu, --cycle, 7]"),
        ("[]", "no command"),
        ("{pdu: 7}", "no command"),
        ("[pdu, 7]", "words are texts; put quotes around numbers"),
        ("[pdu, '']", "words are texts"),
        ('[pdu, "a\\nb"]', "words are texts"),
        ("['{host}', a]", "the first word names no program"),
        ("[bin/pdu]", "the first word names no program"),
        ("[-x]", "the first word names no program"),
    ],
)
def test_a_power_command_is_a_list_of_words(folder: Path, power: str, reason: str) -> None:
    (line,) = faults_of(folder, f"host: a\npower: {power}\n")
    assert line.startswith("k.yaml:2:8: power: found")
    assert reason in line


@pytest.mark.parametrize("cpus", ["0-2000", "3-1", "a", "", "[0, x]", "[]", "1.5", "true", "0-", "{a: 1}", "[[0]]"])
def test_cpus_that_are_none_are_refused(folder: Path, cpus: str) -> None:
    (line,) = faults_of(folder, f"host: a\ncpus: {cpus or repr('')}\n")
    assert line.startswith("k.yaml:2:7: cpus: found ")
    assert line.endswith("allowed: a list of CPU numbers, or ranges such as 0-3,6, from 0 to 1023; or big or little")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "-oProxyCommand=touch x"),
        ("host", "a b"),
        ("host", "a;id"),
        ("host", "a\nb"),
        ("host", "$(id)"),
        ("host", "a%h"),
        ("host", "10.0.0.4:22"),
        ("host", "[::1]:22"),
        ("host", "pi@a"),
        ("host", ""),
        ("host", "x" * 300),
        ("user", "-l"),
        ("user", "a b"),
        ("user", "a`id`"),
        ("user", "a\n"),
        ("user", "ä"),
        ("jump", "-J"),
        ("jump", "a,b"),
        ("jump", "me@-x"),
        ("jump", "me@gate:99999"),
        ("jump", "me@gate:x"),
        ("jump", "a:b:c@d"),
        ("python", "-c"),
        ("python", "python3 -c x"),
        ("python", "~/python"),
        ("python", "python;id"),
        ("python", "python\n"),
        ("work_dir", "-x"),
        ("work_dir", "relative"),
        ("work_dir", "/"),
        ("work_dir", "~"),
        ("work_dir", "~other/x"),
        ("work_dir", "/a/../b"),
        ("work_dir", "/a b"),
        ("work_dir", "/a$HOME"),
        ("work_dir", "/a\nb"),
        ("key_file", "-i"),
        ("key_file", "id_ed25519.pub"),
        ("key_file", "a\nb"),
        ("key_file", ""),
        ("group", "a b"),
        ("group", "-a"),
        ("tags", "a\n"),
    ],
)
def test_no_value_smuggles_an_option_or_shell(folder: Path, key: str, value: str) -> None:
    import json

    text = f"{key}: {json.dumps(value)}\n" + ("" if key == "host" else "host: a\n")
    (line,) = faults_of(folder, text)
    assert line.startswith(f"k.yaml:1:{len(key) + 3}: {key}")
    assert ", allowed: " in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "host",
    ["10.0.0.4", "kitchen", "kitchen.local", "a_b", "fe80::1%eth0", "::1", "2001:db8::1", "x1.", "xn--bcher-kva"],
)
def test_every_usual_host_is_taken(folder: Path, host: str) -> None:
    assert load_profile(put(folder, "k", f"host: '{host}'")).host == host


@pytest.mark.parametrize("jump", ["gate", "me@gate", "me@gate:22", "[::1]:2222", "me@[fe80::1%eth0]:22", "10.0.0.1:22"])
def test_every_usual_jump_is_taken(folder: Path, jump: str) -> None:
    assert load_profile(put(folder, "k", f"host: a\njump: '{jump}'")).jump == jump


def test_faults_of_all_files_come_at_once(folder: Path) -> None:
    put(folder, "b", "host: -x\nport: x\n")
    put(folder, "a", "hots: x\n")
    put(folder, "fine", "host: x\n")
    (folder / "c.yaml").mkdir()
    (folder / "fine.yml").write_text("host: y\n")
    put(folder, "all", "host: x\n")
    put(folder, "ä b", "host: x\n")
    put(folder, ".hidden", "nonsense: [")
    (folder / "README.md").write_text("not a profile")
    with pytest.raises(ConfigError) as caught:
        load_profiles(folder)
    lines = caught.value.message.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"device_profiles/{place}"
        for place in (
            "a.yaml:1:1",
            "a.yaml:1:1",
            "all.yaml",
            "b.yaml:1:7",
            "b.yaml:2:7",
            "c.yaml",
            "fine.yml",
            "ä b.yaml",
        )
    ]
    assert lines[2].startswith("device_profiles/all.yaml: the file's name names the device; allowed: letters, digits")
    assert (
        lines[6]
        == "device_profiles/fine.yml: found a second profile of this name beside fine.yaml, allowed: one file a device"
    )


def test_devices_come_by_name_and_an_empty_folder_has_none(folder: Path) -> None:
    assert load_profiles(folder) == []
    for name in ("c", "a", "b"):
        put(folder, name, "host: x\n")
    assert [device.name for device in load_profiles(folder)] == ["a", "b", "c"]


def test_a_missing_folder_is_told_with_the_next_step(folder: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: there is no such folder") as caught:
        load_profiles(folder / "nowhere")
    assert caught.value.hint == "make one with: dynofarm init"


def test_an_unknown_device_lists_the_nearest_or_all(folder: Path) -> None:
    put(folder, "kitchen", "host: a\n")
    put(folder, "attic", "host: a\n")
    with pytest.raises(UnknownName, match=r"there is no device 'kichen'; did you mean kitchen\?"):
        find_device(load_profiles(folder), "kichen")
    with pytest.raises(UnknownName, match="there is no device 'zzz'; known: attic, kitchen"):
        profile_path(folder, "zzz")
    assert find_device(load_profiles(folder), "attic").name == "attic"


@pytest.mark.parametrize("device", [FULL, Device("a", host="x"), Device("l", link=Link.LOCAL, group=THIS_MACHINE)])
def test_what_is_written_is_read_back(folder: Path, device: Device) -> None:
    path = write_profile(folder, device)
    assert path.name == f"{device.name}.yaml"
    found = load_profile(path)
    assert found == device
    assert found.notes == device.notes
    assert path.read_text().count("#") > 8


def test_the_examples_in_a_new_profile_are_allowed(folder: Path) -> None:
    lines = profile_text(Device("k", host="a")).splitlines()
    text = "\n".join(line.removeprefix("# ") if line[2:].split(":")[0] in KEYS.split(", ") else line for line in lines)
    device = load_profile(put(folder, "k", text))
    assert device.port == 22
    assert device.thermal_start_c == 50
    assert device.cpus == (0, 1, 2, 3)
    assert (device.governor, device.clock_khz) == ("performance", 1_500_000)


def test_a_profile_is_never_overwritten(folder: Path) -> None:
    path = put(folder, "kitchen", "host: old\n")
    for name in ("kitchen", "Kitchen"):
        with pytest.raises(UsageError, match=r"kitchen.yaml: this profile exists already"):
            write_profile(folder, Device(name, host="new"))
    assert path.read_text() == "host: old\n"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "-x", "all", "a b", ".x", "x" * 64, "ä", "a\n"])
def test_a_name_that_would_be_no_file_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a device"):
        write_profile(folder, Device(name, host="a"))
    assert list(folder.parent.rglob("*.yaml")) == []


def test_a_bad_device_is_not_written(folder: Path) -> None:
    with pytest.raises(ConfigError, match="k: port: found 99999, allowed: a whole number"):
        write_profile(folder, Device("k", host="a", port=99999))
    assert list(folder.iterdir()) == []


def test_options_of_the_command_line_become_a_device(folder: Path) -> None:
    keys = {"kind": "real", "python": "python3", "tags": ["a"], "group": None, "jump": None}
    assert device_from_options(folder, "k", "pi@[::1]:2222", keys) == Device(
        "k", host="::1", user="pi", port=2222, tags=("a",), group=THIS_MACHINE
    )
    assert device_from_options(folder, "l", None, {}).link is Link.LOCAL
    assert device_from_options(folder, "k", "fe80::1", {}).host == "fe80::1"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("-oX@h", "k: user: found '-oX' (it would pass for an option), allowed: a login name"),
        ("h:99999", "k: port: found 99999, allowed: a whole number from 1 to 65535"),
        ("@h", "k: user: found an empty text (not a login name), allowed: a login name"),
        ("pi@", f"k: host: found an empty text (not a host name), allowed: {HOST}"),
        ("h:x", f"k: host: found 'h:x' (not a host name), allowed: {HOST}"),
    ],
)
def test_a_bad_address_is_told(folder: Path, address: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        device_from_options(folder, "k", address, {})
    assert caught.value.message == text


EDITED = """\
# the kitchen board
host: 10.0.0.4   # wired

# who logs in
user: pi

tags:
  - arm64   # all of them
  # on the desk
  - desk
# how warm
thermal:
  start_c: 50  # measured in May
  limit_s: 10m
cpus: [0, 1]
notes: |
  first line
  second line
# the end
"""


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({"host": "10.0.0.5"}, "10.0.0.4", "10.0.0.5"),
        ({"user": "root"}, "user: pi", "user: root"),
        ({"user": None}, "user: pi\n", ""),
        ({"port": 22}, "# the end\n", "# the end\n"),
        ({"tags": ["arm64", "desk", "new"]}, "  - desk\n", "  - desk\n  - new\n"),
        ({"tags": ["desk"]}, "  - arm64   # all of them\n", ""),
        ({"thermal.start_c": 60}, "start_c: 50", "start_c: 60"),
        ({"thermal": {"start_c": 60}}, "start_c: 50", "start_c: 60"),
        ({"thermal.limit_s": None}, "  limit_s: 10m\n", ""),
        ({"cpus": "0-3"}, "[0, 1]", "0-3"),
        ({"cpus": [2, 3]}, "[0, 1]", "[2, 3]"),
        ({"notes": "no: # \U00018cd6\x00"}, "|\n  first line\n  second line", '"no: # \\U00018cd6\\U00000000"'),
        ({"cpus": None}, "cpus: [0, 1]\n", ""),
        ({"notes": "short"}, "notes: |\n  first line\n  second line\n", "notes: short\n"),
        ({"notes": None}, "notes: |\n  first line\n  second line\n", ""),
    ],
)
def test_an_edit_changes_its_key_and_not_one_character_more(
    folder: Path, changes: dict[str, Any], old: str, new: str
) -> None:
    path = put(folder, "k", EDITED)
    device = edit_profile(path, changes)
    assert device == load_profile(path)
    if "port" in changes:
        assert path.read_text() == EDITED.replace("  second line\n", "  second line\nport: 22\n")
    else:
        assert path.read_text() == EDITED.replace(old, new)


def test_several_edits_come_in_one_step(folder: Path) -> None:
    path = put(folder, "k", EDITED)
    device = edit_profile(
        path, parse_changes(["port=2222", "user=", "tags=[a, no]", "group=rack", "thermal.start_c=55"])
    )
    assert (device.port, device.user, device.tags, device.group) == (2222, None, ("a", "no"), "rack")
    assert device.thermal_start_c == 55
    for comment in ("# the kitchen board", "# wired", "# who logs in", "# how warm", "# measured in May", "# the end"):
        assert comment in path.read_text()


def test_text_from_a_command_line_serves_for_numbers(folder: Path) -> None:
    path = put(folder, "k", "host: a\n")
    device = edit_profile(
        path, {"port": "2222", "connect_timeout_s": "2.5", "storage_limit": "1 GB", "cpus": ["0-1", "3"]}
    )
    assert (device.port, device.connect_timeout_s, device.cpus) == (2222, 2.5, (0, 1, 3))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"prot": 1}, "k: prot: unknown key; did you mean port? allowed: transport, kind"),
        ({"password": "x"}, f"k: password: found a secret; {REMEDY}"),
        ({"thermal": {"x": 1}}, "k: thermal.x: unknown key; did you mean thermal.start_c? allowed: transport"),
        ({"port": 99999}, "device_profiles/k.yaml: port: found 99999, allowed: a whole number from 1 to 65535"),
        ({"host": None}, "host: is missing"),
        ({"transport": "local"}, "device_profiles/k.yaml:2:1: host: found with `transport: local`"),
        ({"host": "-x"}, "device_profiles/k.yaml: host: found '-x' (it would pass for an option)"),
        ({"tags": "a b"}, "found 'a b'"),
        ({"notes": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "found what looks like a private key"),
    ],
)
def test_a_bad_edit_leaves_the_file_untouched(folder: Path, changes: dict[str, Any], text: str) -> None:
    path = put(folder, "k", EDITED)
    with pytest.raises(ConfigError) as caught:
        edit_profile(path, changes)
    assert text in caught.value.message
    assert path.read_text() == EDITED
    assert [one.name for one in folder.iterdir()] == ["k.yaml"]


def test_an_edit_repairs_a_wrong_value(folder: Path) -> None:
    path = put(folder, "k", "host: a\nport: 99999  # typo\n")
    assert edit_profile(path, {"port": 22}).port == 22
    assert path.read_text() == "host: a\nport: 22  # typo\n"


def test_an_edit_keeps_permissions_line_ends_and_links(folder: Path) -> None:
    target = folder.parent / "target.yaml"
    target.write_bytes(b"host: a\r\n# c\r\nuser: pi\r\n")
    target.chmod(0o640)
    path = folder / "k.yaml"
    path.symlink_to(target)
    edit_profile(path, {"port": 22, "user": None})
    assert path.is_symlink()
    assert target.read_bytes() == b"host: a\r\n# c\r\nport: 22\r\n"
    assert target.stat().st_mode & 0o777 == 0o640


def test_an_edit_of_a_clever_file_keeps_its_comments_too(folder: Path) -> None:
    path = put(folder, "k", "# top\nhost: a  # wired\ntags: &t [x]\nruntimes: litert\nnotes: b\n")
    assert edit_profile(path, {"notes": "c", "port": 22}).notes == "c"
    assert "# top" in path.read_text()
    assert "# wired" in path.read_text()
    flow = put(folder, "flow", "{host: a, port: 22}\n")
    assert edit_profile(flow, {"port": 23, "user": "pi"}).port == 23


@pytest.mark.parametrize(
    ("text", "path", "value", "changed"),
    [
        ("", ("host",), "a", "host: a\n"),
        ("# only words", ("thermal", "start_c"), 50, "# only words\nthermal: {start_c: 50}\n"),
        ("host:\nport: 1\n", ("host",), "a", "host: a\nport: 1\n"),
        ("host: # here\n", ("host",), "a", "host: a # here\n"),
        ("host: 'a'", ("port",), 22, "host: 'a'\nport: 22\n"),
        ("tags:\n- a\n- b\nx: 1\n", ("tags",), ["c", "a"], "tags: [c, a]\nx: 1\n"),
        ("tags:\n- a # one\n- b\nx: 1\n", ("tags",), ["a"], "tags:\n- a # one\nx: 1\n"),
        ("t: {a: 1, b: 2} # c\n", ("t", "a"), None, "t: {b: 2} # c\n"),
        ("x: 1\nt: {a: 1}\n", ("t", "a"), None, "x: 1\n"),
        ("x: 1\nt:\n  a: 1 # c\ny: 2\n", ("t", "a"), None, "x: 1\ny: 2\n"),
        ("x: 1\nt:\n  a: 1 # c\n\ny: 2\n", ("t", "b"), "e", "x: 1\nt:\n  a: 1 # c\n  b: e\n\ny: 2\n"),
        ("x: 1\nt: 5\n", ("t", "b"), 6, "x: 1\nt: {b: 6}\n"),
        ("x: >\n  long\n  text\n\n# c\ny: 2\n", ("x",), "short", "x: short\n\n# c\ny: 2\n"),
        ("x: 1\n", ("y",), None, "x: 1\n"),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", ("c",), 5, "a: &x 1\nb: *x\nc: 5\nd: &x 2\n"),
    ],
)
def test_a_change_is_cut_in_where_it_belongs(text: str, path: tuple[str, ...], value: Any, changed: str) -> None:
    assert change(text, path, value) == changed


def test_an_edit_of_broken_yaml_says_where_it_is_broken(folder: Path) -> None:
    path = put(folder, "k", "host: 'a\n")
    with pytest.raises(ConfigError, match=r"k.yaml:2:1: found the end of the file"):
        edit_profile(path, {"port": 22})


@pytest.mark.parametrize("text", ["port", "=5", "port=[", "notes='x"])
def test_what_is_no_change_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_changes([text])
    assert "KEY=VALUE" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_told(folder: Path) -> None:
    if os.geteuid() == 0:
        gone = folder / "gone"
        with pytest.raises(ConfigError, match="there is no such folder"):
            write_profile(gone, Device("k", host="a"))
        return
    folder.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            write_profile(folder, Device("k", host="a"))
    finally:
        folder.chmod(0o700)


def test_a_profile_is_removed_once(folder: Path) -> None:
    put(folder, "k", "host: a\n")
    remove_profile(folder, "k")
    assert list(folder.iterdir()) == []
    with pytest.raises(UnknownName, match="there is no device 'k'; known: none"):
        remove_profile(folder, "k")


def test_the_readme_in_the_repository_is_the_one_from_the_code() -> None:
    readme = Path(__file__).parents[2] / "device_profiles" / "README.md"
    assert readme.read_text() == profiles_readme(), "write it anew: python -m orchestrator.profiles.text"


def test_every_key_of_the_example_page_is_a_key(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to-add-a-board.md").read_text()
    examples = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        assert load_profile(put(folder, f"board-{number}", example)).host


WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True).filter(lambda word: word.isascii())
DEVICES = st.builds(
    Device,
    name=st.just("k"),
    kind=st.sampled_from([Kind.REAL, Kind.EMULATED]),
    host=st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True).filter(lambda host: host != "localhost"),
    user=st.none() | WORDS,
    port=st.none() | st.integers(1, 65535),
    tags=st.lists(WORDS, unique=True).map(tuple),
    group=st.none() | WORDS,
    runtimes=st.lists(st.sampled_from(["litert", "onnxruntime", "fake"]), unique=True).map(tuple),
    thermal_start_c=st.none() | st.integers(0, 120).map(float),
    thermal_limit_s=st.integers(0, 86400).map(float),
    thermal_auto=st.just(True),
    governor=st.none() | st.sampled_from(["performance", "powersave"]),
    clock_khz=st.none() | st.integers(1000, 10**7),
    cpus=st.sampled_from([None, "big", "little"])
    | st.sets(st.integers(0, 1023), min_size=1, max_size=5).map(lambda cpus: tuple(sorted(cpus))),
    storage_limit_bytes=st.integers(10**6, 10**14),
    power=st.lists(st.sampled_from(["pdu", "7", "{host}", "a b", "$x; y", "#", "'", "no"]), max_size=4).map(
        lambda words: ("pdu", *words) if words else ()
    ),
    push_while_measuring=st.booleans(),
    connect_timeout_s=st.floats(0.001, 600),
    notes=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"), max_size=40),
)


@settings(deadline=None, max_examples=50)
@given(DEVICES)
def test_any_device_is_written_and_read_back(device: Device) -> None:
    from orchestrator.profiles.reading import device_of
    from orchestrator.yaml.reading import parse_document

    document, faults = parse_document(profile_text(device), "k.yaml")
    assert document is not None
    found, faults = device_of(document, faults, "k")
    assert not faults
    assert found == device
    assert found is not None
    assert found.notes == device.notes


VALUES = (
    st.none()
    | st.integers(0, 99)
    | st.text("ab:# -\n'\"[]{}é", max_size=8)
    | st.lists(st.sampled_from(["a", "b", "no"]))
)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["host", "tags", "thermal.start_c", "thermal.x", "notes", "new"]), VALUES), max_size=6
    )
)
def test_any_edit_says_exactly_what_was_asked(changes: list[tuple[str, Any]]) -> None:
    from orchestrator.yaml.reading import parse_document

    text = EDITED
    for key, value in changes:
        text = change(text, tuple(key.split(".")), value)
        document, faults = parse_document(text, "")
        assert document is not None
        assert not faults
        found: Any = document.content
        for step in key.split("."):
            found = found.get(step) if found is not None else None
        assert found == value
    for comment in ("# the kitchen board", "# who logs in", "# how warm"):
        assert comment in text


def test_a_relay_stands_in_a_site_and_is_reached_over_ssh(folder: Path) -> None:
    device = load_profile(put(folder, "k", "host: a\nsite: roof\nrelay: true\nrelay_address: '[fe80::1]:2222'\n"))
    assert (device.site, device.relay, device.relay_address) == ("roof", True, "[fe80::1]:2222")
    assert load_profile(write_profile(folder, replace(device, name="copy"))) == replace(device, name="copy")
    assert faults_of(folder, "host: a\nrelay: true\n") == [
        "k.yaml:2:1: relay: found without a site, allowed: beside `site`"
    ]
    assert "relay: found with `transport: local`" in faults_of(folder, "transport: local\nrelay: true\n")[0]
    for wrong in ("pi@10.0.0.9", "-oProxyCommand=x", "10.0.0.9:0", "a b"):
        assert "relay_address" in faults_of(folder, f"host: a\nsite: s\nrelay: true\nrelay_address: '{wrong}'\n")[0]
