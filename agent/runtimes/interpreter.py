"""tflite-runtime and ai-edge-litert through their Python `Interpreter`.

Delegates: `xnnpack` (both apply it by default) and `none` (their optimised kernels without any delegate). There are
no options. The model is the file's first subgraph. Neither package tells its arena's size.
"""

from typing import Any, Dict, List, Optional

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.tflite_file import check_tflite
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

RESOLVERS = {"xnnpack": "BUILTIN", "none": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}

_UNKNOWN_OPERATOR = ("Didn't find op", "unresolved custom op", "Failed to get registration", "builtin op code")
"""What the packages say of an operator that they lack; any other complaint on reading a file is of the file."""


class _InterpreterEngine(Engine):
    package = ""
    module = ""

    def __init__(self, carrier: Optional[str]) -> None:
        self._numpy = import_numpy(self.package)
        self._interpreter = import_runtime(self.package, self.module + ".interpreter")
        self.version = version_of(self.package, import_runtime(self.package, self.module))

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        if delegate not in RESOLVERS:
            raise Unsupported("%s has the delegates none and xnnpack, not %s" % (self.package, delegate))
        if options:
            raise Unsupported("%s has no options, and %s was given" % (self.package, ", ".join(sorted(options))))
        if threads < 1:
            raise Unsupported("%s needs at least one thread, and %d was asked for" % (self.package, threads))
        check_tflite(path)
        resolver = self._interpreter.OpResolverType[RESOLVERS[delegate]]
        try:
            interpreter = self._interpreter.Interpreter(
                model_path=path, num_threads=threads, experimental_op_resolver_type=resolver
            )
        except ValueError as error:
            if any(words in str(error) for words in _UNKNOWN_OPERATOR):
                raise Unsupported("%s lacks an operator of the model: %s" % (self.package, error)) from error
            raise Rejected("%s cannot read the model: %s" % (self.package, error)) from error
        return InterpretedModel(self.package, self._numpy, interpreter)


class TfliteRuntime(_InterpreterEngine):
    package = "tflite-runtime"
    module = "tflite_runtime"


class AiEdgeLiteRt(_InterpreterEngine):
    package = "ai-edge-litert"
    module = "ai_edge_litert"


class InterpretedModel(Loaded):
    """An `Interpreter` with its tensors allocated."""

    def __init__(self, package: str, numpy: Any, interpreter: Any) -> None:
        self._package = package
        self._numpy = numpy
        self._interpreter = interpreter
        self._inputs = interpreter.get_input_details()
        self._slots = [_slot(numpy, details) for details in self._inputs]
        self._shapes = [[int(size) for size in details["shape"]] for details in self._inputs]
        self._allocate()
        self._invoke = interpreter.invoke

    def feed(self, inputs: List[Array]) -> None:
        ordered = arrays.place(inputs, self._slots)
        shapes = [list(array.shape) for array in ordered]
        if shapes != self._shapes:
            for details, shape in zip(self._inputs, shapes):
                self._interpreter.resize_tensor_input(details["index"], shape, strict=True)
            self._allocate()
            self._shapes = shapes
        for details, array in zip(self._inputs, ordered):
            values = self._numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape)
            self._interpreter.set_tensor(details["index"], values)

    def invoke(self) -> None:
        try:
            self._invoke()
        except (RuntimeError, ValueError) as error:
            raise Unsupported("%s cannot run the model: %s" % (self._package, error)) from error

    def outputs(self) -> List[Array]:
        found = []
        for details in self._interpreter.get_output_details():
            values = self._interpreter.get_tensor(details["index"])
            found.append(Array(details["name"], values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def details(self) -> Dict[str, Any]:
        found: Dict[str, Any] = {"numpy": str(self._numpy.__version__)}
        try:
            operators = [node["op_name"] for node in self._interpreter._get_ops_details()]
        except (AttributeError, RuntimeError, ValueError):  # not public: a version without it tells nothing
            return found
        found["delegated_partitions"] = operators.count("DELEGATE")
        found["operators"] = len(operators) - found["delegated_partitions"]
        return found

    def _allocate(self) -> None:
        try:
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise Unsupported("%s cannot make the model ready: %s" % (self._package, error)) from error


def _slot(numpy: Any, details: Any) -> Slot:
    dtype = numpy.dtype(details["dtype"]).name
    if dtype not in arrays.ITEM_BYTES:
        raise Unsupported("input %r is of type %s, which cannot be fed" % (details["name"], dtype))
    shape = details["shape_signature"] if len(details["shape_signature"]) else details["shape"]
    return Slot(details["name"], dtype, [int(size) for size in shape])
