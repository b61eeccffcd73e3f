"""onnxruntime: `threads` inside an operator, one operator at a time.

The delegate is always `none`: the CPU provider alone. onnxruntime's own XNNPACK provider is in none of its wheels and
takes its threads from elsewhere, so the word `xnnpack` is refused rather than bent.

Options:
`graph_optimization`  disabled | basic | extended | all (all, onnxruntime's default)
`allow_spinning`      whether idle threads spin (true, onnxruntime's default; recorded with every run)
"""

from typing import Any, Dict, List, Optional, Tuple

from agent.runtimes import Array, Engine, Loaded, Profiling, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.terms import own_kernels
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

CPU_PROVIDER = "CPUExecutionProvider"
GRAPH_OPTIMIZATION = {
    "all": "ORT_ENABLE_ALL",
    "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC",
    "disabled": "ORT_DISABLE_ALL",
}
OPTIONS = {"graph_optimization": tuple(GRAPH_OPTIMIZATION), "allow_spinning": (True, False)}

DTYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
}
_DAMAGED = ("InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NoModel", "NoSuchFile")
_NO_GRAPH = "does not have a graph"
_UNKNOWN_OPERATOR = ("No Op registered", "is not a registered")


class OnnxRuntime(Engine):
    """onnxruntime as a wheel."""

    def __init__(self, carrier: Optional[str]) -> None:
        self._numpy = import_numpy("onnxruntime")
        self._onnxruntime: Any = import_runtime("onnxruntime", "onnxruntime")
        self.version = version_of("onnxruntime", self._onnxruntime)

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        session, told = self._load(path, threads, own_kernels("onnxruntime", threads, delegate, options, OPTIONS))
        return OnnxModel(self._numpy, self._onnxruntime, session, told)

    def load_to_profile(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Profiling:
        from agent.runtimes.onnx_trace import ProfiledOnnxModel

        chosen = own_kernels("onnxruntime", threads, delegate, options, OPTIONS)

        def open_again(trace_prefix: str) -> Any:
            again = self._session_options(threads, chosen)
            again.enable_profiling = True
            again.profile_file_prefix = trace_prefix
            return self._open(path, again)

        session, told = self._load(path, threads, chosen)
        return ProfiledOnnxModel(self._numpy, self._onnxruntime, session, told, open_again)

    def _load(self, path: str, threads: int, chosen: Dict[str, Any]) -> Tuple[Any, Dict[str, Any]]:
        session = self._open(path, self._session_options(threads, chosen))
        told = {"providers": session.get_providers(), "numpy": str(self._numpy.__version__)}
        return session, dict(told, **chosen)

    def _open(self, path: str, options: Any) -> Any:
        try:
            return self._onnxruntime.InferenceSession(path, sess_options=options, providers=[CPU_PROVIDER])
        except Exception as error:
            if _is_damage(error):
                raise Rejected("onnxruntime cannot read the model: %s" % error) from error
            raise Unsupported("onnxruntime cannot load the model: %s" % error) from error

    def _session_options(self, threads: int, chosen: Dict[str, Any]) -> Any:
        options = self._onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        level = GRAPH_OPTIMIZATION[chosen["graph_optimization"]]
        options.graph_optimization_level = getattr(self._onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if chosen["allow_spinning"] else "0")
        return options


class OnnxModel(Loaded):
    """A session with its inputs bound, so that an inference copies nothing in."""

    def __init__(self, numpy: Any, onnxruntime: Any, session: Any, told: Dict[str, Any]) -> None:
        self._numpy = numpy
        self._make_value = onnxruntime.OrtValue.ortvalue_from_numpy
        self._told = told
        self._slots = [_slot(node) for node in session.get_inputs()]
        self._output_names = [node.name for node in session.get_outputs()]
        self._take(session)

    def feed(self, inputs: List[Array]) -> None:
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        for array, slot in zip(arrays.place(inputs, self._slots), self._slots):
            values = self._numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape).copy()
            self._binding.bind_ortvalue_input(slot.name, self._make_value(values))
        for name in self._output_names:
            self._binding.bind_output(name)

    def invoke(self) -> None:
        try:
            self._run(self._binding)
        except Exception as error:
            raise Unsupported("onnxruntime cannot run the model: %s" % error) from error

    def outputs(self) -> List[Array]:
        found = []
        for name, values in zip(self._output_names, self._binding.copy_outputs_to_cpu()):
            found.append(Array(name, values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def details(self) -> Dict[str, Any]:
        return dict(self._told)

    def _take(self, session: Any) -> None:
        """Run this session from now on."""
        self._session: Any = session
        self._binding: Any = session.io_binding()
        self._run: Any = session.run_with_iobinding


def _is_damage(error: Exception) -> bool:
    """Whether onnxruntime speaks of the file itself, or of what this build can run.

    Its exceptions share no base class but Exception, and neither class nor text alone tells: an empty file is the
    general `Fail`, an operator that it lacks is `InvalidGraph`.
    """
    text = str(error)
    if any(words in text for words in _UNKNOWN_OPERATOR):
        return False
    return type(error).__name__ in _DAMAGED or _NO_GRAPH in text


def _slot(node: Any) -> Slot:
    if node.type not in DTYPES:
        raise Unsupported("input %r is %s, which cannot be fed" % (node.name, node.type))
    return Slot(node.name, DTYPES[node.type], [size if isinstance(size, int) else -1 for size in node.shape])
