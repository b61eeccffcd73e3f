"""The talk with a real agent process: greeting, requests, results, silence, farewell."""

import hashlib
import io
import os
import resource
import signal
import time
import zipfile

import pytest

from agent.protocol import (
    MAX_LINE_BYTES,
    PROTOCOL_VERSION,
    Acknowledge,
    Busy,
    Bye,
    Collect,
    Collected,
    Error,
    Evict,
    Evicted,
    Have,
    Hello,
    Holdings,
    Ping,
    Probe,
    Probed,
    Ready,
    Result,
    RunJob,
    Unpack,
    Unpacked,
    encode,
)
from tests.agent.serving import (
    MODEL_DIGEST,
    FolderBoard,
    is_alive,
    make_hello,
    make_job,
    names_in,
    worker_of,
)
from tests.waiting import wait_until


def test_a_job_is_measured_spooled_and_forgotten_when_it_is_acknowledged(other_board: FolderBoard) -> None:
    talk = other_board.serve()
    assert talk.ready == Ready(
        PROTOCOL_VERSION, "source", talk.process.pid, [], reaped=0, work_dir=str(other_board.work)
    )
    result = talk.run(make_job(), Result).result
    assert result.job_id == "job-1"
    assert len(result.timing.latencies_ns) >= 5
    assert result.timing.loop_wall_ns >= sum(result.timing.latencies_ns)
    assert [stage.name for stage in talk.stages] == ["loading", "checking", "timing", "finishing"]
    assert other_board.spooled() == ["job-1.json"]
    talk.say(Acknowledge("job-1"))
    assert talk.ask(Collect(), Collected).count == 0
    assert other_board.spooled() == []
    talk.say(Bye())
    assert talk.exit_code() == 0


def test_samples_and_loop_stand_on_one_clock(board: FolderBoard) -> None:
    talk = board.serve()
    before = time.monotonic_ns()
    result = talk.run(make_job(sample_hz=50.0), Result).result
    times = result.samples.t_ns
    assert times == sorted(times)
    assert before < times[0] < result.timing.loop_start_ns
    assert result.timing.loop_start_ns + result.timing.loop_wall_ns < time.monotonic_ns()
    assert {len(values) for values in result.samples.channels.values()} == {len(times)}
    assert any(value for value in result.samples.channels["worker_rss_bytes"])


def test_no_sampling_is_no_samples(board: FolderBoard) -> None:
    result = board.serve().run(make_job(sample_hz=0.0), Result).result
    assert result.samples.t_ns == []
    assert result.samples.channels == {}


def test_nothing_is_said_while_the_clock_runs(board: FolderBoard) -> None:
    talk = board.serve(heartbeat_s=0.05)
    talk.say(RunJob(make_job(protocol=make_job().protocol.__class__("long", 2, 0.1, 0.5, 5, 1.8, 3.0))))
    assert talk.wait_for_stage("timing").quiet_s > 2.0
    quiet_from = time.monotonic()
    talk.say(Ping())
    talk.hear(Result)
    finished = talk.wait_for_stage("finishing")
    assert finished.quiet_s == 0.0
    spoken = [at for at in talk.heartbeats if quiet_from + 0.1 < at < quiet_from + 0.9]
    assert spoken == []


def test_an_idle_agent_says_nothing_unasked(board: FolderBoard) -> None:
    talk = board.serve(heartbeat_s=0.05)
    talk.ask(Have([MODEL_DIGEST]), Holdings)
    heard = len(talk.heartbeats)
    time.sleep(0.5)
    assert len(talk.heartbeats) == heard
    talk.say(Ping())
    wait_until(lambda: len(talk.heartbeats) > heard, "an answer to a ping")
    time.sleep(0.2)
    assert len(talk.heartbeats) == heard + 1


def test_an_agent_in_the_middle_of_a_request_says_that_it_lives(board: FolderBoard) -> None:
    """Over a slow link it may be long under way, and its sender listens."""
    talk = board.serve(heartbeat_s=0.05)
    request = encode(Have([MODEL_DIGEST]))
    talk.say_raw(request[:20])
    wait_until(lambda: len(talk.heartbeats) >= 5, "heartbeats")
    talk.say_raw(request[20:])
    assert talk.hear(Holdings).present == [MODEL_DIGEST]
    heard = len(talk.heartbeats)
    time.sleep(0.3)
    assert len(talk.heartbeats) <= heard + 1


def test_a_probe_tells_facts_and_conditions(board: FolderBoard) -> None:
    probed = board.serve().ask(Probe(), Probed)
    assert probed.facts.architecture == os.uname().machine
    assert probed.facts.cores == os.cpu_count()
    assert probed.facts.modules["numpy"]
    assert probed.conditions.disk_free_bytes > 0


def test_holdings_name_what_is_there_and_what_is_not(board: FolderBoard) -> None:
    holdings = board.serve().ask(Have([MODEL_DIGEST, "0" * 64]), Holdings)
    assert holdings == Holdings([MODEL_DIGEST], ["0" * 64], [])


def test_a_bundle_is_unpacked_and_used_by_a_job(board: FolderBoard) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("only_in_the_bundle.py", "FOUND = True\n")
    digest = hashlib.sha256(stream.getvalue()).hexdigest()
    assert board.receive(digest, stream.getvalue())[0] == 0
    talk = board.serve()
    runtime = make_job().runtime.__class__("fake", None, "bundle", digest)
    assert talk.run(make_job(runtime=runtime), Error).code == "missing"
    assert talk.ask(Unpack(digest), Unpacked).digest == digest
    assert talk.ask(Have([digest]), Holdings).unpacked == [digest]
    assert talk.run(make_job(runtime=runtime), Result).result.job_id == "job-1"


def test_eviction_spares_what_is_to_be_kept(board: FolderBoard) -> None:
    other = board.work / "blobs" / ("a" * 64)
    other.write_bytes(b"old")
    evicted = board.serve().ask(Evict(0, 0, [MODEL_DIGEST]), Evicted)
    assert evicted.digests == ["a" * 64]
    assert not other.exists()
    assert (board.work / "blobs" / MODEL_DIGEST).exists()


def test_requests_during_a_job_are_answered_after_it(board: FolderBoard) -> None:
    talk = board.serve()
    talk.say(RunJob(make_job()))
    talk.say(Have([MODEL_DIGEST]))
    talk.hear(Result)
    assert talk.hear(Holdings).present == [MODEL_DIGEST]


def test_a_missing_model_is_an_error_and_the_agent_goes_on(board: FolderBoard) -> None:
    (board.work / "blobs" / MODEL_DIGEST).unlink()
    talk = board.serve()
    error = talk.run(make_job(), Error)
    assert error.code == "missing"
    assert "toy" in error.message
    assert talk.ask(Have([]), Holdings) == Holdings([], [], [])


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"hello world\n", "hello world"),
        (b'{"kind":"dance"}\n', "dance"),
        (b'{"kind":"have"}\n', "digests"),
        (b'{"kind":"have","digests":[1]}\n', "expected str"),
        (b'{"kind":"ping","loud":true}\n', "loud"),
        (b'{"kind":"result"}\n', "result"),
        (b'{"kind":"have","digests":["../../etc/passwd"]}\n', "passwd"),
        (b'{"kind":"acknowledge","job_id":"../lock"}\n', "../lock"),
        (b"\xff\xfe\x00\n", "not a line"),
        (b"[1]\n", "no kind"),
    ],
)
def test_a_wrong_line_is_named_and_the_agent_goes_on(board: FolderBoard, line: bytes, word: str) -> None:
    talk = board.serve()
    talk.say_raw(line)
    error = talk.hear(Error)
    assert error.code == "protocol"
    assert word in error.message
    assert talk.ask(Have([]), Holdings) == Holdings([], [], [])


def test_a_huge_line_is_thrown_away_and_the_agent_goes_on(board: FolderBoard) -> None:
    talk = board.serve()
    piece = b"x" * (1 << 20)
    for _ in range(MAX_LINE_BYTES // len(piece) + 1):
        talk.say_raw(piece)
    talk.say_raw(b"\n")
    assert str(MAX_LINE_BYTES) in talk.hear(Error).message
    assert talk.ask(Have([]), Holdings) == Holdings([], [], [])


def test_an_answer_is_no_request(board: FolderBoard) -> None:
    talk = board.serve()
    assert "busy" in talk.ask(Busy("me", ""), Error).message


def test_another_version_of_the_protocol_is_refused(board: FolderBoard) -> None:
    talk = board.start()
    error = talk.ask(make_hello(protocol=PROTOCOL_VERSION + 1), Error)
    assert error.code == "protocol"
    assert str(PROTOCOL_VERSION + 1) in error.message
    assert talk.exit_code() == 1


def test_nothing_is_done_before_the_greeting(board: FolderBoard) -> None:
    talk = board.start()
    assert "hello first" in talk.ask(Probe(), Error).message
    assert talk.ask(make_hello(), Ready).pid == talk.process.pid


def test_a_second_greeting_is_an_error(board: FolderBoard) -> None:
    assert board.serve().ask(make_hello(), Error).code == "protocol"


def test_a_second_orchestrator_hears_who_holds_the_board(board: FolderBoard) -> None:
    board.serve(holder="ada@desk")
    busy = board.start().ask(make_hello(holder="bob"), Busy)
    assert busy.holder == "ada@desk"
    assert busy.since.startswith("20")


def test_a_second_orchestrator_may_wait_for_the_board(board: FolderBoard) -> None:
    first = board.serve()
    second = board.start()
    second.say(make_hello(lock_wait_s=20.0))
    first.say(Bye())
    assert second.hear(Ready).pid == second.process.pid


def test_signs_of_life_while_one_waits_for_the_board_are_answered_and_not_saved_up(board: FolderBoard) -> None:
    """For hours there is one each eight seconds."""
    first = board.serve()
    second = board.start()
    second.say(make_hello(lock_wait_s=60.0))
    wait_until(lambda: bool(second.heartbeats), "a sign that it waits")
    second.say_raw(encode(Ping()) * 1500)
    wait_until(lambda: len(second.heartbeats) > 1500, "an answer to each")
    first.say(Bye())
    assert second.hear(Ready).pid == second.process.pid


def test_one_who_waits_for_the_board_and_hangs_up_is_gone(board: FolderBoard) -> None:
    board.serve()
    second = board.start()
    second.say(make_hello(lock_wait_s=600.0))
    wait_until(lambda: bool(second.heartbeats), "a sign of life")
    second.hang_up()
    assert second.exit_code() == 0


def test_the_end_of_input_ends_an_idle_agent(board: FolderBoard) -> None:
    talk = board.serve()
    talk.hang_up()
    assert talk.exit_code() == 0


def test_requests_before_the_end_of_input_are_answered(board: FolderBoard) -> None:
    talk = board.start()
    talk.say_raw(encode(make_hello()) + encode(Have([MODEL_DIGEST])))
    talk.hang_up()
    talk.hear(Ready)
    assert talk.hear(Holdings).present == [MODEL_DIGEST]
    assert talk.exit_code() == 0


def test_a_link_that_drops_in_mid_job_loses_nothing(board: FolderBoard) -> None:
    first = board.serve()
    first.say(RunJob(make_job()))
    first.wait_for_stage("loading")
    first.hang_up()
    assert first.exit_code() == 0
    assert board.spooled() == ["job-1.json"]
    second = board.serve()
    assert second.ready.spooled == ["job-1"]
    assert second.ask(Collect(), Result).result.job_id == "job-1"
    assert second.hear(Collected).count == 1
    second.say(Acknowledge("job-1"))
    assert second.ask(Collect(), Collected).count == 0


def test_a_job_that_was_measured_already_is_not_measured_twice(board: FolderBoard) -> None:
    talk = board.serve()
    first = talk.run(make_job(), Result)
    assert talk.run(make_job(), Result) == first


def test_silence_ends_an_idle_agent(board: FolderBoard) -> None:
    talk = board.serve(silence_limit_s=0.4)
    assert talk.exit_code() == 0


def test_a_word_now_and_then_keeps_the_agent(board: FolderBoard) -> None:
    talk = board.serve(silence_limit_s=2.0)
    for _ in range(9):
        time.sleep(0.3)
        talk.say(Ping())
    assert talk.process.poll() is None


def test_silence_during_a_job_is_no_reason_to_leave(board: FolderBoard) -> None:
    talk = board.serve(silence_limit_s=0.3)
    result = talk.run(make_job(options={"load_sleep_ms": 900.0}), Result)
    assert result.result.timing.load_ns > 8e8
    assert talk.exit_code() == 0
    assert board.spooled() == ["job-1.json"]


def test_a_broken_file_in_the_spool_is_set_aside(board: FolderBoard) -> None:
    (board.work / "spool" / "job-9.json").write_bytes(b'{"kind":"resu')
    assert board.serve().ask(Collect(), Collected).count == 0
    assert board.spooled() == ["job-9.json.damaged"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_agent_takes_its_worker_along_and_invents_no_result(board: FolderBoard, number: int) -> None:
    talk = board.serve()
    talk.say(RunJob(make_job(options={"crash": "hang"})))
    worker = worker_of(talk)
    talk.process.send_signal(number)
    assert talk.exit_code() == 0
    assert not is_alive(worker)
    assert board.spooled() == []
    assert not (board.work / "worker.pid").exists()


def test_a_work_folder_that_cannot_be_is_an_error(board: FolderBoard) -> None:
    board.work = board.work / "blobs" / MODEL_DIGEST / "below-a-file"
    talk = board.start()
    error = talk.ask(make_hello(), Error)
    assert error.code == "internal"
    assert talk.exit_code() == 1


def test_a_fault_when_the_visit_begins_is_an_error_and_keeps_nobody_out(board: FolderBoard) -> None:
    """As of a failing card: the lock is the last file that this agent can open."""
    talk = board.start()
    talk.ask(Probe(), Error)
    open_files = len(names_in(f"/proc/{talk.process.pid}/fd"))
    _, hard = resource.prlimit(talk.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(talk.process.pid, resource.RLIMIT_NOFILE, (open_files + 1, hard))
    error = talk.ask(make_hello(), Error)
    assert error.code == "internal"
    assert "work folder cannot be used" in error.message
    assert talk.exit_code() == 1
    assert (board.work / "lock").read_text().startswith("tests"), "it had the lock"
    assert board.serve().ready.spooled == []


def test_a_greeting_has_defaults(board: FolderBoard) -> None:
    assert board.start().ask(Hello(PROTOCOL_VERSION, "tests"), Ready).spooled == []
