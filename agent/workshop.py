"""Starting a worker process and ending it, with everything that hangs on it."""

import contextlib
import os
import signal
import sys
from typing import IO, TYPE_CHECKING, List, NamedTuple, Optional

import agent
from agent.messages.jobs import JobSpec
from agent.outcome import encode_job
from agent.places import Places, remove_quietly
from agent.sensors import read_text
from agent.sensors.process import start_ticks
from agent.start import kept_beside

if TYPE_CHECKING:
    import subprocess


class Started(NamedTuple):
    process: "subprocess.Popen[bytes]"
    reports: int
    """The worker's reports come from here; non-blocking."""
    words: int
    """What the worker, or a library in it, prints; non-blocking."""


class Pairing(NamedTuple):
    """What makes a worker one of two: its part, for standard input, and its end of the socket between them."""

    part: bytes
    partner: int


class Origin(NamedTuple):
    """Where this agent was read from: `place` is the zipapp, or the folder that holds the `agent` package."""

    place: str
    is_archive: bool
    is_text: bool
    """It was compiled at this start."""


def own_origin() -> Origin:
    place = os.path.dirname(os.path.dirname(os.path.abspath(agent.__file__)))
    archive = os.path.abspath(sys.argv[0])
    if place == kept_beside(archive):
        return Origin(archive, True, False)
    return Origin(place, os.path.isfile(place), True)


def own_digest() -> str:
    """The hash that the archive is named by; `source` for an agent that runs from a folder."""
    origin = own_origin()
    return os.path.splitext(os.path.basename(origin.place))[0] if origin.is_archive else "source"


def command(carrier: str) -> List[str]:
    """How to start this agent again. With `system` the board's own packages count, the user's included."""
    origin = own_origin()
    program = origin.place if origin.is_archive else os.path.join(origin.place, "agent", "__main__.py")
    flags = ["-E"] if carrier == "system" else ["-I", "-S"]
    return [sys.executable, *flags, program]


def start(
    places: Places, job: JobSpec, model_path: str, carrier_path: Optional[str], pairing: Optional[Pairing] = None
) -> Started:
    """Start the worker of a job in a session of its own, so that all that it starts can be killed with it.

    OSError when no process can be made.
    """
    reports, report_end = os.pipe()
    words, words_end = os.pipe()
    argv = [*command(job.runtime.carrier), "worker" if pairing is None else "duet", "--model", model_path]
    argv += ["--report-fd", str(report_end), "--parent", str(os.getpid())]
    if carrier_path is not None:
        argv += ["--carrier", carrier_path]
    kept = [report_end]
    if pairing is not None:
        argv += ["--partner-fd", str(pairing.partner)]
        kept.append(pairing.partner)
    try:
        with _order_file(places, encode_job(job) if pairing is None else pairing.part) as order_file:
            import subprocess  # an agent that runs nothing starts without it

            process = subprocess.Popen(
                argv,
                stdin=order_file,
                stdout=words_end,
                stderr=words_end,
                pass_fds=kept,
                start_new_session=True,
                cwd="/",
            )
    except OSError:
        os.close(reports)
        os.close(words)
        raise
    finally:
        os.close(report_end)
        os.close(words_end)
    os.set_blocking(reports, False)
    os.set_blocking(words, False)
    _note(places, process.pid)
    return Started(process, reports, words)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill the worker and all of its process group; nothing happens when they are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def clean_up(places: Places) -> None:
    """The worker was waited for: nothing is left to reap."""
    remove_quietly(places.worker)


def reap_leftover(places: Places) -> int:
    """Kill the worker, or the two of a duet, that a former agent left running; how many there were."""
    lines = (read_text("/", places.worker) or "").splitlines()
    remove_quietly(places.worker)
    return sum(_reap(line.split()) for line in lines)


def _reap(words: List[str]) -> int:
    """Only when pid, start time and boot are those that were noted: a pid alone may be somebody else's by now."""
    if len(words) != 3 or not words[0].isdigit():
        return 0
    pid = int(words[0])
    if words[1:] != [str(start_ticks(pid)), _boot_id()]:
        return 0
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        return 0
    return 1


def _note(places: Places, pid: int) -> None:
    try:
        with open(places.worker, "a", encoding="ascii") as file:
            file.write("%d %s %s\n" % (pid, start_ticks(pid), _boot_id()))
    except OSError:
        pass  # a full disk: the kernel still kills the worker with us


def _boot_id() -> str:
    return read_text("/", "/proc/sys/kernel/random/boot_id") or "-"


def _order_file(places: Places, order: bytes) -> IO[bytes]:
    """As a file without a name: a worker that does not read cannot stall us, as it could with a pipe."""
    import tempfile

    file = tempfile.TemporaryFile(dir=_shared_memory() or places.incoming)  # noqa: SIM115 - the caller closes it
    file.write(order)
    file.flush()
    file.seek(0)
    return file


def _shared_memory() -> Optional[str]:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - the file has no name there
