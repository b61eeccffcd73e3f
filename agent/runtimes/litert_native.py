"""LiteRT through the pushed `libLiteRt.so` and ctypes: any Python from 3.8, nothing installed, no numpy.

Delegates: `xnnpack` (LiteRT's default on a CPU), and `none`, which is LiteRT's kernel mode `builtin`: its own
optimised kernels, no XNNPACK. There are no options. Of several signatures the first that runs the file's first
subgraph is used, because that is the subgraph whose inputs the orchestrator reads.
"""

import ctypes
from typing import Any, Dict, List, Optional

from agent.runtimes import Array, Engine, Loaded, Profiling, Rejected, Unsupported, arrays
from agent.runtimes import litert_capi as capi
from agent.runtimes.arrays import Slot
from agent.runtimes.tflite_file import check_tflite

DELEGATES = {"xnnpack": "", "none": 'kernel_mode = "builtin"\n'}
"""What the library's CPU options say for each delegate, beside the threads."""


class NativeLiteRt(Engine):
    """The library, opened. Needs the carrier `library`."""

    def __init__(self, carrier: Optional[str]) -> None:
        if carrier is None:
            raise Unsupported("the runtime litert needs libLiteRt.so pushed to the board, and none came with the job")
        self.library = capi.Library(carrier)
        self.version = self.library.build.version
        # Without these the library looks for GPU and NPU plug-ins on the board's library path, and logs every step.
        options = (capi.EnvironmentOption * 2)(
            capi.integer_option(capi.ENVIRONMENT_ACCELERATORS, capi.ACCELERATOR_CPU),
            capi.integer_option(capi.ENVIRONMENT_LOG_LEVEL, capi.LOG_ERRORS_ONLY),
        )
        self.environment = self.library.handle("CreateEnvironment", len(options), ctypes.cast(options, ctypes.c_void_p))

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        shapes = _check(path, threads, delegate, options)
        try:
            return NativeModel(self, path, shapes, self._options(threads, delegate))
        except capi.Failed as failure:
            raise _explain(failure, "load the model") from failure

    def load_to_profile(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Profiling:
        from agent.runtimes.litert_profiler import ProfiledModel

        shapes = _check(path, threads, delegate, options)
        try:
            opaque = self._options(threads, delegate)
            self._add(opaque, b"runtime_options_string", "enable_profiling = true\n")
            return ProfiledModel(self, path, shapes, opaque, delegate)
        except capi.Failed as failure:
            raise _explain(failure, "load the model") from failure

    def _options(self, threads: int, delegate: str) -> Optional[int]:
        options = self.library.handle("CreateOptions")
        self.library.call("SetOptionsHardwareAccelerators", options, capi.ACCELERATOR_CPU)
        self._add(options, b"xnnpack", "num_threads = %d\n%s" % (threads, DELEGATES[delegate]))
        return options

    def _add(self, options: Optional[int], name: bytes, text: str) -> None:
        # The library keeps the pointer and frees the text itself, so it must come from the C library's heap.
        heap = ctypes.CDLL(None)
        heap.strdup.restype = ctypes.c_void_p
        payload = heap.strdup(text.encode())
        opaque = self.library.handle("CreateOpaqueOptions", name, payload, ctypes.cast(heap.free, ctypes.c_void_p))
        self.library.call("AddOpaqueOptions", options, opaque)


class NativeModel(Loaded):
    """A compiled model with its input and output buffers. Nothing is ever freed: the process ends with the job."""

    def __init__(self, engine: NativeLiteRt, path: str, shapes: List[List[int]], options: Optional[int]) -> None:
        self._library = engine.library
        self._environment = engine.environment
        self._model = self._library.handle("CreateModelFromFile", self._environment, path.encode())
        self._signature, self._subgraph = self._choose_signature()
        # The library gives an open dimension as 1; only the file says that it is open.
        self._inputs = [slot._replace(shape=shape) for slot, shape in zip(self._slots("Input"), shapes)]
        self._outputs = self._slots("Output")
        self._compiled = self._library.handle("CreateCompiledModel", self._environment, self._model, options)
        self._input_buffers: List[Optional[int]] = []
        self._output_buffers: List[Optional[int]] = []
        self._output_shapes: List[List[int]] = []
        self._fed_shapes: Optional[List[List[int]]] = None
        self._run = self._library.raw("RunCompiledModel")
        self._arguments: Any = ()
        if all(dimension >= 0 for slot in self._inputs for dimension in slot.shape):
            self._make_buffers([slot.shape for slot in self._inputs])

    def feed(self, inputs: List[Array]) -> None:
        ordered = arrays.place(inputs, self._inputs)
        shapes = [list(array.shape) for array in ordered]
        try:
            if shapes != self._fed_shapes:
                self._resize(shapes)
                self._make_buffers(shapes)
            for array, buffer in zip(ordered, self._input_buffers):
                address = self._library.lock(buffer, capi.LOCK_WRITE)
                ctypes.memmove(address, array.data, len(array.data))
                self._library.call("UnlockTensorBuffer", buffer)
        except capi.Failed as failure:
            raise _explain(failure, "take inputs of the shapes %s" % shapes) from failure

    def invoke(self) -> None:
        status = self._run(*self._arguments)
        if status != 0:
            raise _explain(capi.Failed("RunCompiledModel", status), "run the model")

    def outputs(self) -> List[Array]:
        found = []
        for slot, shape, buffer in zip(self._outputs, self._output_shapes, self._output_buffers):
            address = self._library.lock(buffer, capi.LOCK_READ)
            data = ctypes.string_at(address, arrays.size_bytes(slot.dtype, shape))
            self._library.call("UnlockTensorBuffer", buffer)
            found.append(Array(slot.name, slot.dtype, list(shape), data))
        return found

    def details(self) -> Dict[str, Any]:
        whole = ctypes.c_bool()
        self._library.call("CompiledModelIsFullyAccelerated", self._compiled, ctypes.byref(whole))
        return {
            "fully_delegated": whole.value,
            "operators": self._library.number("GetNumSubgraphOps", self._subgraph),
        }

    def _choose_signature(self) -> Any:
        first = self._library.handle("GetModelSubgraph", self._model, 0)
        for index in range(self._library.number("GetNumModelSignatures", self._model)):
            signature = self._library.handle("GetModelSignature", self._model, index)
            if self._library.handle("GetSignatureSubgraph", signature) == first:
                return index, first
        raise Unsupported("none of the model's signatures runs its first subgraph")

    def _slots(self, side: str) -> List[Slot]:
        return [
            self._slot(self._library.handle("GetSubgraph" + side, self._subgraph, index))
            for index in range(self._library.number("GetNumSubgraph%ss" % side, self._subgraph))
        ]

    def _slot(self, tensor: Optional[int]) -> Slot:
        name, kind = ctypes.c_char_p(), capi.RankedTensorType()
        self._library.call("GetTensorName", tensor, ctypes.byref(name))
        text = (name.value or b"").decode("utf-8", "replace")
        try:
            self._library.call("GetRankedTensorType", tensor, ctypes.byref(kind))
        except capi.Failed:
            raise Unsupported("tensor %r has no fixed rank, which this runtime cannot handle" % text) from None
        if kind.layout.rank > capi.MAX_RANK:
            raise Unsupported("tensor %r has %d dimensions; LiteRT's interface holds 8" % (text, kind.layout.rank))
        dtype = capi.DTYPES.get(kind.element_type)
        if dtype is None:
            raise Unsupported("tensor %r has LiteRT's element type %d, not handled here" % (text, kind.element_type))
        return Slot(text, dtype, list(kind.layout.dimensions[: kind.layout.rank]))

    def _resize(self, shapes: List[List[int]]) -> None:
        for index, (slot, shape) in enumerate(zip(self._inputs, shapes)):
            if slot.shape != shape:
                dimensions = (ctypes.c_int * len(shape))(*shape)
                self._library.call(
                    "CompiledModelResizeInputTensor", self._compiled, self._signature, index, dimensions, len(shape)
                )

    def _make_buffers(self, shapes: List[List[int]]) -> None:
        layouts = (capi.Layout * len(self._outputs))()
        self._library.call(
            "GetCompiledModelOutputTensorLayouts", self._compiled, self._signature, len(layouts), layouts, True
        )
        self._output_shapes = [list(layout.dimensions[: layout.rank]) for layout in layouts]
        self._input_buffers = self._buffers("Input", self._inputs, shapes)
        self._output_buffers = self._buffers("Output", self._outputs, self._output_shapes)
        self._fed_shapes = shapes
        self._arguments = (
            ctypes.c_void_p(self._compiled),
            ctypes.c_size_t(self._signature),
            ctypes.c_size_t(len(self._input_buffers)),
            (ctypes.c_void_p * len(self._input_buffers))(*self._input_buffers),
            ctypes.c_size_t(len(self._output_buffers)),
            (ctypes.c_void_p * len(self._output_buffers))(*self._output_buffers),
        )

    def _buffers(self, side: str, slots: List[Slot], shapes: List[List[int]]) -> List[Optional[int]]:
        return [self._buffer(side, index, slot, shape) for index, (slot, shape) in enumerate(zip(slots, shapes))]

    def _buffer(self, side: str, index: int, slot: Slot, shape: List[int]) -> Optional[int]:
        layout = capi.Layout(len(shape), 0, (ctypes.c_int32 * capi.MAX_RANK)(*shape))
        kind = capi.RankedTensorType(capi.ELEMENT_TYPES[slot.dtype], layout)
        needs = self._library.handle(
            "GetCompiledModel%sBufferRequirements" % side, self._compiled, self._signature, index
        )
        buffer = self._library.handle(
            "CreateManagedTensorBufferFromRequirements", self._environment, ctypes.byref(kind), needs
        )
        size = self._library.number("GetTensorBufferPackedSize", buffer)
        if size != arrays.size_bytes(slot.dtype, shape):
            raise Unsupported("the runtime wants %d bytes for %r of shape %s" % (size, slot.name, shape))
        return buffer


def _check(path: str, threads: int, delegate: str, options: Dict[str, Any]) -> List[List[int]]:
    """Refuse what the library has not; the shapes of the inputs (`check_tflite`)."""
    if delegate not in DELEGATES:
        raise Unsupported("litert has the delegates %s, not %s" % (" and ".join(sorted(DELEGATES)), delegate))
    if options:
        raise Unsupported("litert has no options, and %s was given" % ", ".join(sorted(options)))
    if threads < 1:
        raise Unsupported("litert needs at least one thread, and %d was asked for" % threads)
    return check_tflite(path)


def _explain(failure: capi.Failed, doing: str) -> Exception:
    if failure.status == capi.OUT_OF_MEMORY:
        return MemoryError("LiteRT found no memory to %s" % doing)
    if failure.call == "CreateModelFromFile":
        return Rejected("LiteRT cannot read the model file: %s" % failure)
    return Unsupported("LiteRT cannot %s: %s" % (doing, failure))
