"""What lies on a board's disk is looked at before it is believed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import blobs, spool
from agent.places import Places
from agent.protocol import Failure, Have, Holdings, JobFailure, RunJob, encode
from tests.agent.serving import MODEL, MODEL_DIGEST, FolderBoard, make_job, names_in


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(str(tmp_path / "work"))
    found.make()
    return found


@pytest.fixture
def board(tmp_path: Path) -> Iterator[FolderBoard]:
    made = FolderBoard(tmp_path / "board")
    yield made
    made.close()


def test_a_blob_that_changed_since_the_last_visit_is_missing_and_gone(board: FolderBoard) -> None:
    blob = board.work / "blobs" / MODEL_DIGEST
    blob.write_bytes(MODEL[:-1] + b"?")
    with board.serve() as talk:
        assert talk.ask(Have([MODEL_DIGEST]), Holdings) == Holdings([], [MODEL_DIGEST], [])
        assert not blob.exists()
        assert board.receive(MODEL_DIGEST, MODEL)[0] == 0
        assert talk.ask(Have([MODEL_DIGEST]), Holdings) == Holdings([MODEL_DIGEST], [], [])


def test_a_whole_blob_is_hashed_once_in_a_visit(places: Places) -> None:
    Path(places.blob(MODEL_DIGEST)).write_bytes(MODEL)
    breaths: list[int] = []
    for _ in range(3):
        assert blobs.hold(places, [MODEL_DIGEST], lambda: breaths.append(1)).present == [MODEL_DIGEST]
    assert len(breaths) == 1


def test_a_blob_that_cannot_be_read_is_missing(places: Places) -> None:
    Path(places.blob(MODEL_DIGEST)).mkdir()
    assert blobs.hold(places, [MODEL_DIGEST]).missing == [MODEL_DIGEST]


def test_what_a_dead_transfer_left_is_removed_at_once_and_a_living_one_is_not(places: Places) -> None:
    dead, living = Path(places.incoming, "a.4194304"), Path(places.incoming, f"b.{os.getpid()}")
    for path in (dead, living):
        path.write_bytes(b"half")
    blobs.clear_incoming(places)
    assert names_in(places.incoming) == [living.name]


def test_only_files_that_are_named_like_results_are_results(places: Places) -> None:
    folder = Path(places.spool)
    for name in ("a b.json", "..json", ".json", "-x.json", "ü.json", "x" * 200 + ".json"):
        (folder / name).write_bytes(b"{}\n")
    (folder / "folder.json").mkdir()
    (folder / "link.json").symlink_to("/etc/hostname")
    assert spool.waiting(places) == []


@pytest.mark.parametrize("tail", [b"", b'{"kind":"heartbeat"}\n'])
def test_a_result_under_the_name_of_another_job_is_set_aside(places: Places, tail: bytes) -> None:
    told = "other" if not tail else "mine"
    Path(places.spooled("mine")).write_bytes(encode(Failure(JobFailure(told, "crashed", "it fell"))) + tail)
    assert spool.read_line(places, "mine") is None
    assert names_in(places.spool) == ["mine.json.damaged"]


def test_halves_of_results_are_cleared_when_the_board_is_taken(board: FolderBoard) -> None:
    (board.work / "spool" / ".77.tmp").write_bytes(b"half")
    with board.serve():
        assert names_in(board.work / "spool") == []


def test_a_reading_that_is_no_number_is_no_reading() -> None:
    line = encode(RunJob(make_job(options={"x": float("nan"), "y": [float("inf"), 1.5]})))
    assert b'"options":{"x":null,"y":[null,1.5]}' in line
