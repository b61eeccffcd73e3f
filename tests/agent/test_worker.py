"""The measured process from the inside: what it reports, in which order, and what a fault becomes."""

import base64
import errno
import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import measure, worker
from agent.ending import Ending, explain, tell
from agent.outcome import Failed, Measured, Reached, decode_report, encode_job, encode_report
from agent.protocol import MeasureProtocol, Ping, Reference, Result, Tensor, WireError, encode
from agent.runtimes.fake import FakeModel, FakeRuntime
from tests.agent.serving import MODEL, ROOT, FolderBoard, make_job

FAST = {"sleep_ms": 0.2}


@pytest.fixture(autouse=True)
def usual_garbage_collection() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model"
    path.write_bytes(MODEL)
    return str(path)


class Ear:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, report: Any) -> None:
        self.heard.append(report)


def test_a_measurement_holds_all_times_and_all_latencies(model: str) -> None:
    ear = Ear()
    measured = worker.run_job(make_job(options=FAST), model, None, ear)
    timing = measured.timing
    assert [report.stage for report in ear.heard] == ["checking", "timing", "finishing"]
    assert ear.heard[1].quiet_s > make_job().protocol.max_s + make_job().protocol.warmup_limit_s
    assert len(timing.latencies_ns) >= 5
    assert min(timing.latencies_ns) > 0
    assert timing.loop_wall_ns >= sum(timing.latencies_ns) > 0
    assert timing.first_ns > 0
    assert timing.load_ns > 0
    assert timing.warmup_inferences >= 3
    assert measured.runtime_version == "1"
    assert len(measured.outputs_digest) == 64
    assert measured.outputs == []
    assert not gc.isenabled()


def test_memory_is_told_in_three_moments(board: FolderBoard) -> None:
    """In a process of its own: this one has memory to give from the tests before."""
    job = make_job(options={**FAST, "allocate_bytes": 30 * 2**20})
    memory = board.serve().run(job, Result).result.memory
    assert memory.runtime_rss_bytes is not None
    assert memory.loaded_rss_bytes is not None
    assert memory.peak_rss_bytes is not None
    assert memory.loaded_rss_bytes - memory.runtime_rss_bytes > 20 * 2**20
    assert memory.peak_rss_bytes >= memory.loaded_rss_bytes - 2**20
    assert memory.arena_bytes == 30 * 2**20


def test_outputs_are_kept_when_they_are_asked_for_and_serve_as_a_reference(model: str) -> None:
    kept = worker.run_job(make_job(options=FAST, keep_outputs=True), model, None, Ear()).outputs
    assert len(base64.b64decode(kept[0].data)) == 32
    reference = Reference(7, kept, 1e-6)
    again = worker.run_job(make_job(options=FAST, references=[reference]), model, None, Ear())
    assert again.gate.checked == 1
    assert again.gate.worst_error == 0.0


def test_another_output_than_the_reference_is_no_measurement(model: str) -> None:
    wrong = Tensor("output", "float32", [1, 8], base64.b64encode(bytes(range(28)) + b"\x00\x00\x00\x40").decode())
    ear = Ear()
    failed = worker.attempt(make_job(options=FAST, references=[Reference(7, [wrong], 0.01)]), model, None, ear)
    assert isinstance(failed, Failed)
    assert failed.reason == "wrong_output"
    assert [report.stage for report in ear.heard] == ["checking"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (RuntimeError("it broke"), "crashed"),
        (KeyError("x"), "crashed"),
    ],
)
def test_an_exception_becomes_a_reason(
    model: str, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def load(*_: Any) -> None:
        raise error

    monkeypatch.setattr(FakeRuntime, "load", load)
    failed = worker.attempt(make_job(), model, None, Ear())
    assert failed.reason == reason
    if reason == "crashed":
        assert type(error).__name__ in failed.message
        assert "Traceback" in failed.detail


def test_a_bundle_goes_first_on_the_path(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ["somewhere"]
    monkeypatch.setattr(worker.sys, "path", path)
    runtime = make_job().runtime.__class__("fake", None, "bundle", "0" * 64)
    worker.run_job(make_job(options=FAST, runtime=runtime), model, str(tmp_path), Ear())
    assert path == [str(tmp_path), "somewhere"]


def test_a_job_can_be_pinned_to_processors(model: str) -> None:
    before = os.sched_getaffinity(0)
    try:
        worker.run_job(make_job(options=FAST, cpu_affinity=[min(before)]), model, None, Ear())
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_the_digest_of_the_outputs_depends_on_the_inputs_alone(model: str) -> None:
    digests = [
        worker.run_job(make_job(options={**FAST, "seed": seed}, seed=inputs), model, None, Ear()).outputs_digest
        for seed, inputs in [(1, 7), (2, 7), (1, 8)]
    ]
    assert digests[0] == digests[1] != digests[2]


class Ticking:
    """An inference that takes no time but moves the clock, so that the rules of the loop can be tested exactly."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, latencies_ns: list[int]) -> None:
        self.now_ns = 1_000
        self.calls = 0
        self.latencies_ns = latencies_ns
        monkeypatch.setattr(measure.time, "perf_counter_ns", lambda: self.now_ns)

    def __call__(self) -> None:
        self.now_ns += self.latencies_ns[min(self.calls, len(self.latencies_ns) - 1)]
        self.calls += 1


MS = 1_000_000


def protocol(**changes: Any) -> MeasureProtocol:
    values: dict[str, Any] = {
        "name": "p",
        "warmup_inferences": 5,
        "warmup_s": 0.5,
        "warmup_limit_s": 2.0,
        "min_inferences": 64,
        "min_s": 1.0,
        "max_s": 10.0,
    }
    return MeasureProtocol(**(values | changes))


def test_warm_up_lasts_its_count_and_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = measure.warm_up(Ticking(monkeypatch, [10 * MS]), protocol())
    assert (warm.inferences, warm.wall_ns, warm.steady, warm.latency_ns) == (50, 500 * MS, True, 10 * MS)


def test_warm_up_goes_on_until_three_windows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = measure.warm_up(Ticking(monkeypatch, [100 * MS, 120 * MS] * 3 + [10 * MS]), protocol())
    assert warm.steady
    assert warm.wall_ns == 660 * MS + 300 * MS
    assert warm.latency_ns == 10 * MS


def test_warm_up_that_never_settles_ends_at_its_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    growing = [int(MS * 1.02**index) for index in range(400)]
    warm = measure.warm_up(Ticking(monkeypatch, growing), protocol())
    assert not warm.steady
    assert warm.wall_ns >= 2000 * MS


def test_a_slow_model_warms_up_three_times_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = measure.warm_up(Ticking(monkeypatch, [5000 * MS]), protocol())
    assert (warm.inferences, warm.steady) == (3, True)


@pytest.mark.parametrize(
    ("medians", "agreed"),
    [
        ([], False),
        ([100, 100], False),
        ([100, 105, 102], True),
        ([100, 106, 102], False),
        ([200, 100, 100, 100], True),
        ([100, 100, 100, 200], False),
    ],
)
def test_three_windows_agree_within_five_percent(medians: list[float], agreed: bool) -> None:
    assert measure.agree(medians) is agreed


@pytest.mark.parametrize(
    ("latency_ms", "expected"),
    [(1, 1000), (100, 64), (1000, 10), (20_000, 1)],
    ids=["until the time", "until the count", "at most the limit", "at least one"],
)
def test_the_loop_stops_by_count_and_time_and_limit(
    monkeypatch: pytest.MonkeyPatch, latency_ms: int, expected: int
) -> None:
    loop = measure.run_timed_loop(Ticking(monkeypatch, [latency_ms * MS]), protocol(), latency_ms * MS)
    assert loop.latencies_ns == [latency_ms * MS] * expected
    assert loop.wall_ns == latency_ms * MS * expected


def test_a_model_that_gets_faster_than_expected_loses_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking = Ticking(monkeypatch, [MS // 10, MS // 20])
    loop = measure.run_timed_loop(ticking, protocol(), 100 * MS)
    assert len(loop.latencies_ns) == ticking.calls == 19_999
    assert loop.latencies_ns[:2] == [MS // 10, MS // 20]


def test_the_quiet_stage_covers_warm_up_loop_and_overrun() -> None:
    assert measure.quiet_limit_s(protocol(), 1_000 * MS) == pytest.approx(2.0 + 10.0 + 5.0 + 10.0)


def test_reports_come_back_as_they_were() -> None:
    for report in (Reached("timing", 3.5), Failed("crashed", "ä\n", "detail")):
        assert decode_report(encode_report(report).rstrip(b"\n")) == report


def test_details_that_json_cannot_carry_become_text(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeModel, "details", lambda _: {"path": Path("a")})
    measured = worker.run_job(make_job(options=FAST), model, None, Ear())
    found = decode_report(encode_report(measured))
    assert isinstance(found, Measured)
    assert found.details == {"path": "a", "cpus": sorted(os.sched_getaffinity(0))}
    assert found.memory.arena_bytes is None


@pytest.mark.parametrize("line", [b"", b"garbage", b"[]", b'{"kind":"dance"}', b'{"kind":"failed"}', b"\xff", b"null"])
def test_what_is_no_report_is_named(line: bytes) -> None:
    with pytest.raises(WireError):
        decode_report(line)


QUIET_END = Ending(0, "", 0, None, deadline_passed=False)


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"exit_status": -11}, "crashed", "SIGSEGV"),
        ({"exit_status": -9}, "crashed", "SIGKILL"),
        ({"exit_status": -9, "oom_kills": 1}, "out_of_memory", "SIGKILL"),
        ({"exit_status": -9, "available_share": 0.01}, "out_of_memory", "out of memory"),
        ({"exit_status": -9, "available_share": 0.5}, "crashed", "SIGKILL"),
        ({"exit_status": -6, "last_words": "terminate: std::bad_alloc"}, "out_of_memory", "SIGABRT"),
        ({"exit_status": 1, "last_words": "MemoryError"}, "out_of_memory", "exit code 1"),
        ({"exit_status": 0}, "crashed", "no report"),
        ({"exit_status": -60}, "crashed", "signal 60"),
        ({"exit_status": -9, "deadline_passed": True}, "timed_out", "deadline of 5 s"),
        ({"exit_status": None, "deadline_passed": True}, "timed_out", "timing"),
        ({"exit_status": None}, "crashed", "does not end"),
        ({"exit_status": -9, "garbage": "not a report: 'x'"}, "crashed", "not a report"),
    ],
)
def test_the_end_of_a_worker_is_explained(changes: dict[str, Any], reason: str, words: str) -> None:
    failure = explain("job-1", QUIET_END._replace(**changes), 5.0, "timing")
    assert failure.reason == reason
    assert words in failure.message


LITERTS_WORDS = """INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
ERROR: tflite/core/subgraph.cc:2631 (tensor->allocation_type == kTfLiteArenaRw) was not true.
ERROR: [compiled_model.cc:1901] Failed to set custom allocation for output tensor onset (index -1): 1
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "INFO: a\nERROR: Encountered unresolved custom op: Warp.\nSee instructions",
            "no; it wrote: Encountered unresolved custom op: Warp.",
        ),
        (LITERTS_WORDS, "no; it wrote: Failed to set custom allocation for output tensor onset (index -1): 1"),
        ("INFO: nothing to complain of", "no"),
        ("", "no"),
        ("error:" + "x" * 5000, "no; it wrote: " + "x" * 160 + "…"),
    ],
)
def test_what_a_runtime_wrote_of_what_it_cannot_run_is_told(words: str, said: str) -> None:
    failure = tell("job-1", Failed("unsupported", "no", "a trace"), words)
    assert failure.message == said
    assert failure.detail == "\n".join(part for part in ("a trace", words) if part)


def test_words_of_a_runtime_explain_no_other_fault() -> None:
    assert tell("job-1", Failed("wrong_output", "off by one"), "ERROR: out of cheese").message == "off by one"


def test_the_model_of_the_tests_has_the_digest_that_jobs_name() -> None:
    assert make_job().model.digest == hashlib.sha256(MODEL).hexdigest()


RUN_MAIN = """
import os, sys
os._exit = lambda code: sys.exit(code)  # so that what was executed can be counted
from agent.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def start_worker(model: str, line: bytes, parent: int) -> tuple[int, bytes, bytes]:
    """Start the worker as its supervisor does, but for the flags; its exit code, its reports, its errors."""
    readable, writable = os.pipe()
    argv = [sys.executable, "-c", RUN_MAIN, "worker", "--model", model, "--report-fd", str(writable)]
    argv += ["--parent", str(parent)]
    done = subprocess.run(
        argv, input=line, capture_output=True, pass_fds=(writable,), cwd=ROOT, timeout=60, check=False
    )
    os.close(writable)
    with os.fdopen(readable, "rb") as stream:
        return done.returncode, stream.read(), done.stdout + done.stderr


def test_a_worker_reports_line_by_line_and_ends(model: str) -> None:
    code, reports, words = start_worker(model, encode_job(make_job(options=FAST)), os.getpid())
    assert code == 0, words
    kinds = [type(decode_report(line)) for line in reports.splitlines()]
    assert kinds == [Reached, Reached, Reached, Measured]


def test_a_worker_takes_jobs_only(model: str) -> None:
    code, reports, words = start_worker(model, encode(Ping()), os.getpid())
    assert (code, reports) == (1, b"")
    assert b"a worker takes one job on its standard input: job: unknown key 'kind'" in words


def test_a_worker_whose_supervisor_died_before_it_began_does_nothing(model: str) -> None:
    code, reports, _ = start_worker(model, encode_job(make_job(options=FAST)), parent=1)
    assert (code, reports) == (1, b"")
