"""What onnxruntime's operators take, from the trace that its profiler writes: JSON, one event a line.

The profiler runs from the making of a session to its end and cannot be held, so the pass has a session of its own.
"""

import json
import os
import shutil
import tempfile
import time
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List

from agent.profiling import Timed, own_times
from agent.runtimes import Array, Profiling, Span, Traced, Unsupported
from agent.runtimes.onnx import OnnxModel

_WARM_UP = 2
"""A new session's first inferences make its memory plan."""
_MOST = 50
"""Inferences: the trace of a model of a thousand nodes is 25 MB then."""
_KERNEL = "_kernel_time"
_LONGEST_LINE = 1 << 20

OpenAgain = Callable[[str], Any]


class ProfiledOnnxModel(OnnxModel, Profiling):
    """A session, and the way to another one of the same model that writes a trace."""

    source = "onnxruntime's trace"

    def __init__(self, numpy: Any, onnxruntime: Any, session: Any, told: Dict[str, Any], open_again: OpenAgain) -> None:
        super().__init__(numpy, onnxruntime, session, told)
        self._open_again = open_again
        self._fed: List[Array] = []

    def feed(self, inputs: List[Array]) -> None:
        super().feed(inputs)
        self._fed = inputs

    def trace(self, inferences: int) -> List[Traced]:
        self._session = self._binding = self._run = None  # its memory goes before the other takes its own
        count = _WARM_UP + min(inferences, _MOST)
        with self._traced_session() as trace:
            self.feed(self._fed)
            walls_ns = [self._time_once() for _ in range(count)]
            self._session.end_profiling()
            spans = list(read_trace(trace))
        if len(spans) != count:
            raise Unsupported("onnxruntime's trace tells of %d inferences, and %d were made" % (len(spans), count))
        return [Traced(wall_ns, one) for wall_ns, one in zip(walls_ns, spans)][_WARM_UP:]

    def _traced_session(self) -> IO[str]:
        """The trace, open and already without a name: nothing stays on the board, however this ends."""
        folder = tempfile.mkdtemp(prefix="dynofarm-trace-")
        try:
            self._take(self._open_again(os.path.join(folder, "trace")))
            names = os.listdir(folder)
            if not names:
                raise Unsupported("onnxruntime writes no trace where it was told to")
            return open(os.path.join(folder, names[0]), encoding="utf-8", errors="replace")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _time_once(self) -> int:
        start_ns = time.perf_counter_ns()
        self.invoke()
        return time.perf_counter_ns() - start_ns


def read_trace(lines: IO[str]) -> Iterator[List[Span]]:
    """The operators of each inference. A line that is no event is passed over: the brackets, and what is cut off."""
    nodes: List[Dict[str, Any]] = []
    for event in _events(lines):
        if event.get("cat") == "Node" and str(event.get("name")).endswith(_KERNEL):
            nodes.append(event)
        elif event.get("name") == "model_run":
            yield _spans(nodes)
            nodes = []


def _events(lines: IO[str]) -> Iterator[Dict[str, Any]]:
    for line in iter(lambda: lines.readline(_LONGEST_LINE), ""):
        try:
            event = json.loads(line.strip().rstrip(",").lstrip("["))
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _spans(nodes: Iterable[Dict[str, Any]]) -> List[Span]:
    try:
        ordered = sorted(nodes, key=lambda node: float(node["ts"]))
        times_us = own_times(Timed(float(node["ts"]), float(node["dur"])) for node in ordered)
        return [
            Span(
                str(node["name"])[: -len(_KERNEL)],
                str(node["args"]["op_name"]),
                str(node["args"]["provider"]).replace("ExecutionProvider", ""),
                us,
            )
            for node, us in zip(ordered, times_us)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Unsupported("onnxruntime's trace is not of a form that is known here: %r" % error) from error
