"""Jobs that end badly, each with a real worker process: the failure is data, and the agent goes on."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.protocol import (
    Failure,
    Have,
    Holdings,
    InputRecipe,
    JobFailure,
    MeasureProtocol,
    ModelOnBoard,
    Ready,
    Result,
    RunJob,
)
from agent.spool import _with_note
from tests.agent.serving import (
    MODEL_DIGEST,
    FolderBoard,
    Talk,
    is_alive,
    make_hello,
    make_job,
    worker_of,
)
from tests.waiting import wait_until


def still_serves(talk: Talk) -> bool:
    return talk.ask(Have([]), Holdings) == Holdings([], [], [])


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"crash": "segfault"}, "crashed", "SIGSEGV"),
        ({"crash": "abort"}, "crashed", "SIGABRT"),
        ({"crash": "exit"}, "crashed", "exit code 3"),
        ({"crash": "segfault", "crash_at": "load"}, "crashed", "loading the runtime and the model"),
        ({"crash": "oom", "oom_limit_bytes": 2**26}, "out_of_memory", "took 67108864 bytes"),
        ({"crash": "wrong", "crash_at": 1}, "wrong_output", "constant"),
        ({"crash": "nan", "crash_at": 1}, "wrong_output", "NaN"),
        ({"unsupported": "no such delegate here"}, "unsupported", "no such delegate here"),
        ({"rejected": "not a flatbuffer"}, "rejected", "not a flatbuffer"),
        ({"colour": "green"}, "unsupported", "colour"),
    ],
)
def test_a_failed_job_says_why(other_board: FolderBoard, options: dict[str, object], reason: str, words: str) -> None:
    talk = other_board.serve()
    failure = talk.run(make_job(options=options), Failure).failure
    assert failure.reason == reason
    assert words in failure.message
    assert other_board.spooled() == ["job-1.json"]
    assert still_serves(talk)


def test_a_hanging_job_ends_at_its_deadline(other_board: FolderBoard) -> None:
    talk = other_board.serve()
    talk.say(RunJob(make_job(options={"crash": "hang", "crash_at": 3}, deadline_s=1.0)))
    worker = worker_of(talk)
    failure = talk.hear(Failure).failure
    assert failure.reason == "timed_out"
    assert "1 s" in failure.message
    assert not is_alive(worker)
    assert still_serves(talk)


def test_a_killed_worker_is_a_crash_with_the_name_of_the_signal(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say(RunJob(make_job(options={"crash": "hang"})))
    os.kill(worker_of(talk), signal.SIGKILL)
    failure = talk.hear(Failure).failure
    assert failure.reason == "crashed"
    assert "SIGKILL" in failure.message


def test_what_a_library_prints_does_not_break_the_stream(board: FolderBoard) -> None:
    talk = board.serve()
    result = talk.run(make_job(options={"crash": "stdout-garbage"}), Result).result
    assert len(result.timing.latencies_ns) >= 5


def test_a_runtime_that_the_agent_does_not_know_is_unsupported(board: FolderBoard) -> None:
    talk = board.serve()
    runtime = make_job().runtime.__class__("no-such-runtime", None, "none")
    failure = talk.run(make_job(runtime=runtime), Failure).failure
    assert failure.reason == "unsupported"
    assert "no-such-runtime" in failure.message


def test_a_processor_that_is_not_there_is_unsupported(board: FolderBoard) -> None:
    failure = board.serve().run(make_job(cpu_affinity=[4095]), Failure).failure
    assert failure.reason == "unsupported"
    assert "4095" in failure.message


def test_a_job_can_be_pinned(board: FolderBoard) -> None:
    cpu = min(os.sched_getaffinity(0))
    assert board.serve().run(make_job(cpu_affinity=[cpu]), Result).result.timing.steady in (True, False)


def test_an_input_that_no_memory_can_hold_is_out_of_memory(board: FolderBoard) -> None:
    huge = ModelOnBoard(MODEL_DIGEST, "toy", "fake", [InputRecipe("x", "float32", [2**20, 2**20, 2**12], "ones")])
    failure = board.serve().run(make_job(model=huge), Failure).failure
    assert failure.reason == "out_of_memory"


def test_a_loop_that_never_gets_enough_ends_at_its_limit(board: FolderBoard) -> None:
    protocol = MeasureProtocol("endless", 1, 0.0, 0.1, 10**6, 0.0, 0.3)
    result = board.serve().run(make_job(protocol=protocol), Result).result
    assert result.timing.loop_wall_ns >= 3e8
    assert len(result.timing.latencies_ns) < 10**6


def test_a_model_that_never_settles_is_unsteady(board: FolderBoard) -> None:
    protocol = MeasureProtocol("wild", 2, 0.0, 0.8, 2, 0.0, 1.0)
    options = {"sleep_ms": 60.0, "jitter": 0.9}
    result = board.serve().run(make_job(options=options, protocol=protocol), Result).result
    assert result.timing.warmup_ns >= 8e8 or result.timing.steady


def test_a_killed_agent_takes_its_worker_along_and_frees_the_board(other_board: FolderBoard) -> None:
    first = other_board.serve()
    first.say(RunJob(make_job(options={"crash": "hang", "crash_at": 2})))
    worker = worker_of(first)
    first.wait_for_stage("checking")
    first.process.kill()
    wait_until(lambda: not is_alive(worker), "the worker's death")
    second = other_board.start().ask(make_hello(), Ready)
    assert second.spooled == []


def test_a_leftover_worker_is_reaped(board: FolderBoard) -> None:
    sleeper = Talk(["sleep", "60"], before=os.setsid)
    try:
        start = Path(f"/proc/{sleeper.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (board.work / "worker.pid").write_text(f"{sleeper.process.pid} {start} {boot}\n")
        assert board.serve().ready.reaped == 1
        assert sleeper.exit_code() == -signal.SIGKILL
    finally:
        sleeper.close()


def test_a_process_that_only_has_the_number_of_a_leftover_is_spared(board: FolderBoard) -> None:
    sleeper = Talk(["sleep", "60"], before=os.setsid)
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        (board.work / "worker.pid").write_text(f"{sleeper.process.pid} 1 {boot}\n")
        assert board.serve().ready.reaped == 0
        assert sleeper.process.poll() is None
    finally:
        sleeper.close()


def limit_files() -> None:
    """A file may have 1,500 bytes: enough for a job, not for a result. The error differs from a full disk's by name."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))


def limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))


def test_a_full_disk_does_not_keep_a_result_from_being_sent(board: FolderBoard) -> None:
    talk = board.start(limit_files)
    talk.ask(make_hello(), Ready)
    leftover = board.work / "incoming" / "half-a-model"
    leftover.write_bytes(b"x")
    result = talk.run(make_job(), Result).result
    assert "File too large" in result.details["spool"]
    assert result.timing.latencies_ns
    assert board.spooled() == []
    assert not leftover.exists(), "what transfers left behind goes first"


def test_a_failure_that_could_not_be_kept_says_so() -> None:
    noted = _with_note(Failure(JobFailure("j", "crashed", "it fell", "last words")), "not kept")
    assert noted == Failure(JobFailure("j", "crashed", "it fell", "last words\nnot kept"))


def test_a_worker_without_memory_is_out_of_memory(board: FolderBoard) -> None:
    talk = board.start(limit_memory)
    talk.ask(make_hello(), Ready)
    failure = talk.run(make_job(options={"crash": "oom", "oom_limit_bytes": 2**33}), Failure).failure
    assert failure.reason == "out_of_memory"
    assert "took" not in failure.message


def test_a_worker_killed_for_want_of_memory_is_out_of_memory(small_group: Path, board: FolderBoard) -> None:
    talk = board.start(lambda: (small_group / "cgroup.procs").write_text(str(os.getpid())) and None)
    talk.ask(make_hello(), Ready)
    failure = talk.run(make_job(options={"crash": "oom", "oom_limit_bytes": 2**31}), Failure).failure
    assert failure.reason == "out_of_memory"
    assert "SIGKILL" in failure.message
    assert still_serves(talk)


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group with 128 MB; needs root and a control group file system that can be written to."""
    group = make_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes") or make_group("/sys/fs/cgroup", "memory.max")
    if group is None:
        pytest.skip("no control group with a memory limit can be made here: that needs root and a writable cgroup tree")
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group's last process")
    group.rmdir()


def make_group(top: str, limit: str) -> Path | None:
    group = Path(top) / f"dynofarm-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(128 * 2**20))
    except OSError:
        with contextlib.suppress(OSError):
            group.rmdir()
        return None
    return group


def test_a_reader_that_stalls_stops_neither_the_deadline_nor_the_agent(board: FolderBoard) -> None:
    """The pipe to the orchestrator is full; the job still ends at its deadline, and its failure is in the spool."""
    talk = board.serve(heartbeat_s=0.01)
    talk.stall()
    talk.say(RunJob(make_job(options={"crash": "hang"}, deadline_s=1.0)))
    wait_until(lambda: board.spooled() == ["job-1.json"], "the spool")
    talk.go_on()
    assert talk.hear(Failure).failure.reason == "timed_out"
