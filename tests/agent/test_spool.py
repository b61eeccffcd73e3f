"""Nothing measured is lost, and nothing half-written is taken for a result."""

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from agent import spool
from agent.places import Places
from agent.protocol import Failure, JobFailure, Result, WireError, decode, encode
from tests.agent.serving import make_result, names_in


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


def test_what_is_kept_can_be_read_until_it_is_forgotten(places: Places) -> None:
    line = encode(Result(make_result("a")))
    spool.keep(places, "a", line)
    assert spool.waiting(places) == ["a"]
    assert spool.read_line(places, "a") == line
    assert spool.forget(places, "a")
    assert not spool.forget(places, "a")
    assert spool.waiting(places) == []
    assert spool.read_line(places, "a") is None


def test_failures_wait_like_results_and_the_oldest_comes_first(places: Places) -> None:
    for index, name in enumerate(["z", "m", "a"]):
        spool.keep(places, name, encode(Failure(JobFailure(name, "crashed", "it fell"))))
        os.utime(places.spooled(name), ns=(index, index))
    assert spool.waiting(places) == ["z", "m", "a"]
    line = spool.read_line(places, "m")
    assert line is not None
    assert decode(line).failure.message == "it fell"


def test_keeping_twice_leaves_one(places: Places) -> None:
    spool.keep(places, "a", encode(Result(make_result("a"))))
    second = encode(Failure(JobFailure("a", "crashed", "again")))
    spool.keep(places, "a", second)
    assert names_in(places.spool) == ["a.json"]
    assert spool.read_line(places, "a") == second


@pytest.mark.parametrize(
    "content", [b"", b'{"kind":"result","res', b'{"kind":"ping"}\n', encode(Failure(JobFailure("a", "x", "y")))[:-1]]
)
def test_a_damaged_file_is_no_result_and_is_set_aside(places: Places, content: bytes) -> None:
    path = Path(places.spooled("a"))
    path.write_bytes(content)
    assert spool.read_line(places, "a") is None
    assert names_in(places.spool) == ["a.json.damaged"]
    assert spool.waiting(places) == []


def test_what_was_found_damaged_is_kept_for_a_month(places: Places) -> None:
    old, recent = Path(places.spooled("a") + ".damaged"), Path(places.spooled("b") + ".damaged")
    result = Path(places.spooled("c"))
    for path, days in ((old, 31), (recent, 29), (result, 99)):
        path.write_bytes(b"?")
        os.utime(path, (time.time() - days * 86400,) * 2)
    spool.clear_unfinished(places)
    assert names_in(places.spool) == [recent.name, result.name]
    assert spool.read_line(places, "c") is None
    spool.clear_unfinished(places)
    assert names_in(places.spool) == [recent.name, "c.json.damaged"], "the month begins when it is found"


def test_a_digit_that_a_card_forgot_makes_no_other_result(places: Places) -> None:
    line = encode(Result(make_result("a")))
    spool.keep(places, "a", line)
    path = Path(places.spooled("a"))
    path.write_bytes(path.read_bytes().replace(b"[10,11]", b"[10,13]"))
    assert spool.read_line(places, "a") is None
    assert names_in(places.spool) == ["a.json.damaged"]


def test_the_result_of_another_job_is_not_taken_for_ones_own(places: Places) -> None:
    spool.keep(places, "a", encode(Result(make_result("a"))))
    Path(places.spooled("a")).rename(places.spooled("b"))
    assert spool.read_line(places, "b") is None


def test_what_an_agent_without_seals_kept_is_read(places: Places) -> None:
    line = encode(Result(make_result("a")))
    Path(places.spooled("a")).write_bytes(line)
    assert spool.read_line(places, "a") == line


@pytest.mark.parametrize("name", ["", ".", "..", "../lock", "a/b", ".hidden", "a\0b", "x" * 129, "a b", "ä"])
def test_a_job_id_that_is_no_file_name_is_refused(places: Places, name: str) -> None:
    with pytest.raises(WireError):
        spool.forget(places, name)


def test_a_full_disk_is_met_by_clearing_broken_transfers(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = Path(places.incoming) / "half-a-model"
    leftover.write_bytes(b"x" * 100)
    real = spool.write_whole

    def write(*arguments: Any) -> None:
        if leftover.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(spool, "write_whole", write)
    spool.keep(places, "a", b"line\n")
    assert names_in(places.spool) == ["a.json"]


def test_another_fault_of_the_disk_is_not_hidden(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(places.spool).rmdir()
    with pytest.raises(FileNotFoundError):
        spool.keep(places, "a", b"line\n")
