"""YAML with positions: what is right comes out plain, what is wrong comes out as `file:line:column: key: text`."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.yaml.document import config_error, shown_path
from orchestrator.yaml.reading import MAX_FILE_BYTES, parse_document, read_document
from orchestrator.yaml.secrecy import REMEDY

MAPPING = "allowed: a mapping of keys to values (key: value)"

COMMENTS = "found comments in a place that cannot be read, allowed: comments behind values"


def lines_of(text: str) -> list[str]:
    _, faults = parse_document(text, "x.yaml")
    return str(config_error(faults, "").message).splitlines()


def content_of(text: str) -> object:
    document, faults = parse_document(text, "x.yaml")
    assert not faults
    assert document is not None
    return document.content


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("user: no\nother: yes\n", {"user": "no", "other": "yes"}),  # Norway
        ("on: [a, off]\n", {"on": ["a", "off"]}),
        ("a: true\nb: False\n", {"a": True, "b": False}),
        ("a: 010\nb: 0o10\nc: 0x10\nd: 1_000\n", {"a": 10, "b": 8, "c": 16, "d": 1000}),
        ("a: 1e3\nb: -.5\n", {"a": 1000.0, "b": -0.5}),
        ("a:\nb: null\nc: ~\n", {"a": None, "b": None, "c": None}),
        ("a: 2026-01-01\nb: 10:30\n", {"a": "2026-01-01", "b": "10:30"}),
        ("a: '5'\nb: !!str 5\n", {"a": "5", "b": "5"}),
        ("a: &x [1, 2]\nb: *x\n", {"a": [1, 2], "b": [1, 2]}),
        ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n", {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}}),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", {"a": 1, "b": 1, "c": 2, "d": 2}),
        ("\ufeffa: 1\r\nb: 2\r\n", {"a": 1, "b": 2}),
        ("---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_yaml_1_2_comes_out_as_plain_values(text: str, content: object) -> None:
    if text.startswith("\ufeff"):
        text = text.encode().decode("utf-8-sig")
    assert content_of(text) == content


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [f"x.yaml:1:1: found nothing, {MAPPING}"]),
        ("# only words\n", [f"x.yaml:1:1: found nothing, {MAPPING}"]),
        ("\n- a\n- b\n", [f"x.yaml:2:1: found a list, {MAPPING}"]),
        ("hello\n", [f"x.yaml:1:1: found a single value, {MAPPING}"]),
        (
            "a: 1\nb: 2\na: 3\nb: 4\n",
            [
                "x.yaml:3:1: a: found the key a second time, allowed: once; the first is in line 1",
                "x.yaml:4:1: b: found the key a second time, allowed: once; the first is in line 2",
            ],
        ),
        ("a:\n\t- b\n", ["x.yaml:2:1: found a tab, allowed: spaces for indentation"]),
        ("a:\n  b: 1\n\tc: 2\n", ["x.yaml:3:1: found a tab, allowed: spaces for indentation"]),
        (
            "a: b: c\n",
            [
                "x.yaml:1:5: found a second colon or a wrong indentation, "
                "allowed: one key a line; text with ': ' in quotes"
            ],
        ),
        (
            "a: 'x\nb: 1\n",
            ["x.yaml:3:1: found the end of the file inside what line 1 begins, allowed: a closing quote or bracket"],
        ),
        (
            "a: [1,\n  2\n",
            ["x.yaml:3:1: found the end of the file inside what line 1 begins, allowed: a closing quote or bracket"],
        ),
        ("a: [1,\n  2}\n", ["x.yaml:2:4: wrong YAML: expected ',' or ']', but got '}'"]),
        ("a: 1\n---\nb: 2\n", ["x.yaml:2:1: found a second document (---), allowed: one"]),
        (
            "a: *b\n",
            ["x.yaml:1:4: found an alias without its anchor, allowed: an anchor (&name) above the alias (*name)"],
        ),
        ("a: @x\n", ["x.yaml:1:4: wrong YAML: found character '@' that cannot start any token"]),
        ("%YAML 1.1\n---\na: no\n", ["x.yaml:1:1: found the directive %YAML, allowed: plain YAML 1.2"]),
        (
            "a: !!python/object:os.system ls\nb: !own [1]\n",
            [
                "x.yaml:1:4: a: found the tag !!python/object:os.system, allowed: plain values without tags",
                "x.yaml:2:4: b: found the tag !own, allowed: plain values without tags",
            ],
        ),
        (
            "a: .inf\nb: .nan\n",
            [
                f"x.yaml:{n}:4: {k}: found {t}, allowed: a finite number of at most 64 bits"
                for n, k, t in [(1, "a", ".inf"), (2, "b", ".nan")]
            ],
        ),
        (f"a: {'9' * 30}\n", [f"x.yaml:1:4: a: found {'9' * 30}, allowed: a finite number of at most 64 bits"]),
        (f"a: {'9' * 5000}\n", [f"x.yaml:1:4: a: found {'9' * 40}, allowed: a finite number of at most 64 bits"]),
        ("t:\n  1: x\n", ["x.yaml:2:3: t: found the key 1, allowed: text as a key (in quotes if need be)"]),
        ("? [a]\n: x\n", ["x.yaml:1:3: found the key a list, allowed: text as a key (in quotes if need be)"]),
        (": # c\n\n  a[# c\n  \n", [f"x.yaml:1:1: {COMMENTS}"]),
        ("a: &x [*x]\n", ["x.yaml:1:4: found an alias inside its own anchor, allowed: values that end"]),
        ("a: [" * 4000, ["x.yaml:1:1: found brackets nested too deeply to be read, allowed: a few levels"]),
        (
            'a: "\\ud823"\n',
            ["x.yaml:1:4: a: found half of a character (\\ud800 to \\udfff), allowed: whole ones"],
        ),
        ("a: b\x07\n", ["x.yaml:1:5: found the character U+0007, allowed: printable text"]),
        ("a: 1\nb: {<<: 5}\n", ["x.yaml:2:9: b.<<: found a single value, allowed: an alias of a mapping"]),
    ],
)
def test_wrong_yaml_is_told_with_its_place(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


def test_aliases_that_multiply_are_stopped() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 9):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n"
    (line,) = lines_of(text)
    assert line.endswith("found more than 100000 values, aliases counted in full")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("password: hunter2\n", "x.yaml:1:1: password: found a secret"),
        ("ssh:\n  key_passphrase:\n", "x.yaml:2:3: ssh.key_passphrase: found a secret"),
        ("a: {Private-Key: hunter2}\n", "x.yaml:1:5: a.Private-Key: found a secret"),
        ("notes: 'root password: hunter2'\n", "x.yaml:1:8: notes: found what looks like a password"),
        (
            "k: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  hunter2\n",
            "x.yaml:1:4: k: found what looks like a private key",
        ),
        ("k: [a, b3BlbnNzaC1rZXktdjEAAAA]\n", "x.yaml:1:8: k[1]: found what looks like a private key"),
        ("a: 1\n# -----BEGIN RSA PRIVATE KEY-----\n", "x.yaml:2:3: found what looks like a private key"),
        ("k: -----BEGIN PRIVATE KEY-----\nhunter2\n-----END\n", "x.yaml:1:4: found what looks like a private key"),
    ],
)
def test_a_secret_is_refused_with_the_remedy_and_never_repeated(text: str, place: str) -> None:
    lines = lines_of(text)
    assert lines == [f"{place}; {REMEDY}"]
    assert "hunter2" not in lines[0]
    assert "ssh-agent" in lines[0]
    assert "key_file" in lines[0]


@pytest.mark.parametrize("key", ["key_file", "passes", "password_free_login", "compass", "tokens"])
def test_a_harmless_key_is_no_secret(key: str) -> None:
    assert content_of(f"{key}: x\n") == {key: "x"}


def test_a_fault_points_at_the_value_or_at_its_key() -> None:
    document, _ = parse_document("a: 1\nthermal:\n  start_c:   50\n", "x.yaml")
    assert document is not None
    assert str(document.fault(("thermal", "start_c"), "t")) == "x.yaml:3:14: thermal.start_c: t"
    assert str(document.fault(("thermal", "start_c"), "t", at_key=True)) == "x.yaml:3:3: thermal.start_c: t"
    assert str(document.fault(("thermal", "limit_s"), "t")) == "x.yaml:3:3: thermal.limit_s: t"
    assert str(document.fault(("b", 3), "t")) == "x.yaml:1:1: b[3]: t"


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "big.yaml").write_text("#" * (MAX_FILE_BYTES + 1))
    (tmp_path / "dead.yaml").symlink_to("nowhere")
    found = {}
    for name in ("folder", "big", "dead", "missing"):
        document, faults = read_document(tmp_path / f"{name}.yaml")
        assert document is None
        found[name] = [str(fault).removeprefix(f"{tmp_path}/") for fault in faults]
    assert found == {
        "folder": ["folder.yaml: found a folder, allowed: a YAML file"],
        "big": ["big.yaml: found 1000001 bytes, allowed: at most 1000000"],
        "dead": ["dead.yaml: there is no such file"],
        "missing": ["missing.yaml: there is no such file"],
    }


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"a: 1\nb: caf\xe9\n", "2:7: found the byte 0xe9"),
        ("a: ä".encode() + b"\xff", "1:5: found the byte 0xff"),
        (b"\xef\xbb\xbfa: 1\r\nb: \xff", "2:4: found the byte 0xff"),
        ("a: 1".encode("utf-16"), "1:1: found the byte 0xff"),
    ],
)
def test_bytes_that_are_not_utf_8_are_told_with_their_place(tmp_path: Path, data: bytes, place: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    document, faults = read_document(path)
    assert document is None
    assert [str(fault) for fault in faults] == [f"{path}:{place}, which is not UTF-8; allowed: a file saved as UTF-8"]


def test_a_path_below_this_folder_is_shown_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(tmp_path / "device_profiles" / "a.yaml") == "device_profiles/a.yaml"
    assert shown_path(Path("a.yaml")) == "a.yaml"
    assert shown_path(tmp_path.parent / "b.yaml") == str(tmp_path.parent / "b.yaml")


def test_faults_come_in_the_order_of_files_and_lines() -> None:
    faults = [
        fault
        for text, name in [("a: !x 1\nb: !x 2\n", "2.yaml"), ("- 1", "1.yaml")]
        for fault in parse_document(text, name)[1]
    ]
    places = [line.split(": ")[0] for line in config_error(faults[::-1], "").message.splitlines()]
    assert places == ["1.yaml:1:1", "2.yaml:1:4", "2.yaml:2:4"]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab: -[]{}&*!#|>'\"%@`,?\n\t\r0.~<\x00\x85\u2028ä")), max_size=60))
def test_any_text_gives_a_document_or_faults_with_places(text: str) -> None:
    document, faults = parse_document(text, "x.yaml")
    assert document is not None or faults
    assert all(fault.line >= 1 and fault.column >= 1 and fault.text for fault in faults)
