"""The measured process: one job, then the end. Started by the supervisor alone.

Reads the job from standard input, reports over a pipe of its own, and never touches standard output: what a native
library prints there goes with standard error to the supervisor's tail.
"""

import base64
import ctypes
import errno
import importlib.util
import os
import signal
import site
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, TypeVar

from agent import gate, measure, surroundings
from agent.inputs import fill
from agent.measure import run_timed_loop
from agent.messages.jobs import JobSpec, MeasureProtocol, Tensor
from agent.messages.outcomes import Memory, Timing
from agent.outcome import Failed, Measured, Reached, decode_job, encode_report
from agent.runtimes import Array, Engine, Loaded, Profiling, Rejected, Unsupported, open_engine
from agent.sensors.process import read_status_bytes
from agent.wire import WireError, to_plain

if TYPE_CHECKING:
    from agent.tasks import Task

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_DETAIL_CHARACTERS = 4000

Report = Callable[[Any], None]
TimeLoop = Callable[[measure.Invoke, MeasureProtocol, int], measure.TimedLoop]
Order = TypeVar("Order")


def main(model_path: str, carrier_path: Optional[str], report_fd: int, parent_pid: int) -> None:
    """Do the job that stands on standard input, report it on `report_fd`, and end the process at once.

    The end is `os._exit`: a native library that crashes while it is torn down must not spoil a measurement.
    """
    report = begin(report_fd, parent_pid)
    report(attempt(read_order(decode_job), model_path, carrier_path, report))
    os._exit(0)


def begin(report_fd: int, parent_pid: int) -> Report:
    """What a measured process does first; what it reports with."""
    _die_with(parent_pid)
    _offer_to_the_oom_killer()
    os.set_inheritable(report_fd, False)
    return lambda message: _write_all(report_fd, encode_report(message))


def attempt(
    job: JobSpec, model_path: str, carrier_path: Optional[str], report: Report, time_loop: TimeLoop = run_timed_loop
) -> Any:
    """`Measured`, or `Failed` with the reason that the exception means."""
    try:
        return run_job(job, model_path, carrier_path, report, time_loop)
    except Unsupported as error:
        return Failed("unsupported", str(error))
    except Rejected as error:
        return Failed("rejected", str(error))
    except gate.WrongOutput as error:
        return Failed("wrong_output", str(error))
    except MemoryError as error:
        return Failed("out_of_memory", "no memory left for the model: %s" % (str(error) or "MemoryError"))
    except Exception as error:
        reason = _reason(error)
        message = "%s: %s" % (type(error).__name__, error)
        return Failed(reason, message, traceback.format_exc()[-_DETAIL_CHARACTERS:])


def run_job(
    job: JobSpec, model_path: str, carrier_path: Optional[str], report: Report, time_loop: TimeLoop = run_timed_loop
) -> Measured:
    """Load, first inference, gate, warm-up, timed loop or data set (docs/measurement.md); last, where asked for, the
    operators."""
    _pin(job.cpu_affinity)
    if job.runtime.carrier == "bundle" and carrier_path is not None:
        sys.path.insert(0, carrier_path)
        _admit_the_boards_numpy()
    engine = open_engine(job.runtime.name, carrier_path)
    runtime_rss_bytes = read_status_bytes("VmRSS")
    inputs = [fill(recipe, job.seed) for recipe in job.model.inputs]

    started_ns = time.perf_counter_ns()
    load = engine.load_to_profile if job.profile_ops else engine.load
    loaded = load(model_path, job.threads, job.delegate, dict(job.options))
    load_ns = time.perf_counter_ns() - started_ns
    loaded.feed(inputs)
    first_ns = _time_once(loaded)
    loaded_rss_bytes = read_status_bytes("VmRSS")

    task = _task(job, model_path)
    report(Reached("checking"))
    found = gate.check(loaded, job.model, job.seed, job.references)  # leaves the inputs of the seed fed
    quiet_s = measure.quiet_limit_s(job.protocol, first_ns)
    report(Reached("timing", 2 * quiet_s if job.profile_ops else quiet_s))
    measure.calm()
    warm = measure.warm_up(loaded.invoke, job.protocol)
    before = surroundings.look()
    if task is None:
        loop = time_loop(loaded.invoke, job.protocol, warm.latency_ns)
    else:
        loop = _pass(task, loaded, warm.latency_ns, report)
    after = surroundings.look()
    peak_rss_bytes = _peak_rss_bytes()
    told = _profile(loaded, loop.latencies_ns) if job.profile_ops else {}
    report(Reached("finishing"))

    outputs = loaded.outputs()
    details = dict(loaded.details(), cpus=sorted(os.sched_getaffinity(0)), **told)
    timing = Timing(
        load_ns=load_ns,
        first_ns=first_ns,
        warmup_inferences=warm.inferences,
        warmup_ns=warm.wall_ns,
        steady=warm.steady,
        latencies_ns=loop.latencies_ns,
        loop_start_ns=loop.start_ns,
        loop_wall_ns=loop.wall_ns,
        loop_cpu_ns=loop.cpu_ns,
    )
    return Measured(
        runtime_version=_version(engine),
        timing=timing,
        memory=Memory(peak_rss_bytes, runtime_rss_bytes, loaded_rss_bytes, _arena_bytes(details)),
        gate=found,
        outputs_digest=gate.digest(outputs),
        details=details,
        outputs=_tensors(outputs) if job.keep_outputs else [],
        surroundings=surroundings.between(before, after),
        answers=None if task is None else task.answers(),
    )


def _task(job: JobSpec, model_path: str) -> "Optional[Task]":
    """What is to be done with a data set; its files lie beside the model, under their digests."""
    if job.task is None:
        return None
    from agent.tasks import open_task

    folder, vocabulary = os.path.dirname(model_path), job.task.vocabulary
    data_path = os.path.join(folder, job.task.data)
    return open_task(job.task, job.model.inputs, data_path, vocabulary and os.path.join(folder, vocabulary))


def _pass(task: "Task", loaded: Loaded, latency_ns: int, report: Report) -> measure.TimedLoop:
    from agent.tasks.passing import run_pass

    def tell(done: int, steps: int, quiet_s: float) -> None:
        report(Reached("answering", quiet_s, done, steps))

    return run_pass(task, loaded, latency_ns, tell)


def _profile(loaded: Loaded, latencies_ns: List[int]) -> Dict[str, Any]:
    """What goes into the details; still with nobody talking to the board."""
    from agent import profiling

    if not isinstance(loaded, Profiling):
        raise AssertionError("%s is not a Profiling" % type(loaded).__name__)
    return {"operator_profile": to_plain(profiling.take(loaded, latencies_ns))}


def _admit_the_boards_numpy() -> None:
    """Where no wheel of numpy exists for a board (32-bit ARM), its own system's serves: behind the bundle's path."""
    if importlib.util.find_spec("numpy") is None:
        site.main()


def _time_once(loaded: Loaded) -> int:
    started_ns = time.perf_counter_ns()
    loaded.invoke()
    return time.perf_counter_ns() - started_ns


def _pin(cpus: Optional[List[int]]) -> None:
    if cpus is None:
        return
    usable = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        raise Unsupported(
            "cannot pin to processors %s: this board lets us use %s (%s)" % (cpus, usable, error)
        ) from error


def _peak_rss_bytes() -> Optional[int]:
    """The kernel's own peak. `ru_maxrss` as a fallback only: after a fork it may hold the parent's."""
    peak_bytes = read_status_bytes("VmHWM")
    if peak_bytes is not None:
        return peak_bytes
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 or None


def _arena_bytes(details: Dict[str, Any]) -> Optional[int]:
    found = details.get("arena_bytes")
    return found if type(found) is int else None


def _version(engine: Engine) -> Optional[str]:
    return None if engine.version is None else str(engine.version)


def _tensors(outputs: List[Array]) -> List[Tensor]:
    return [
        Tensor(array.name, array.dtype, list(array.shape), base64.b64encode(array.data).decode("ascii"))
        for array in outputs
    ]


def _reason(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return "out_of_memory" if number == errno.ENOMEM else "crashed"


def read_order(decode: Callable[[bytes], Order]) -> Order:
    """What stands on standard input, which is then nothing more."""
    try:
        order = decode(sys.stdin.buffer.read())
    except WireError as error:
        raise SystemExit("a worker takes one job on its standard input: %s" % error) from None
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return order


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _die_with(parent_pid: int) -> None:
    """Ask the kernel to kill us when the supervisor dies, and end now if it died before we could ask."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    except (OSError, AttributeError):
        return  # the next agent reaps us by the file that holds our pid
    if os.getppid() != parent_pid:
        os._exit(1)


def _offer_to_the_oom_killer() -> None:
    """When memory ends, the kernel shall take the worker, and not the agent or somebody's sshd."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass
