"""The wire: every message comes back as it went, and from garbage only `WireError` comes."""

import json
import typing
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.protocol import (
    KINDS,
    Error,
    Failure,
    Hello,
    JobFailure,
    Ping,
    Received,
    Reference,
    Result,
    RunJob,
    Surroundings,
    Tune,
    Tuned,
    WireError,
    decode,
    encode,
)
from agent.records import dataclass
from agent.wire import from_plain, to_plain
from tests.making import make_result

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(),
    float: FLOATS,
    str: TEXT,
    bool: st.booleans(),
    Any: PLAIN,
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a wire type, from its annotations."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return st.none() | values(inner[0])
    if origin is list:
        return st.lists(values(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXT, values(inner[1]), max_size=3)
    return SCALARS[kind]


MESSAGES = st.sampled_from(sorted(KINDS)).flatmap(lambda name: values(KINDS[name]))


@settings(deadline=None, max_examples=200)
@given(MESSAGES)
def test_every_message_comes_back_as_it_went(message: Any) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.startswith(b'{"kind":"')
    assert decode(line) == message


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_has_an_example_that_travels(name: str) -> None:
    @settings(deadline=None, max_examples=5)
    @given(values(KINDS[name]))
    def travels(message: Any) -> None:
        assert type(decode(encode(message))) is KINDS[name]

    travels()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_garbage_gives_a_wire_error_and_nothing_else(line: bytes) -> None:
    with pytest.raises(WireError):
        decode(line)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(["job", "result", "job_id", "digest", "x"]), PLAIN)
)
def test_a_true_kind_with_anything_behind_it_gives_a_message_or_a_wire_error(name: str, rest: dict[str, Any]) -> None:
    line = json.dumps({**rest, "kind": name}).encode()
    try:
        message = decode(line)
    except WireError as error:
        assert str(error).startswith(name)
    else:
        assert decode(encode(message)) == message


@settings(deadline=None, max_examples=150)
@given(values(RunJob) | values(Result) | values(Hello), st.data())
def test_a_line_cut_or_changed_gives_a_message_or_a_wire_error(message: Any, data: st.DataObject) -> None:
    line = encode(message)
    at = data.draw(st.integers(0, len(line) - 1))
    for damaged in (line[:at], line[:at] + data.draw(st.binary(min_size=1, max_size=3)) + line[at + 1 :]):
        try:
            decode(damaged)
        except WireError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"", "not a line of the protocol: ''"),
        (b"\n", "not a line of the protocol: ''"),
        (b"Welcome to Debian!\n", "not a line of the protocol: 'Welcome to Debian!'"),
        (b"\xff\xfe\n", "not a line of the protocol: '\\\\xff\\\\xfe'"),
        (b"[" * 100_000, f"not a line of the protocol: '{'[' * 120}…'"),
        (b'{"kind":"error","code":"x","message":"\\ud800"}', None),
        (b"[1]", "no kind in the line: '[1]'"),
        (b"5", "no kind in the line: '5'"),
        (b"{}", "no kind in the line: '{}'"),
        (b'{"kind":5}', f"unknown kind 5; known: {', '.join(sorted(KINDS))}"),
        (b'{"kind":["ping"]}', f"unknown kind ['ping']; known: {', '.join(sorted(KINDS))}"),
        (b'{"kind":"pong"}', f"unknown kind 'pong'; known: {', '.join(sorted(KINDS))}"),
        (b'{"kind":"ping","x":1}', "ping: unknown key 'x'"),
        (b'{"kind":"have"}', "have: missing key 'digests'"),
        (b'{"kind":"have","digests":"a"}', "have.digests: expected a list, found str"),
        (b'{"kind":"have","digests":["a",5]}', "have.digests[1]: expected str, found int"),
        (b'{"kind":"hello","protocol":true,"holder":"x"}', "hello.protocol: expected int, found bool"),
        (b'{"kind":"hello","protocol":1.0,"holder":"x"}', "hello.protocol: expected int, found float"),
        (b'{"kind":"hello","protocol":1,"holder":null}', "hello.holder: expected str, found NoneType"),
        (b'{"kind":"run","job":[]}', "run.job: expected an object, found list"),
        (b'{"kind":"run","job":{"job":1}}', "run.job: unknown key 'job'"),
        (
            b'{"kind":"hello","protocol":1,"holder":"x","heartbeat_s":1' + b"0" * 400 + b"}",
            "hello.heartbeat_s: a number too large for a float",
        ),
    ],
)
def test_a_wrong_line_is_told_with_its_place(line: bytes, text: str | None) -> None:
    with pytest.raises(WireError) as caught:
        decode(line)
    if text is not None:
        assert str(caught.value) == text
    str(caught.value).encode()


def test_the_place_of_a_fault_is_told_to_the_last_item() -> None:
    reference = {"seed": 1, "outputs": [{"name": "o", "dtype": "f", "shape": [1, "2"], "data": ""}], "tolerance": 1}

    @dataclass(frozen=True)
    class Holder:
        references: dict[str, list[Reference]]

    with pytest.raises(
        WireError, match=r"^Holder\.references\.a\[0\]\.outputs\[0\]\.shape\[1\]: expected int, found str$"
    ):
        from_plain(Holder, {"references": {"a": [reference]}})


def test_an_error_never_repeats_a_megabyte() -> None:
    for line in (
        b"x" * 10**6,
        b'{"kind":"' + b"x" * 10**6 + b'"}',
        b'{"kind":"ping","' + b"x" * 10**6 + b'":1}',
    ):
        with pytest.raises(WireError) as caught:
            decode(line)
        assert len(str(caught.value)) < 1000


def test_a_missing_key_takes_its_default_where_it_has_one() -> None:
    assert decode(b'{"kind":"hello","protocol":1,"holder":"x"}') == Hello(1, "x")
    assert decode(b'{"kind":"received","digest":"d","size_bytes":5}') == Received("d", 5)
    defaults = [field for kind in KINDS.values() for field in fields(kind) if field.default is not MISSING]
    assert defaults


def test_a_whole_number_serves_as_a_float() -> None:
    message = decode(b'{"kind":"hello","protocol":1,"holder":"x","heartbeat_s":3}')
    assert isinstance(message.heartbeat_s, float)


def test_what_is_not_unicode_on_a_board_does_not_kill_the_agent() -> None:
    line = encode(Failure(JobFailure("j", "crashed", "no file caf\udce9", "💥")))
    assert decode(line) == Failure(JobFailure("j", "crashed", "no file caf?", "💥"))


def test_text_beyond_the_first_plane_may_come_as_two_escapes() -> None:
    assert decode(b'{"kind":"error","code":"x","message":"\\ud83d\\ude00"}') == Error("x", "😀")


def test_plain_values_are_copies() -> None:
    inner = {"a": [1, {"b": (1, 2)}]}
    plain = to_plain(inner)
    assert plain == {"a": [1, {"b": [1, 2]}]}
    assert plain["a"] is not inner["a"]
    assert encode(Ping()) == b'{"kind":"ping"}\n'


def plain(message: Any) -> dict[str, Any]:
    """A message as the JSON that travels."""
    found: dict[str, Any] = json.loads(encode(message))
    return found


def test_a_result_that_waited_in_a_spool_since_version_1_is_still_read() -> None:
    """A board may keep results for weeks while its orchestrator is upgraded."""
    whole = make_result(surroundings=Surroundings(others_cpu_s=0.25, steal_s=0.0))
    line = plain(Result(whole))
    assert line["result"]["surroundings"]["others_cpu_s"] == 0.25
    del line["result"]["surroundings"]
    old = decode(json.dumps(line).encode())
    assert isinstance(old, Result)
    assert old.result == replace(whole, surroundings=None)


def test_what_is_absent_in_the_surroundings_is_none_and_never_zero() -> None:
    line = plain(Result(make_result(surroundings=Surroundings())))
    line["result"]["surroundings"] = {}
    answer = decode(json.dumps(line).encode())
    assert isinstance(answer, Result)
    assert answer.result.surroundings == Surroundings()
    assert all(value is None for value in vars(Surroundings()).values())


@pytest.mark.parametrize(
    ("surroundings", "told"),
    [
        ({"others_cpu_s": "much"}, "result.result.surroundings.others_cpu_s: expected"),
        ({"swapped_pages": 1.5}, "result.result.surroundings.swapped_pages: expected"),
        ({"others_cpu": 1.0}, "result.result.surroundings: unknown key"),
        ([], "result.result.surroundings: expected"),
    ],
)
def test_surroundings_that_cannot_be_are_refused_by_name(surroundings: Any, told: str) -> None:
    line = plain(Result(make_result()))
    line["result"]["surroundings"] = surroundings
    with pytest.raises(WireError) as caught:
        decode(json.dumps(line).encode())
    assert str(caught.value).startswith(told)


def test_tuning_is_asked_and_answered() -> None:
    assert decode(b'{"kind":"tune","governor":"performance","clock_khz":null}') == Tune("performance", None)
    assert decode(b'{"kind":"tuned","applied":{"governor":"performance"}}') == Tuned({"governor": "performance"})
    with pytest.raises(WireError, match="tune"):
        decode(b'{"kind":"tune","governor":"performance"}')
    with pytest.raises(WireError, match=r"tune\.clock_khz: expected"):
        decode(b'{"kind":"tune","governor":null,"clock_khz":"fast"}')
