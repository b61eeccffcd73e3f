"""A runtime that computes nothing, for tests and the simulated farm: any file is a model, any delegate is taken.

Its inferences sleep for seeded times, its output is a function of the inputs alone, and it breaks on demand.

Options (all may be left out):
`sleep_ms`        mean time of an inference (1.0); each lies within `jitter` (0.05) of it, drawn from `seed` (0)
`spin`            true: burn the CPU for that time rather than sleep
`load_sleep_ms`   time to load the model (0)
`allocate_bytes`  memory taken while loading and kept (0)
`crash`           segfault | exit | abort | hang | oom | stdout-garbage | wrong | nan
`oom_limit_bytes` what `oom` takes at most (1 GiB); nothing stopped it by then: it raises MemoryError itself
`crash_at`        `load`, or the number of the inference that breaks, from 1 (1); `wrong` and `nan` last from there on
`unsupported`     refuse to load as `Unsupported`; a text is the reason
`rejected`        refuse to load as `Rejected`; a text is the reason
`log`             a file on the board, to which loading and every inference add a line: a word that is the loaded
                  model's own, and the monotonic clock in ns. Who reads it knows when which worker was at work
"""

import hashlib
import os
import random
import signal
import time
from typing import Any, Dict, List, Optional

from agent.inputs import fill
from agent.messages.jobs import InputRecipe
from agent.runtimes import Array, Engine, Profiling, Rejected, Span, Traced, Unsupported

DEFAULTS: Dict[str, Any] = {
    "sleep_ms": 1.0,
    "jitter": 0.05,
    "seed": 0,
    "spin": False,
    "load_sleep_ms": 0.0,
    "allocate_bytes": 0,
    "crash": None,
    "oom_limit_bytes": 2**30,
    "crash_at": 1,
    "unsupported": None,
    "rejected": None,
    "log": None,
}
CRASHES = ("segfault", "exit", "abort", "hang", "oom", "stdout-garbage", "wrong", "nan")
_OUTPUT = InputRecipe("output", "float32", [1, 8], "uniform", -1.0, 1.0)
_BITE_BYTES = 16 * 2**20


class FakeRuntime(Engine):
    """Always there; needs no carrier."""

    def __init__(self, carrier: Optional[str]) -> None:
        self.version = "1"

    def load_to_profile(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Profiling:
        return self.load(path, threads, delegate, options)

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> "FakeModel":
        unknown = sorted(set(options) - set(DEFAULTS))
        if unknown:
            raise Unsupported("fake knows no option %r; it knows %s" % (unknown[0], ", ".join(sorted(DEFAULTS))))
        chosen = dict(DEFAULTS, **options)
        if chosen["crash"] not in (None, *CRASHES):
            raise Unsupported("fake knows no crash %r; it knows %s" % (chosen["crash"], ", ".join(CRASHES)))
        if chosen["unsupported"]:
            raise Unsupported(_reason(chosen["unsupported"], "asked to be unsupported"))
        if chosen["rejected"]:
            raise Rejected(_reason(chosen["rejected"], "asked to reject the model"))
        if not os.path.isfile(path):
            raise Rejected("there is no model file %s" % path)
        return FakeModel(threads, delegate, chosen)


class FakeModel(Profiling):
    """A loaded fake: holds its memory, counts its inferences. Profiled it has two operators, one in the delegate."""

    source = "the fake runtime"

    def __init__(self, threads: int, delegate: str, options: Dict[str, Any]) -> None:
        self._threads = threads
        self._delegate = delegate
        self._options = options
        self._random = random.Random(options["seed"])  # noqa: S311 - latencies to be repeated, nothing secret
        self._inferences = 0
        self._broken: Optional[str] = None
        self._log = os.path.expanduser(options["log"]) if options["log"] else None
        self._name = os.urandom(8).hex()
        self._note()
        self._seen = b""
        self._memory = b"\xff" * int(options["allocate_bytes"])
        if options["crash"] and options["crash_at"] == "load":
            self._break(options["crash"])
        time.sleep(options["load_sleep_ms"] / 1000)

    def feed(self, inputs: List[Array]) -> None:
        found = hashlib.sha256()
        for array in inputs:
            found.update(array.data)
        self._seen = found.digest()

    def invoke(self) -> None:
        self._inferences += 1
        if self._options["crash"] and self._inferences == self._options["crash_at"]:
            self._break(self._options["crash"])
        spread = self._options["jitter"] * self._random.uniform(-1.0, 1.0)
        time_s = max(0.0, self._options["sleep_ms"] * (1.0 + spread)) / 1000
        if self._options["spin"]:
            end_s = time.perf_counter() + time_s
            while time.perf_counter() < end_s:
                pass
        else:
            time.sleep(time_s)
        self._note()

    def outputs(self) -> List[Array]:
        right = fill(_OUTPUT, int.from_bytes(self._seen[:8], "little"))
        if self._broken == "wrong":
            return [right._replace(data=bytes(len(right.data)))]
        if self._broken == "nan":
            return [right._replace(data=b"\x00\x00\xc0\x7f" * 8)]
        return [right]

    def trace(self, inferences: int) -> List[Traced]:
        return [self._trace_once() for _ in range(inferences)]

    def _trace_once(self) -> Traced:
        start_ns = time.perf_counter_ns()
        self.invoke()
        slept_ns = time.perf_counter_ns()
        self.outputs()
        end_ns = time.perf_counter_ns()
        where = "fake" if self._delegate == "none" else self._delegate
        sleep = Span("sleep", "SLEEP", where, (slept_ns - start_ns) / 1e3)
        return Traced(end_ns - start_ns, [sleep, Span("output", "FILL", "fake", (end_ns - slept_ns) / 1e3)])

    def details(self) -> Dict[str, Any]:
        return {
            "arena_bytes": len(self._memory),
            "delegated_partitions": 0,
            "threads": self._threads,
            "delegate": self._delegate,
        }

    def _note(self) -> None:
        if self._log is None:
            return
        line = "%s %d\n" % (self._name, time.monotonic_ns())
        try:
            with open(self._log, "ab", buffering=0) as log:
                log.write(line.encode())
        except OSError:
            self._log = None  # a full disk is the test's own doing

    def _break(self, how: str) -> None:
        self._broken = how
        if how == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif how == "exit":
            os._exit(3)
        elif how == "abort":
            os.abort()
        elif how == "hang":
            while True:
                time.sleep(3600)
        elif how == "oom":
            _take_memory(self._options["oom_limit_bytes"])
        elif how == "stdout-garbage":
            os.write(1, b'\x00\xffgarbage from a native library\n{"kind":"result"}\n')


def _take_memory(limit_bytes: int) -> None:
    """Take memory until the kernel or a limit ends it; every page is written, or it would cost nothing."""
    kept: List[bytes] = []
    while len(kept) * _BITE_BYTES < limit_bytes:
        kept.append(b"\xff" * _BITE_BYTES)
    raise MemoryError("took %d bytes" % limit_bytes)


def _reason(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise
