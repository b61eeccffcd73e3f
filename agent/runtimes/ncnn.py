"""ncnn on the processor: its own models, graph and weights in one file (`dynofarm model add` packs them).

The delegate is always `none`: Vulkan is off. ncnn has no batch dimension, and tensors of one to four. Why it refuses a
model stands in what it prints, and nowhere else; what it would not survive is found before (`ncnn_file.py`).

Option:
`precision`   f32 | f16 | bf16 | usual (f32). By itself ncnn stores halves wherever the processor can widen them, and
              computes in half on Arm from v8.2 on; `usual` leaves it to do so, and `f16` asks for the same. What a
              version of ncnn or the processor has nothing for stays f32, without a word
"""

import ctypes
import os
import tempfile
from typing import Any, Dict, List, Optional, Sequence, Tuple

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.ncnn_file import OPEN, Broken, Layer, Packed, inputs_of, outputs_of, read_graph, read_packed
from agent.runtimes.overheard import Overheard
from agent.runtimes.terms import own_kernels
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

NARROW = {
    "use_fp16_packed": "f16",
    "use_fp16_storage": "f16",
    "use_fp16_arithmetic": "f16",
    "use_bf16_packed": "bf16",
    "use_bf16_storage": "bf16",
}
"""ncnn's switches of precision; not every version has all of them."""

OPTIONS = {"precision": ("f32", "f16", "bf16", "usual")}

_MOST_DIMENSIONS = 4


class Ncnn(Engine):
    """ncnn as a wheel: its extension alone, without the model zoo beside it."""

    def __init__(self, carrier: Optional[str]) -> None:
        self._numpy = import_numpy("ncnn")
        _forget_openmp()
        self._ncnn: Any = import_runtime("ncnn", "ncnn.ncnn")
        self.version = version_of("ncnn", self._ncnn)

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        precision = own_kernels("ncnn", threads, delegate, options, OPTIONS)["precision"]
        net = self._ncnn.Net()
        _set(net.opt, threads, precision)
        with _open(path) as file:
            packed, layers = _read(file)
            self._check_kinds(layers)
            _load_graph(net, packed.graph)
            _load_weights(self._ncnn, net, Weights(file, packed))
        return NcnnModel(self._numpy, self._ncnn, net, layers, precision)

    def _check_kinds(self, layers: Sequence[Layer]) -> None:
        """A wheel may know a kind of layer by name and have been built without it."""
        for kind in sorted({layer.kind for layer in layers}):
            if self._ncnn.create_layer(kind) is None:
                raise Unsupported("ncnn %s has no layer %s" % (self.version, kind))


class NcnnModel(Loaded):
    """A net, and its inputs in memory of ncnn's own: layers that work in place then make themselves a copy."""

    def __init__(self, numpy: Any, ncnn: Any, net: Any, layers: Sequence[Layer], precision: str) -> None:
        self._numpy, self._ncnn, self._net, self._precision = numpy, ncnn, net, precision
        self._slots = inputs_of(layers)
        self._output_names = outputs_of(layers)
        self._input_indexes = list(net.input_indexes())
        self._output_indexes = list(net.output_indexes())
        self._operators = sum(layer.kind != "Input" for layer in layers)
        self._inputs: List[Any] = []
        self._results: List[Any] = []

    def feed(self, inputs: List[Array]) -> None:
        placed = arrays.place(inputs, self._slots_for(inputs))
        for array in placed:
            if not 1 <= len(array.shape) <= _MOST_DIMENSIONS or not array.data:
                raise Rejected("ncnn takes 1 to 4 dimensions, and input %r has shape %s" % (array.name, array.shape))
        values = [self._numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape) for array in placed]
        self._inputs = list(zip(self._input_indexes, [self._ncnn.Mat(one).clone() for one in values]))

    def invoke(self) -> None:
        extractor = self._net.create_extractor()  # it keeps what it has computed: a new one computes anew
        for index, mat in self._inputs:
            extractor.input(index, mat)
        self._results = [extractor.extract(index) for index in self._output_indexes]
        for status, _ in self._results:
            if status:
                raise Unsupported("ncnn cannot run the model: it gives the status %d" % status)

    def outputs(self) -> List[Array]:
        found = []
        for name, (_, mat) in zip(self._output_names, self._results):
            if mat.empty():
                raise Unsupported("ncnn gives nothing for the output %r" % name)
            values = self._numpy.asarray(mat)
            found.append(Array(name, values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def details(self) -> Dict[str, Any]:
        return {
            "numpy": str(self._numpy.__version__),
            "operators": self._operators,
            "precision": self._precision,
            "half_arithmetic": bool(self._net.opt.use_fp16_arithmetic and self._ncnn.cpu_support_arm_asimdhp()),
        }

    def _slots_for(self, inputs: Sequence[Array]) -> List[Slot]:
        """Where the graph leaves even the rank of an input open, the shape that is given stands."""
        if len(inputs) != len(self._slots):
            return self._slots
        by_name = {array.name: array for array in inputs}
        named = set(by_name) == {slot.name for slot in self._slots}
        ordered = [by_name[slot.name] for slot in self._slots] if named else inputs
        return [
            slot._replace(shape=array.shape) if slot.shape == OPEN else slot
            for slot, array in zip(self._slots, ordered)
        ]


def _forget_openmp() -> None:
    """What the board sets for OpenMP in general could take threads away, and is read as ncnn is imported."""
    for name in [name for name in os.environ if name.startswith(("OMP_", "GOMP_"))]:
        del os.environ[name]


def _set(options: Any, threads: int, precision: str) -> None:
    options.num_threads = threads
    options.use_vulkan_compute = False
    for name, narrow in NARROW.items():
        if precision != "usual" and hasattr(options, name):
            setattr(options, name, precision == narrow)


def _open(path: str) -> Any:
    try:
        return open(path, "rb", buffering=0)
    except OSError as error:
        raise Rejected("the model file cannot be read: %s" % error) from error


def _read(file: Any) -> Tuple[Packed, List[Layer]]:
    try:
        packed = read_packed(file)
        return packed, read_graph(packed.graph)
    except Broken as error:
        raise Rejected("this is no packed model of ncnn, or a broken one: %s" % error) from error


def _load_graph(net: Any, graph: bytes) -> None:
    """ncnn reads a graph from a file of its own."""
    with tempfile.NamedTemporaryFile(prefix="dynofarm-graph-") as file:
        file.write(graph)
        file.flush()
        with Overheard() as heard:
            status = net.load_param(file.name)
    if status:
        raise Unsupported("ncnn cannot take the graph: %s" % _words(heard))


class Weights:
    """The weights of a packed file, read straight into ncnn's memory and never beyond their end.

    A graph that asks for more gets zeros until it has all, for ncnn does not always look whether it got anything.
    """

    def __init__(self, file: Any, packed: Packed) -> None:
        file.seek(packed.weights_at)
        self._file = file
        self._address_of = ctypes.pythonapi.PyCapsule_GetPointer
        self._address_of.restype, self._address_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        self.left_bytes, self.lacking_bytes = packed.weights_bytes, 0

    def read(self, buffer: Any, size: int) -> int:
        """What ncnn calls for each piece: fill so many bytes behind the pointer in a capsule."""
        if buffer is None or not size:
            return 0
        address = self._address_of(buffer, None)
        place = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
        wanted, got = min(size, self.left_bytes), 0
        while got < wanted:
            count = self._read_into(place[got:wanted])
            if not count:
                break
            got += count
        ctypes.memset(address + got, 0, size - got)
        self.left_bytes -= got
        self.lacking_bytes += size - got
        return size

    def _read_into(self, place: memoryview) -> int:
        try:
            return int(self._file.readinto(place))
        except OSError:  # not through native code
            return 0


def _load_weights(ncnn: Any, net: Any, weights: Weights) -> None:
    reader = type("Reader", (ncnn.DataReader,), {"read": lambda _, buffer, size: weights.read(buffer, size)})()
    with Overheard() as heard:
        status = net.load_model(reader)
    if weights.lacking_bytes:
        raise Rejected("the graph has more weights than the file, by %d bytes" % weights.lacking_bytes)
    if status:
        raise Unsupported("ncnn cannot take the weights: %s" % _words(heard))
    if weights.left_bytes:
        raise Rejected("the file has more weights than the graph, by %d bytes" % weights.left_bytes)


def _words(heard: Overheard) -> str:
    return "; ".join(heard.lines)[:600] or "it does not say why"
