"""OpenVINO on the processor: ONNX and TFLite files, one stream, nothing kept between processes.

The delegate is always `none`: OpenVINO computes everything with kernels of its own. The wheel's own choice of precision
depends on the processor (bfloat16 or half where there are instructions for it) and changes the outputs without a word,
so it is set here.

Options:
`precision`     f32 | f16 | bf16 | usual (f32; `usual` leaves it to OpenVINO). What was used stands in the details
`cpu_pinning`   whether OpenVINO binds its threads to processors (false: a job that was bound keeps its processors)
"""

import os
import shutil
import tempfile
from typing import Any, Dict, List, Optional

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.terms import own_kernels
from agent.runtimes.tflite_file import IDENTIFIER, check_tflite
from agent.runtimes.wheels import import_numpy, import_runtime, version_of

OPTIONS = {"precision": ("f32", "f16", "bf16", "usual"), "cpu_pinning": (False, True)}

_TOLD = ("INFERENCE_PRECISION_HINT", "INFERENCE_NUM_THREADS", "NUM_STREAMS", "ENABLE_CPU_PINNING")
"""What of the compiled model goes into the details, in small letters."""

_CONVERSION = "OpConversionFailure"
"""The file was read, and an operator in it cannot be taken; any other complaint on reading is of the file."""

_NO_OPERATORS = ("Constant", "Parameter", "Result")


class OpenVino(Engine):
    """OpenVINO as a wheel."""

    def __init__(self, carrier: Optional[str]) -> None:
        self._numpy = import_numpy("openvino")
        self._openvino: Any = import_runtime("openvino", "openvino")
        self.version = version_of("openvino", self._openvino)
        self._core = self._openvino.Core()

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        chosen = own_kernels("openvino", threads, delegate, options, OPTIONS)
        model = self._read(path)
        try:
            compiled = self._core.compile_model(model, "CPU", _settings(threads, chosen))
        except Exception as error:  # its exceptions are RuntimeError and what pybind11 makes of others
            raise Unsupported("openvino cannot compile the model: %s" % _last_words(error)) from error
        return OpenVinoModel(self._numpy, self._openvino, model, compiled)

    def _read(self, path: str) -> Any:
        """OpenVINO goes by a file's name, and on boards files are named by their hash."""
        suffix = _suffix(path)
        folder = tempfile.mkdtemp(prefix="dynofarm-model-")
        try:
            named = os.path.join(folder, "model" + suffix)
            os.symlink(os.path.abspath(path), named)
            return self._core.read_model(named)
        except OSError:
            raise
        except Exception as error:
            text = _last_words(error).replace(folder + os.sep, "")
            if _CONVERSION in str(error):
                raise Unsupported("openvino cannot take an operator of the model: %s" % text) from error
            raise Rejected("openvino cannot read the model: %s" % text) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class OpenVinoModel(Loaded):
    """A compiled model with one request, whose inputs stay in place."""

    def __init__(self, numpy: Any, openvino: Any, model: Any, compiled: Any) -> None:
        self._numpy = numpy
        self._tensor = openvino.Tensor
        self._compiled = compiled
        self._operators = sum(node.get_type_name() not in _NO_OPERATORS for node in model.get_ordered_ops())
        self._slots = [_slot(port) for port in model.inputs]
        self._output_names = [_name(port, index) for index, port in enumerate(model.outputs)]
        self._request = compiled.create_infer_request()
        self._held: List[Any] = []

    def feed(self, inputs: List[Array]) -> None:
        self._held = []
        for index, array in enumerate(arrays.place(inputs, self._slots)):
            values = self._numpy.frombuffer(array.data, dtype=array.dtype).reshape(array.shape).copy()
            self._held.append(values)
            self._request.set_input_tensor(index, self._tensor(values, shared_memory=True))

    def invoke(self) -> None:
        try:
            self._request.infer(share_outputs=True)
        except Exception as error:
            raise Unsupported("openvino cannot run the model: %s" % _last_words(error)) from error

    def outputs(self) -> List[Array]:
        found = []
        for index, name in enumerate(self._output_names):
            values = self._request.get_output_tensor(index).data
            found.append(Array(name, values.dtype.name, list(values.shape), values.tobytes()))
        return found

    def details(self) -> Dict[str, Any]:
        told: Dict[str, Any] = {"numpy": str(self._numpy.__version__), "operators": self._operators}
        for name in _TOLD:
            try:
                value = self._compiled.get_property(name)
            except Exception:  # noqa: S112 - a version that does not know the word tells nothing
                continue
            told[name.lower()] = value if isinstance(value, (int, str)) else value.get_type_name()
        return told


def _settings(threads: int, chosen: Dict[str, Any]) -> Dict[str, Any]:
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "CACHE_DIR": "",
        "ENABLE_CPU_PINNING": chosen["cpu_pinning"],
    }
    if chosen["precision"] != "usual":
        settings["INFERENCE_PRECISION_HINT"] = chosen["precision"]
    return settings


def _suffix(path: str) -> str:
    """By what the file begins with; a TFLite file is walked first, as native code would not look."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise Rejected("the model file cannot be read: %s" % error) from error
    if head[4:] == IDENTIFIER:
        check_tflite(path)
        return ".tflite"
    return ".onnx"


def _slot(port: Any) -> Slot:
    name = _name(port, 0)
    dtype = port.get_element_type().to_dtype().name
    if dtype not in arrays.ITEM_BYTES:
        raise Unsupported("input %r is of type %s, which cannot be fed" % (name, dtype))
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        raise Unsupported("input %r has no fixed rank, which this runtime cannot handle" % name)
    return Slot(name, dtype, [-1 if size.is_dynamic else size.get_length() for size in shape])


def _name(port: Any, index: int) -> str:
    return str(port.get_any_name()) if port.get_names() else "output_%d" % index


def _last_words(error: Exception) -> str:
    """Its messages are several lines, with places in its sources first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return " ".join(told or lines)[:600]
