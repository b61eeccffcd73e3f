"""Who works at a sweep, and the request to stop: it reaches those who work at it now, whoever dies meanwhile."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.records import MUTE_AFTER
from orchestrator.store import Store
from tests.making import MOMENT
from tests.store.conftest import Planner

ROOT = Path(__file__).resolve().parents[2]
LATER = MOMENT + timedelta(seconds=5)


@pytest.fixture
def sweep_id(planned: Planner) -> int:
    return planned("a")[0]


@contextmanager
def another_process(database: Path, statement: str) -> Iterator[subprocess.Popen[str]]:
    """One that has the store open, has done this, and waits; killed at the end."""
    code = (
        "import sys\nfrom orchestrator.store import Store\nfrom tests.making import MOMENT\n"
        f"store = Store.open(sys.argv[1])\n{statement}\nprint('done', flush=True)\nsys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", code, str(database)]
    with subprocess.Popen(argv, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process
        process.kill()


def test_a_sitting_goes_on_from_its_beginning_to_its_end(store: Store, sweep_id: int) -> None:
    number = store.sittings.begin(sweep_id, "anna@lab (process 1)", MOMENT)

    (found,) = store.sittings.now()
    assert (found.number, found.sweep_id, found.holder, found.since) == (
        number,
        sweep_id,
        "anna@lab (process 1)",
        MOMENT,
    )
    assert (found.asked, found.asked_by, found.heard, found.over) == (None, "", None, False)
    store.sittings.end(number, LATER)
    assert store.sittings.now() == []
    (over,) = store.sittings.these([number])
    assert (over.over, over.ended, over.died) == (True, LATER, False)
    assert store.sittings.last(sweep_id) == over


def test_a_request_reaches_everybody_who_works_at_the_sweep_and_nobody_else(
    store: Store, planned: Planner, sweep_id: int
) -> None:
    other, _ = planned("b")
    mine = [store.sittings.begin(sweep_id, "anna@lab", MOMENT) for _ in range(2)]
    foreign = store.sittings.begin(other, "ben@lab", MOMENT)

    asked = store.sittings.ask(sweep_id, "carl@lab", LATER)

    assert [(one.number, one.asked, one.asked_by) for one in asked] == [(number, LATER, "carl@lab") for number in mine]
    assert [store.sittings.asked_by(number) for number in (*mine, foreign)] == ["carl@lab", "carl@lab", None]


def test_a_request_does_not_reach_the_next_sitting_of_the_same_sweep(store: Store, sweep_id: int) -> None:
    first = store.sittings.begin(sweep_id, "anna@lab", MOMENT)
    store.sittings.ask(sweep_id, "ben@lab", MOMENT)
    store.sittings.end(first, LATER)

    second = store.sittings.begin(sweep_id, "anna@lab", LATER)

    assert store.sittings.asked_by(second) is None
    assert second != first


def test_where_nobody_works_nobody_is_asked(store: Store, sweep_id: int) -> None:
    assert store.sittings.ask(sweep_id, "ben@lab", MOMENT) == []
    assert store.sittings.last(sweep_id) is None
    store.sittings.end(store.sittings.begin(sweep_id, "anna@lab", MOMENT), LATER)
    assert store.sittings.ask(sweep_id, "ben@lab", LATER) == []


def test_a_process_that_was_killed_works_no_more_and_leaves_no_request(
    store: Store, sweep_id: int, database: Path
) -> None:
    with another_process(database, f"store.sittings.begin({sweep_id}, 'doomed', MOMENT)") as process:
        (asked,) = store.sittings.ask(sweep_id, "ben@lab", LATER)
        assert asked.holder == "doomed"
        process.kill()
        process.wait()

        assert store.sittings.now() == []
        assert store.sittings.ask(sweep_id, "ben@lab", LATER) == []
        last = store.sittings.last(sweep_id)
        assert last is not None
        assert (last.died, last.over, last.ended) == (True, True, None)
        next_one = store.sittings.begin(sweep_id, "anna@lab", LATER)
        assert store.sittings.asked_by(next_one) is None


def test_a_request_outlives_whoever_asked(store: Store, sweep_id: int, database: Path) -> None:
    number = store.sittings.begin(sweep_id, "anna@lab", MOMENT)
    with another_process(database, f"store.sittings.ask({sweep_id}, 'ben@lab', MOMENT)") as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    assert store.sittings.asked_by(number) == "ben@lab"


def test_who_does_not_hear_is_mute_after_a_while_and_can_be_asked_again(store: Store, sweep_id: int) -> None:
    number = store.sittings.begin(sweep_id, "anna@lab", MOMENT)
    (asked,) = store.sittings.ask(sweep_id, "ben@lab", MOMENT)
    assert not asked.is_mute(MOMENT + MUTE_AFTER)
    late = MOMENT + MUTE_AFTER + timedelta(seconds=1)
    assert asked.is_mute(late)

    (again,) = store.sittings.ask(sweep_id, "carl@lab", late)
    assert (again.asked, again.asked_by, again.is_mute(late)) == (late, "carl@lab", False)
    store.sittings.note_heard(number, late)
    (heard,) = store.sittings.ask(sweep_id, "dora@lab", late + timedelta(hours=1))
    assert heard.asked_by == "carl@lab", "it stops already"
    assert not heard.is_mute(late + timedelta(hours=1))


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ("pid_namespace = 'pid:[1]'", False),  # another container: cannot be seen from here
        ("host = 'elsewhere', boot_id = 'x'", False),
        ("boot_id = 'x'", True),  # this machine before it was started anew
        ("process_start = process_start + 1", True),  # another process that got its number
    ],
)
def test_only_who_is_surely_gone_is_over(store: Store, sweep_id: int, changes: str, over: bool) -> None:
    number = store.sittings.begin(sweep_id, "anna@lab", datetime.now(UTC))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(f"UPDATE sitting SET {changes}")
    connection.close()

    (found,) = store.sittings.these([number])

    assert (found.over, found.died) == (over, over)
    assert bool(store.sittings.ask(sweep_id, "ben@lab", MOMENT)) is not over
