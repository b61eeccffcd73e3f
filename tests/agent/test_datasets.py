import json
import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.datasets import DataSetFault, DataSetFile
from agent.datasets_line import Description, read_line
from orchestrator.datasets.writing import Column, line_of, placed, write_file

ROOT = Path(__file__).resolve().parents[2]
IDS = [[2, 5, 3, 0], [2, 6, 7, 3], [2, 3, 0, 0]]
WORDS = ["good", "", "naïve 🙂"]


def integers(name: str, rows: list[list[int]], dtype: str = "int32", code: str = "i") -> Column:
    data = b"".join(struct.pack(f"<{len(row)}{code}", *row) for row in rows)
    return Column(name, dtype, (len(rows), len(rows[0])), data)


def texts(words: list[str]) -> list[Column]:
    parts = [word.encode() for word in words]
    offsets = [sum(map(len, parts[:number])) for number in range(len(parts) + 1)]
    data = b"".join(parts)
    return [
        Column("text_offsets", "int64", (len(offsets),), struct.pack(f"<{len(offsets)}q", *offsets)),
        Column("text", "uint8", (len(data),), data),
    ]


def described(scope: str, columns: list[Column], examples: int = 3) -> Description:
    return Description("small", scope, examples, "0" * 64, "CC0-1.0", "made here", [], None, placed(columns))


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    columns = [integers("input_ids", IDS), integers("attention_mask", [[1, 1, 1, 0]] * 3)]
    path = tmp_path / "ids"
    write_file(path, described("model", columns), columns)
    return path


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words"
    write_file(path, described("end_to_end", texts(WORDS)), texts(WORDS))
    return path


def rewritten(path: Path, **changes: Any) -> Path:
    """The file with another line before the same arrays."""
    line, _, rest = path.read_bytes().partition(b"\n")
    plain = {**json.loads(line), **changes}
    text = json.dumps({key: value for key, value in plain.items() if value != "gone"}).encode()
    path.write_bytes(text + b" " * (-(len(text) + 1) % 64) + b"\n" + rest)
    return path


def first_array(path: Path, **changes: Any) -> Path:
    arrays = json.loads(path.read_bytes().partition(b"\n")[0])["arrays"]
    return rewritten(path, arrays=[{**arrays[0], **changes}, *arrays[1:]])


def test_an_example_is_read_alone(ids):
    with DataSetFile(str(ids)) as file:
        found = file.inputs(1)
    assert [(array.name, array.dtype, array.shape) for array in found] == [
        ("input_ids", "int32", [1, 4]),
        ("attention_mask", "int32", [1, 4]),
    ]
    assert struct.unpack("<4i", found[0].data) == (2, 6, 7, 3)


def test_a_model_that_wants_wider_integers_gets_them(ids):
    with DataSetFile(str(ids)) as file:
        found = file.inputs(0, "int64")[0]
    assert (found.dtype, struct.unpack("<4q", found.data)) == ("int64", (2, 5, 3, 0))


def test_numbers_that_do_not_fit_are_refused_and_not_cut(tmp_path):
    columns = [integers("input_ids", [[300, -1]])]
    write_file(tmp_path / "x", described("model", columns, 1), columns)
    with DataSetFile(str(tmp_path / "x")) as file:
        with pytest.raises(DataSetFault, match="is int32 and does not fit uint8"):
            file.inputs(0, "uint8")
        with pytest.raises(DataSetFault, match="does not fit string"):
            file.inputs(0, "string")


def test_several_examples_come_as_one_array(ids):
    with DataSetFile(str(ids)) as file:
        found = file.rows("input_ids", 1, 2)
    assert found.shape == [2, 4]
    assert struct.unpack("<8i", found.data) == (*IDS[1], *IDS[2])


def test_a_text_is_read_alone(words):
    with DataSetFile(str(words)) as file:
        assert [file.text("text", index) for index in (2, 0, 1)] == [WORDS[2], WORDS[0], WORDS[1]]
        assert file.has("text")
        assert not file.has("pair")


def test_every_array_begins_where_memory_can_be_mapped(ids, words):
    for path in (ids, words):
        start = path.read_bytes().index(b"\n") + 1
        with DataSetFile(str(path)) as file:
            assert [(start + array.offset_bytes) % 64 for array in file.description.arrays] == [0, 0]


def test_reading_does_not_load_the_file(tmp_path):
    rows = 1_000_000
    columns = [Column("input_ids", "int32", (rows, 64), b"")]
    path = tmp_path / "big"
    array = {"name": "input_ids", "dtype": "int32", "shape": [rows, 64], "offset_bytes": 0, "crc32": 0}
    write_file(path, described("model", [integers("input_ids", [[0]])], 1), [integers("input_ids", [[0]])])
    rewritten(path, examples=rows, arrays=[array])
    os.truncate(path, path.read_bytes().index(b"\n") + 1 + rows * 256)  # a hole: it takes no room
    with DataSetFile(str(path)) as file:
        assert file.rows(columns[0].name, rows - 1).data == bytes(256)


@pytest.mark.parametrize("index", [-1, 3, 10**12])
def test_an_example_that_is_not_there_is_named(ids, words, index):
    with DataSetFile(str(ids)) as file, pytest.raises(DataSetFault, match=rf"ids has no example {index}: .* 0 to 2"):
        file.inputs(index)
    with DataSetFile(str(words)) as file, pytest.raises(DataSetFault, match=f"words has no example {index}"):
        file.text("text", index)


def test_an_array_that_is_not_there_is_named_with_those_that_are(ids):
    with DataSetFile(str(ids)) as file:
        with pytest.raises(DataSetFault, match="has no array 'label'; it has input_ids, attention_mask"):
            file.rows("label", 0)
        with pytest.raises(DataSetFault, match="has no array 'text_offsets'"):
            file.text("text", 0)


def test_a_file_that_was_cut_off_anywhere_is_refused(ids):
    whole = ids.read_bytes()
    for size in {*range(0, len(whole), 23), *range(len(whole) - 70, len(whole))}:
        ids.write_bytes(whole[:size])
        with pytest.raises(DataSetFault, match=r"ids (is cut off|does not begin with the line)"):
            DataSetFile(str(ids))


def test_a_file_with_something_behind_its_end_is_refused(ids):
    ids.write_bytes(ids.read_bytes() + b"\0")
    with pytest.raises(DataSetFault, match="is longer than it says"):
        DataSetFile(str(ids))


def test_a_flipped_bit_in_an_array_is_found_by_looking(ids):
    data = bytearray(ids.read_bytes())
    data[-1] ^= 1
    ids.write_bytes(data)
    with DataSetFile(str(ids)) as file, pytest.raises(DataSetFault, match="array 'attention_mask' has the checksum"):
        file.check()


def test_a_sound_file_passes(ids, words):
    for path in (ids, words):
        with DataSetFile(str(path)) as file:
            file.check()


def test_a_file_that_shrinks_while_it_is_open_is_a_sentence(ids):
    with DataSetFile(str(ids)) as file:
        os.truncate(ids, ids.stat().st_size - 20)
        with pytest.raises(DataSetFault, match="ended before byte"):
            file.inputs(2)
        with pytest.raises(DataSetFault, match="ended before byte"):
            file.check()


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ([0, 9, 3, 4], "text 0 lies from byte 0 to byte 9 of 4"),
        ([0, 3, 1, 4], "text 1 lies from byte 3 to byte 1 of 4"),
        ([0, 1, 2, 2**62], "text 2 lies from byte 2 to byte"),
        ([-5, 1, 3, 4], "text 0 lies from byte -5 to byte 1"),
    ],
)
def test_offsets_that_make_no_sense_are_refused(tmp_path, offsets, words):
    columns = [
        Column("text_offsets", "int64", (4,), struct.pack("<4q", *offsets)),
        Column("text", "uint8", (4,), b"abcd"),
    ]
    write_file(tmp_path / "x", described("end_to_end", columns), columns)
    with DataSetFile(str(tmp_path / "x")) as file, pytest.raises(DataSetFault, match=words):
        for index in range(3):
            file.text("text", index)


def test_a_text_that_is_not_utf_8_is_refused(tmp_path):
    columns = [Column("text_offsets", "int64", (2,), struct.pack("<2q", 0, 2)), Column("text", "uint8", (2,), b"\xc3(")]
    write_file(tmp_path / "x", described("end_to_end", columns, 1), columns)
    with DataSetFile(str(tmp_path / "x")) as file, pytest.raises(DataSetFault, match="text 0 is not UTF-8"):
        file.text("text", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"\0" * 1000,
        b"{" * 63 + b"\n",
        b"{" * 100_000,
        (b'{"a":' + b"[" * 60_000).ljust(64 * 1000 - 1) + b"\n",
        b"\xff\xfe{}".ljust(63) + b"\n",
        b'{"\xff": 1}'.ljust(63) + b"\n",
        b"[1, 2]".ljust(63) + b"\n",
        b"{}".ljust(63) + b"\n",
        b'{"format": "parquet"}'.ljust(63) + b"\n",
        b"PK\3\4".ljust(200),
        b"TFL3" * 5000,
    ],
    ids=range(14),
)
def test_what_is_no_data_set_is_said_to_be_none(tmp_path, data):
    path = tmp_path / "garbage"
    path.write_bytes(data)
    with pytest.raises(
        DataSetFault, match=r"garbage (does not begin with (the line of a data set|a line of JSON)|is no data)"
    ):
        DataSetFile(str(path))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataSetFault, match="pipe is not a regular file"):
        DataSetFile(str(tmp_path / "pipe"))


def test_a_folder_and_a_file_that_is_not_there_are_what_they_are(tmp_path):
    with pytest.raises(DataSetFault, match="is not a regular file"):
        DataSetFile(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        DataSetFile(str(tmp_path / "none"))


def test_a_newer_format_is_told_from_damage(ids):
    with pytest.raises(DataSetFault, match="ids is of version 2, and only 1 is known"):
        DataSetFile(str(rewritten(ids, version=2)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "gone"}, "its line has no 'name'"),
        ({"extra": 1}, "its line has an unknown 'extra'"),
        ({"name": 7}, "name is 7, not a text"),
        ({"examples": "3"}, "examples is '3', not a count"),
        ({"examples": True}, "examples is True, not a count"),
        ({"examples": 3.0}, "examples is 3.0, not a count"),
        ({"examples": -1}, "examples is -1, not a count"),
        ({"examples": 2**60}, "examples is 1152921504606846976, not a count"),
        ({"examples": 0}, "has no examples"),
        ({"examples": 4}, r"array 'input_ids' is int32 of \[3, 4\]"),
        ({"scope": "training"}, "unknown scope 'training'; known: model, end_to_end, labels"),
        ({"scope": "end_to_end"}, "has the scope end_to_end and no texts"),
        ({"classes": "ab"}, "classes is 'ab', not a list"),
        ({"classes": [1]}, "a class is 1, not a text"),
        ({"arrays": []}, "it has no arrays"),
        ({"arrays": {}}, "arrays is {}, not a list"),
        ({"arrays": [1]}, "an array is 1, not an object"),
        ({"arrays": [{}]}, "an array has no"),
        ({"tokens": []}, r"tokens is \[\], not an object"),
        ({"tokens": {"length": 4}}, "tokens has no 'lower'"),
        (
            {"tokens": {"length": 4, "lower": 1, "vocabulary": "", "vocabulary_size": 1}},
            "lower is 1, not true or false",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_the_key(ids, changes, words):
    with pytest.raises(DataSetFault, match=words):
        DataSetFile(str(rewritten(ids, **changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtype": "complex64"}, "unknown type 'complex64'; known: bool, int8"),
        ({"shape": []}, r"has the shape \[\]"),
        ({"shape": [3, -4]}, "a dimension is -4, not a count"),
        ({"shape": [3, 2**30, 2**30]}, "has the shape"),
        ({"shape": [3, 2**30]}, "lies at byte 64, not"),
        ({"offset_bytes": 1}, "array 'input_ids' lies at byte 1, not 0"),
        ({"name": "attention_mask"}, "two of one name"),
        ({"name": "x_offsets"}, "array 'x_offsets' is int32"),
        ({"crc32": None}, "crc32 is None, not a count"),
    ],
)
def test_an_array_that_makes_no_sense_is_refused(ids, changes, words):
    with pytest.raises(DataSetFault, match=words):
        DataSetFile(str(first_array(ids, **changes)))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0), value=st.integers(0, 255))
def test_no_damaged_byte_brings_anything_but_a_data_set_or_a_sentence(words, place, value):
    whole = bytearray(words.read_bytes())
    whole[place % len(whole)] = value
    damaged = words.with_name("damaged")
    damaged.write_bytes(whole)
    try:
        with DataSetFile(str(damaged)) as file:
            file.check()
            assert len([file.text("text", index) for index in range(file.description.examples)]) == 3
    except DataSetFault as fault:
        assert str(fault).startswith("damaged ")


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
NESTED = st.recursive(
    JSON, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3)
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from([*Description._fields, "version", "format"]), value=NESTED)
def test_whatever_stands_behind_a_key_it_is_a_description_or_a_sentence(words, key, value):
    plain = json.loads(words.read_bytes().partition(b"\n")[0])
    try:
        found = read_line(json.dumps({**plain, key: value}).encode())
        assert getattr(found, key) == value
    except ValueError as error:
        assert str(error).startswith(("is ", "has "))


def test_a_file_that_was_opened_in_vain_is_closed_again(ids):
    ids.write_bytes(ids.read_bytes()[:-1])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(DataSetFault):
            DataSetFile(str(ids))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_line_is_the_same_whoever_writes_it(ids):
    line = ids.read_bytes().partition(b"\n")[0] + b"\n"
    assert line_of(read_line(line)) == line


def test_other_pythons_read_the_same(other_python, ids, words):
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from agent.datasets import DataSetFault, DataSetFile\n"
        "with DataSetFile(sys.argv[2]) as ids, DataSetFile(sys.argv[3]) as words:\n"
        "    ids.check(); words.check()\n"
        "    rows = [[array.data.hex() for array in ids.inputs(i, 'int64')] for i in range(3)]\n"
        "    print(json.dumps([rows, [words.text('text', i) for i in range(3)]]))\n"
        "try:\n"
        "    DataSetFile(sys.argv[1] + '/pyproject.toml')\n"
        "except DataSetFault as fault:\n"
        "    print(fault)\n"
    )
    done = subprocess.run(
        [other_python, "-I", "-S", "-c", script, str(ROOT), str(ids), str(words)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found, fault = done.stdout.splitlines()
    with DataSetFile(str(ids)) as file:
        wanted = [[array.data.hex() for array in file.inputs(index, "int64")] for index in range(3)]
    assert json.loads(found) == [wanted, WORDS]
    assert fault == "pyproject.toml does not begin with the line of a data set"
