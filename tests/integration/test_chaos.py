"""A small storm with a fixed seed; `scripts/chaos` is the large one. And what looks at its aftermath must have eyes."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.store import Store
from orchestrator.sweep import Sweep
from tests.boards.sshd import has_sshd
from tests.chaos.aftermath import all_wrongs, sent_only, wrongs
from tests.chaos.storm import Weather, storm
from tests.making import MOMENT, make_job, make_model, make_result, make_run

SMALL = Weather(
    boards=4, neighbours=2, twins=2, seconds=4.0, faults=12, every_s=0.4, longest_s=1.5, repeats=2, load_ms=100,
    sleep_ms=40, deadline_s=10, calm_s=200.0,
)  # fmt: skip
JOBS = ["a" * 32, "b" * 32]
LOOP_NS = 1_000_000_000


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_a_storm_loses_nothing_doubles_nothing_and_leaves_nothing_running(tmp_path: Path) -> None:
    if not has_sshd():
        pytest.skip("no sshd on this machine: install openssh-server")
    seed = 4
    # Without mounts of its own: they would be those of all tests that this process still runs.
    with storm(tmp_path, seed, SMALL, small_disks=False) as made:
        made.run()
        found = all_wrongs(made)
        happened = "\n".join(made.events)
        assert not found, f"seed {seed}: {found}\n{happened}"
        assert sum(made.done.values()) >= SMALL.faults
        kept = made.spools.kept.keys() | sent_only(made.root)
        assert len(kept) >= SMALL.boards * SMALL.repeats


@pytest.fixture
def aftermath(tmp_path: Path) -> Any:
    """What a storm leaves of two jobs of one board that went well: a database, the board's log, what its spool held."""
    with Store.open(tmp_path / "results.db", create=True) as store:
        jobs = [make_job(job, position=place) for place, job in enumerate(JOBS)]
        store.create_sweep(Sweep("storm", ("bert",), ("all",)), jobs, [make_model()], MOMENT)
        for place, job in enumerate(jobs):
            result = make_result(job.job_id)
            moved = result.timing.__class__(**vars(result.timing) | {"loop_start_ns": (2 * place + 1) * LOOP_NS})
            store.save_run(make_run(job, result=make_result(job.job_id, timing=moved)))
    log = tmp_path / "measured.log"
    log.write_text("".join(f"{name} {moment * LOOP_NS}\n" for name, moment in (("x", 1), ("x", 2), ("y", 3), ("y", 4))))
    board = SimpleNamespace(
        name="kitchen", log_file=log, disk="small", leftovers=list, sshd=SimpleNamespace(work_dir=tmp_path / "work")
    )
    spools = SimpleNamespace(kept=dict.fromkeys(JOBS, "kitchen"), look=lambda: None)
    return SimpleNamespace(root=tmp_path, boards=[board], spools=spools)


def test_after_a_storm_that_harmed_nothing_nothing_is_told(aftermath: Any) -> None:
    assert wrongs(aftermath) == []


def test_a_job_that_lost_its_run_is_told(aftermath: Any) -> None:
    connection = sqlite3.connect(aftermath.root / "results.db")
    with connection:
        connection.execute(
            "UPDATE run SET status = 'lost' WHERE job = (SELECT id FROM job WHERE job_id = ?)", (JOBS[0],)
        )
    connection.close()
    told = wrongs(aftermath)
    assert f"job {JOBS[0]} has 0 final runs" in told
    assert f"kitchen had the outcome of job {JOBS[0]} in its spool; the store says lost" in told


def test_an_outcome_that_only_the_board_had_is_told(aftermath: Any) -> None:
    aftermath.spools.kept["f" * 32] = "kitchen"
    assert wrongs(aftermath) == [f"kitchen had the outcome of job {'f' * 32} in its spool; the store says None"]


def test_a_result_that_no_board_kept_is_told_unless_it_says_why(aftermath: Any) -> None:
    del aftermath.spools.kept[JOBS[1]]
    assert wrongs(aftermath) == [f"job {JOBS[1]} is stored as measured, and no board had its outcome in its spool"]
    connection = sqlite3.connect(aftermath.root / "results.db")
    with connection:
        note = '{"spool": "not kept in the board\'s spool: no space left on device"}'
        connection.execute(
            "UPDATE run SET details = ? WHERE job = (SELECT id FROM job WHERE job_id = ?)", (note, JOBS[1])
        )
    connection.close()
    assert wrongs(aftermath) == []


def test_workers_that_were_at_work_together_are_told(aftermath: Any) -> None:
    with aftermath.boards[0].log_file.open("a") as log:
        log.write(f"z {LOOP_NS * 7 // 2}\nz {9 * LOOP_NS}\n")
    assert wrongs(aftermath) == [
        f"kitchen: one worker was at work until {4 * LOOP_NS}, the next from {LOOP_NS * 7 // 2} on"
    ]


def test_a_stored_result_that_no_worker_measured_is_told(aftermath: Any) -> None:
    aftermath.boards[0].log_file.write_text(f"x {LOOP_NS}\nx {2 * LOOP_NS}\n")
    assert wrongs(aftermath) == [f"kitchen: the result of job {JOBS[1]} is not one measurement of this board, but 0"]


def test_what_still_runs_is_told(aftermath: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.aftermath.LEAVE_S", 0.0)
    aftermath.boards[0].leftovers = lambda: ["77 python3 agent.pyz"]
    assert wrongs(aftermath) == ["still running: kitchen: 77 python3 agent.pyz"]
