"""What LiteRT's operators take, by the library's own profiler: those inside XNNPACK too, which no Python package tells.

XNNPACK reports its operators under its own names, after it has folded several of the file's into one. Of a model of
five thousand operators all are told.
"""

import ctypes
import time
from typing import Any, List, Optional

from agent.profiling import Timed, own_times
from agent.runtimes import Profiling, Span, Traced
from agent.runtimes import litert_capi as capi
from agent.runtimes.litert_native import NativeLiteRt, NativeModel

_OPERATOR, _DELEGATE_OPERATOR, _DELEGATE_PROFILED = 1 << 1, 1 << 2, 1 << 3
"""Of TensorFlow Lite's `Profiler::EventType` (tflite/core/api/profiler.h); the others are steps of the runtime."""


class ProfiledModel(NativeModel, Profiling):
    """A model compiled with a profiler, which costs next to nothing until it is started."""

    source = "LiteRT's profiler"

    def __init__(
        self, engine: NativeLiteRt, path: str, shapes: List[List[int]], options: Optional[int], delegate: str
    ) -> None:
        super().__init__(engine, path, shapes, options)
        self._delegate = delegate
        self._profiler = self._library.handle("CompiledModelGetProfiler", self._compiled)

    def trace(self, inferences: int) -> List[Traced]:
        return [self._trace_once() for _ in range(inferences)]

    def _trace_once(self) -> Traced:
        self._library.call("StartProfiler", self._profiler)  # forgets what it held
        start_ns = time.perf_counter_ns()
        self.invoke()
        wall_ns = time.perf_counter_ns() - start_ns
        self._library.call("StopProfiler", self._profiler)
        return Traced(wall_ns, self._spans(self._events()))

    def _events(self) -> List[Any]:
        count = ctypes.c_int()
        self._library.call("GetNumProfilerEvents", self._profiler, ctypes.byref(count))
        if not count.value:
            return []
        events = (capi.ProfilerEvent * count.value)()
        self._library.call("GetProfilerEvents", self._profiler, count.value, events)
        return list(events)

    def _spans(self, events: List[Any]) -> List[Span]:
        """The delegate's operators come without a start, and without a node of the runtime around them."""
        own = [event for event in events if event.type == _OPERATOR]
        times_us = iter(own_times(Timed(event.start_us, event.elapsed_us) for event in own))
        spans = []
        for event in events:
            kind = _tag(event)
            name = "%s #%d" % (kind, event.index)
            if event.type == _OPERATOR:
                spans.append(Span(name, kind, "litert", next(times_us)))
            elif event.type in (_DELEGATE_OPERATOR, _DELEGATE_PROFILED):
                spans.append(Span(name, kind, self._delegate, float(event.elapsed_us)))
        return spans


def _tag(event: Any) -> str:
    return (event.tag or b"").decode("utf-8", "replace")
