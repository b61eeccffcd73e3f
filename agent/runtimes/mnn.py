"""MNN on the processor: its own models (`.mnn`), in one session.

The delegate is always `none`: MNN computes everything with kernels of its own. A session uses the memory of its inputs
for what it computes later, so they are laid in again for each inference, within the time that is measured, as whoever
uses MNN has to. Inputs and outputs are in the order of their names, as a session gives them out. Why it refuses a model
stands in what it prints, and nowhere else.

Options:
`precision`   f32 | f16 | bf16 | usual (f32). On processors without instructions for the narrow ones MNN stays with f32
`memory`      usual | low (usual): with `low` the weights of quantised models stay as they are, and activations are
              quantised while it runs; else they are widened as the model is loaded
"""

from typing import Any, Dict, List, NoReturn, Sequence, Tuple

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.overheard import Overheard
from agent.runtimes.terms import own_kernels
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

PRECISIONS = {"f32": "high", "f16": "low", "bf16": "low_bf16", "usual": "normal"}
MEMORY = {"usual": "normal", "low": "low"}
OPTIONS = {"precision": tuple(PRECISIONS), "memory": tuple(MEMORY)}

_TYPES = {
    "Halide_Type_Float": "float32",
    "Halide_Type_Double": "float64",
    "Halide_Type_Int": "int32",
    "Halide_Type_Int64": "int64",
    "Halide_Type_Uint8": "uint8",
}
_MEMORY_MIB, _MEGAFLOPS = 0, 1
"""Numbers of what a session tells of itself (`Interpreter::SessionInfoCode`)."""


class Mnn(Engine):
    """MNN as a wheel."""

    def __init__(self, carrier: Any) -> None:
        self._numpy = import_numpy("mnn")
        with Overheard():  # it tells of the processor
            self._mnn: Any = import_runtime("mnn", "MNN")
        self.version = version_of("MNN", self._mnn) or self._mnn.version()

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        chosen = own_kernels("mnn", threads, delegate, options, OPTIONS)
        settings = {
            "backend": "CPU",
            "numThread": threads,
            "precision": PRECISIONS[chosen["precision"]],
            "memory": MEMORY[chosen["memory"]],
        }
        with Overheard() as heard:
            try:
                interpreter = self._mnn.Interpreter(path)
            except Exception as error:  # all of its exceptions are plain ones
                raise Rejected("mnn cannot read the model: %s" % _last_words(error)) from error
            try:
                session = interpreter.createSession(settings)
            except Exception as error:
                raise Unsupported("mnn cannot take the model: %s" % _last_words(error)) from error
        return MnnModel(self._numpy, self._mnn, interpreter, session, heard)


class MnnModel(Loaded):
    """A session with its inputs and outputs."""

    def __init__(self, numpy: Any, mnn: Any, interpreter: Any, session: Any, heard: Overheard) -> None:
        self._numpy, self._mnn, self._interpreter, self._session = numpy, mnn, interpreter, session
        self._heard = heard
        self._dtypes = {getattr(mnn, name): dtype for name, dtype in _TYPES.items()}
        self._inputs = sorted(interpreter.getSessionInputAll(session).items())
        self._slots = [Slot(name, self._dtype(name, tensor), list(tensor.getShape())) for name, tensor in self._inputs]
        self._fed: List[Tuple[Any, Any]] = []
        self._run = interpreter.runSession

    def feed(self, inputs: List[Array]) -> None:
        placed = arrays.place(inputs, self._slots)
        self._resize([tuple(array.shape) for array in placed])
        self._fed = []
        for array, (_, tensor) in zip(placed, self._inputs):
            values = self._numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape).copy()
            self._fed.append((tensor, self._host(tensor, values)))
        if not all(tensor.copyFrom(values) for tensor, values in self._fed):
            self._refuse("take these inputs")

    def invoke(self) -> None:
        for tensor, values in self._fed:
            tensor.copyFrom(values)
        if self._run(self._session):
            self._refuse("run the model")

    def outputs(self) -> List[Array]:
        found = []
        for name, tensor in sorted(self._interpreter.getSessionOutputAll(self._session).items()):
            dtype = self._dtype(name, tensor)
            host = self._host(tensor, self._numpy.empty(tensor.getShape(), dtype=dtype))
            if not tensor.copyToHostTensor(host):
                self._refuse("give output %r" % name)
            values = host.getNumpyData()
            found.append(Array(name, values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def details(self) -> Dict[str, Any]:
        told = self._interpreter.getSessionInfo
        return {
            "numpy": str(self._numpy.__version__),
            "session_bytes": round(told(self._session, _MEMORY_MIB) * 2**20),
            "flops": round(told(self._session, _MEGAFLOPS) * 1e6),
        }

    def _resize(self, shapes: Sequence[Tuple[int, ...]]) -> None:
        """MNN plans its memory for given shapes: to those of the inputs, where they are not what it has planned for."""
        changed = [
            (tensor, shape) for (_, tensor), shape in zip(self._inputs, shapes) if tuple(tensor.getShape()) != shape
        ]
        if changed:
            with self._heard:
                for tensor, shape in changed:
                    self._interpreter.resizeTensor(tensor, shape)
                self._interpreter.resizeSession(self._session)

    def _host(self, tensor: Any, values: Any) -> Any:
        """Memory of ours, in the order of dimensions that the model has: channels last, if it came from TFLite."""
        return self._mnn.Tensor(values.shape, tensor.getDataType(), values, tensor.getDimensionType())

    def _dtype(self, name: str, tensor: Any) -> str:
        dtype = self._dtypes.get(tensor.getDataType())
        if dtype is None:
            raise Unsupported("%r is of a type that mnn's Python side does not know" % name)
        return dtype

    def _refuse(self, what: str) -> NoReturn:
        words = "; ".join(line for line in self._heard.lines if "rror" in line or "upport" in line)
        raise Unsupported("mnn cannot %s: %s" % (what, words[:600] or "it does not say why"))


def _last_words(error: Exception) -> str:
    """Its messages begin with the name of the function that failed."""
    return str(error).partition(": ")[2].partition(", Check console")[0] or str(error) or type(error).__name__
