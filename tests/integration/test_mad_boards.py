"""Boards whose agent says what no agent says: it costs that board's job, in a sentence, and nothing else."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.farming import TestFarm
from tests.integration.evil_agent import add_evil_board

pytestmark = pytest.mark.integration


@pytest.fixture
def farm_of_two(farm: TestFarm, fake_model: Path) -> TestFarm:
    """A farm with an honest board on this machine, `local`; the mad one comes with the test."""
    farm.add_local()
    farm.run("model", "add", str(fake_model), "--no-reference").ok()
    return farm


def statuses(farm: TestFarm, device: str) -> list[str]:
    rows = farm.run("results", "--every-attempt", "--json").json
    return sorted(row["status"] for row in rows if row["device"] == device)


MAD = {
    "false-ok": ("serve(lambda job: [failed(job, 'ok')])", "crashed", "something that cannot be"),
    "no-reason": ("serve(lambda job: [failed(job, 'banana')])", "crashed", "something that cannot be"),
    "huge": ("serve(lambda job: [Result(make_result(job.job_id, [2**70]))])", "crashed", "something that cannot be"),
    "negative": ("serve(lambda job: [Result(make_result(job.job_id, [-1]))])", "crashed", "something that cannot be"),
    "empty": ("serve(lambda job: [Result(make_result(job.job_id, []))])", "crashed", "without a latency"),
    "other": ("serve(lambda job: [Result(make_result('f' * 32))])", "lost", "was asked for job"),
    "nan": ('serve(lambda job: [b\'{"kind": "error", "code": NaN}\\n\'])', "lost", "not a line of the protocol"),
    "lost-thread": ("serve(lambda job: [Collected(1)])", "lost", "expected Stage or Result or Failure"),
    "endless": ("serve(lambda job: [b'x' * 70_000_000])", "lost", "a line of more than"),
    "leaver": ("serve(lambda job: sys.exit(3))", "lost", "ended with status 3"),
    "binary": ("serve(lambda job: [b'\\xff' * 9, b'\\n'])", "lost", "not a line of the protocol"),
}


def test_mad_answers_cost_the_jobs_of_their_boards_and_nothing_else(farm_of_two: TestFarm) -> None:
    for name, (program, _, _) in MAD.items():
        add_evil_board(farm_of_two, name, program)
    done = farm_of_two.run("run", farm_of_two.sweep_of_fakes("all", repeats=1), timeout_s=180)
    assert done.status == 1, done.err
    assert "fault of dynofarm" not in done.err
    assert statuses(farm_of_two, "local") == ["ok"]
    for name, (_, status, said) in MAD.items():
        assert statuses(farm_of_two, name) == [status], name
        assert any(line.startswith(name) and said in line for line in done.err.splitlines()), (name, done.err)


def test_a_result_that_waited_on_a_board_with_a_mad_clock_is_taken_in(farm_of_two: TestFarm) -> None:
    utc = "0001-01-01T00:00:00+14:00"
    add_evil_board(farm_of_two, "mad", "serve(lambda job: sys.exit(3))")
    farm_of_two.run("run", farm_of_two.sweep_of_fakes("mad", repeats=1)).failed(1)
    with closing(sqlite3.connect(farm_of_two.root / "results.db")) as connection:
        ((job_id,),) = connection.execute("SELECT job_id FROM job").fetchall()
    result = f"make_result({job_id!r}, conditions_before=make_conditions(utc={utc!r}))"
    add_evil_board(farm_of_two, "mad", f"serve(collect=lambda: [Result({result})])")
    done = farm_of_two.run("run", "--resume").ok()
    assert "1 result that waited on the board collected" in done.err
    (row,) = farm_of_two.sql("SELECT wall_s FROM runs_view WHERE status = 'ok'")
    assert 0 <= row["wall_s"] < 3600


def test_a_result_that_cannot_be_does_not_stay_in_the_way_for_ever(farm_of_two: TestFarm) -> None:
    add_evil_board(farm_of_two, "mad", "serve(lambda job: sys.exit(3))")
    farm_of_two.run("run", farm_of_two.sweep_of_fakes("mad", repeats=1)).failed(1)
    with closing(sqlite3.connect(farm_of_two.root / "results.db")) as connection:
        ((job_id,),) = connection.execute("SELECT job_id FROM job").fetchall()
    program = f"""
kept = [Result(make_result({job_id!r}, [2**64]))]
def forget():
    yield from kept
serve(collect=forget)
"""
    add_evil_board(farm_of_two, "mad", program)
    farm_of_two.run("run", "--resume").failed(1)
    assert statuses(farm_of_two, "mad") == ["crashed", "lost"]


def test_a_board_cannot_bring_the_results_of_another_board(farm_of_two: TestFarm) -> None:
    add_evil_board(farm_of_two, "honest", "serve(lambda job: sys.exit(3))")
    farm_of_two.run("run", farm_of_two.sweep_of_fakes("honest", repeats=1)).failed(1)
    with closing(sqlite3.connect(farm_of_two.root / "results.db")) as connection:
        ((job_id,),) = connection.execute("SELECT job_id FROM job").fetchall()
    add_evil_board(farm_of_two, "mad", f"serve(collect=lambda: [Result(make_result({job_id!r}))])")
    farm_of_two.run("run", farm_of_two.sweep_of_fakes("mad", repeats=1)).ok()
    assert statuses(farm_of_two, "honest") == ["lost"]


REFUSALS = {
    "full": ("disk_full /w: 9 bytes needed, 1 bytes free", "no room for the agent"),
    "corrupt": ("corrupt the agent arrived with another hash", "did not arrive as it was sent"),
    "cut": ("truncated the agent did not arrive whole", "did not arrive as it was sent"),
    "read-only": ("work_dir /w: Read-only file system", "Read-only file system"),
}


def test_a_board_that_takes_the_agent_and_then_refuses_it_says_why(farm_of_two: TestFarm) -> None:
    for name, (reason, _) in REFUSALS.items():
        program = f"""
say_raw(b"dynofarm-boot python=3.11.2 state=need\\n")
sys.stdin.buffer.read(int(sys.stdin.buffer.read(8), 16))
say_raw(b"dynofarm-boot python=3.11.2 state=refused reason={reason}\\n")
sys.exit(3)
"""
        add_evil_board(farm_of_two, name, program)
    done = farm_of_two.run("device", "check", *REFUSALS).failed(4)
    for _, said in REFUSALS.values():
        assert said in done.err
    assert "protocol" not in done.err


def test_noise_before_the_agent_is_skipped(farm_of_two: TestFarm) -> None:
    noises = {"blob": "b'#' * 10_000_000", "line": "b'#' * 10_000_000 + b'\\n'", "lines": "b'#\\n' * 150"}
    for name, noise in noises.items():
        add_evil_board(farm_of_two, name, f"say_raw({noise})\nserve()")
    farm_of_two.run("run", farm_of_two.sweep_of_fakes("all", repeats=1)).ok()


def test_a_login_that_complains_does_not_hide_a_lost_link(farm_of_two: TestFarm) -> None:
    program = """
import os, signal
sys.stderr.write("tput: No value for $TERM\\n")
sys.stderr.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    add_evil_board(farm_of_two, "mad", program)
    done = farm_of_two.run("device", "check", "mad").failed(4)
    assert "Python 3.8 or later" not in done.err


def test_what_a_board_calls_itself_reaches_neither_a_path_nor_sql_nor_the_terminal(farm_of_two: TestFarm) -> None:
    mad = {
        "architecture": "../../../../escape",
        "board": "'; DROP TABLE run; --\x1b[2J\r\n",
        "python": "3.11.2; touch escape",
        "libc": "glibc 2.99999999999999999999/../escape",
        "machine_id": "x" * 100_000,
        "modules": {"numpy": "../../escape", "ai_edge_litert": "1'; --"},
        "memory_bytes": 2**80,
        "usable_cpus": [],
    }
    add_evil_board(farm_of_two, "mad", f"serve(facts={mad!r})")
    done = farm_of_two.run("run", farm_of_two.sweep_of_fakes("mad", repeats=1)).ok()
    assert "\x1b" not in done.err
    assert statuses(farm_of_two, "mad") == ["ok"]
    models = farm_of_two.write_sweep(
        "all", "models: [fake]\nruntimes: [fake, litert, onnxruntime]\non: [mad]\nrepeats: 1\n"
    )
    plan = farm_of_two.run("run", models, "--dry-run", "--json").ok()
    assert sorted(row["role"] for row in json.loads(plan.out)) == ["case", "case", "case", "reference"]
    listed = farm_of_two.run("device", "show", "mad")
    assert "\x1b" not in listed.out + listed.err
    assert not list(farm_of_two.root.rglob("escape*"))


def test_a_stop_does_not_wait_for_the_end_of_a_push(farm_of_two: TestFarm, tmp_path: Path) -> None:
    model = tmp_path / "big.json"
    declared = json.loads((tmp_path / "fake.json").read_text())
    model.write_text(json.dumps(declared) + " " * 40_000_000)
    farm_of_two.run("model", "add", str(model), "--name", "big", "--no-reference").ok()
    add_evil_board(farm_of_two, "slow", "serve(receive=slowly, holds=False)")
    sweep = farm_of_two.write_sweep("big", "models: [big]\nruntimes: [fake]\non: [slow]\nrepeats: 1\n")
    running = farm_of_two.watch("run", sweep)
    running.wait_for("receives")
    running.process.send_signal(signal.SIGINT)
    assert "to do" in running.end(timeout_s=20).failed(130).err
