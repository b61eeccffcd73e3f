"""IREE: modules (`.vmfb`) that were compiled for a board's processor beforehand.

The delegate is always `none`: a module is machine code. One thread is the caller's own (driver `local-sync`); more are
workers of IREE (`local-task`), one for each. There are no options.

A module tells of its inputs in `iree.abi.declaration`, a line of text that IREE's compiler writes for most of its
importers and `dynofarm model compile` for ONNX. Without it nobody here knows how to feed it.
"""

import atexit
import re
from typing import Any, Dict, List, Optional

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.terms import own_kernels
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

DTYPES = {
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "ui8": "uint8",
    "ui16": "uint16",
    "ui32": "uint32",
    "ui64": "uint64",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
}
"""MLIR's names of types to numpy's."""

DECLARATION = "iree.abi.declaration"
_TENSOR = re.compile(r'%(\w+): tensor<((?:(?:\d+|\?)x)*)(\w+)>(?: \{iree\.identifier = "([^"]*)"\})?')
_LARGEST_RESULTS = 64
_OTHER_VERSION = "not available in this runtime"


class Iree(Engine):
    """IREE's runtime as a wheel."""

    def __init__(self, carrier: Optional[str]) -> None:
        self._numpy = import_numpy("iree")
        self._iree: Any = import_runtime("iree", "iree.runtime")
        self.version = version_of("iree-base-runtime", self._iree)

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        own_kernels("iree", threads, delegate, options, {})
        if threads > 1:
            self._iree.flags.parse_flags("--task_topology_group_count=%d" % threads)
        return IreeModel(self._numpy, self._iree, path, "local-sync" if threads == 1 else "local-task")


class IreeModel(Loaded):
    """The one function of a module, with its inputs in buffers of the device."""

    def __init__(self, numpy: Any, iree: Any, path: str, driver: str) -> None:
        self._numpy, self._iree, self._driver = numpy, iree, driver
        _check_file(path)
        self._instance: Any = iree.VmInstance()
        self._device: Any = iree.get_driver(driver).create_default_device()
        try:
            self._module = iree.VmModule.mmap(self._instance, path)
        except Exception as error:  # nanobind gives ValueError, RuntimeError and others
            if _OTHER_VERSION in str(error):
                raise Unsupported("the module is of another version of IREE: %s" % _last_words(error)) from error
            raise Rejected("iree cannot read the module: %s" % _last_words(error)) from error
        self._function = self._module.lookup_function(_entry(self._module.function_names))
        inputs, self._outputs = _declared(self._function.reflection.get(DECLARATION, ""))
        self._slots = [_slot(*one) for one in inputs]
        try:
            self._context = iree.VmContext(
                self._instance, [iree.create_hal_module(self._instance, self._device), self._module]
            )
        except Exception as error:
            raise Unsupported("iree cannot take the module on this board: %s" % _last_words(error)) from error
        self._invoke = self._context.invoke
        self._arguments: Any = None
        self._results: Any = None
        atexit.register(self._close)

    def feed(self, inputs: List[Array]) -> None:
        iree, numpy = self._iree, self._numpy
        views = []
        for array in arrays.place(inputs, self._slots):
            values = numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape)
            views.append(
                self._device.allocator.allocate_buffer_copy(
                    memory_type=iree.MemoryType.DEVICE_LOCAL | iree.MemoryType.HOST_VISIBLE,
                    allowed_usage=iree.BufferUsage.DEFAULT | iree.BufferUsage.MAPPING,
                    device=self._device,
                    buffer=values,
                    element_type=iree.array_interop.map_dtype_to_hal_element_type(values.dtype),
                )
            )
        self._arguments = iree.VmVariantList(len(views))
        for view in views:
            self._arguments.push_ref(view)

    def invoke(self) -> None:
        self._results = self._iree.VmVariantList(_LARGEST_RESULTS)
        try:
            self._invoke(self._function, self._arguments, self._results)
        except Exception as error:
            raise Unsupported("iree cannot run the module: %s" % _last_words(error)) from error

    def outputs(self) -> List[Array]:
        iree, found = self._iree, []
        for index in range(len(self._results)):
            view = self._results.get_as_object(index, iree.HalBufferView)
            values = iree.DeviceArray(self._device, view, implicit_host_transfer=True).to_host()
            name = self._outputs[index][1] if index < len(self._outputs) else "output_%d" % index
            found.append(Array(name, values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def _close(self) -> None:
        """Let go of what IREE holds, the users first: in the interpreter's own order it dies of a signal."""
        for name in ("_results", "_arguments", "_invoke", "_function", "_context", "_module", "_device", "_instance"):
            setattr(self, name, None)

    def details(self) -> Dict[str, Any]:
        return {"numpy": str(self._numpy.__version__), "driver": self._driver}


def _declared(text: str) -> Any:
    """Inputs and outputs of `sync func @name(%input0: tensor<1x4xf32> {iree.identifier = "a"}, …) -> (…)`."""
    before, arrow, behind = text.partition(") -> (")
    if not arrow:
        raise Unsupported(
            "the module does not tell what its inputs are (%s): compile it with dynofarm model compile" % DECLARATION
        )
    return [
        [(kind, name or place, sizes) for place, sizes, kind, name in _TENSOR.findall(part)]
        for part in (before, behind)
    ]


def _slot(kind: str, name: str, sizes: str) -> Slot:
    if kind not in DTYPES:
        raise Unsupported("input %r is of type %s, which cannot be fed" % (name, kind))
    return Slot(name, DTYPES[kind], [-1 if size == "?" else int(size) for size in sizes.split("x")[:-1]])


def _entry(names: List[str]) -> str:
    """The function that is run: IREE puts its own beside it, under names with a $ or two underscores."""
    ours = [name for name in names if "$" not in name and not name.startswith("__")]
    if len(ours) != 1:
        raise Unsupported("iree runs modules with one function, and this one has %s" % (", ".join(ours) or "none"))
    return ours[0]


def _check_file(path: str) -> None:
    """A module is a zip whose first entry is a flatbuffer, or that flatbuffer alone; native code looks less closely."""
    try:
        with open(path, "rb") as file:
            head = file.read(128)
    except OSError as error:
        raise Rejected("the model file cannot be read: %s" % error) from error
    if b"IREE" not in head:
        raise Rejected("this is no module of IREE: there is no IREE among its first bytes")


def _last_words(error: Exception) -> str:
    """Its messages may end with a stack, and with all that is known of a device that was not found."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines).partition(": #hal.")[0][:600] or type(error).__name__
