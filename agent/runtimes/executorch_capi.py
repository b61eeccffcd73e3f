"""The part of ExecuTorch's C++ interface that dynofarm uses, bound with ctypes: names, structures, prototypes.

The wheel's own Python module needs torch, 750 MB. Its libraries do not: they export `executorch::extension::Module`
and what belongs to it, under names and layouts that the Itanium C++ ABI fixes for x86-64 and aarch64 alike. Neither is
stable between versions, so those in `KNOWN_VERSIONS` are bound and any other is refused. To support a new one: compare
the headers in its wheel (`extension/module/module.h`, `runtime/executor/method*.h`, `runtime/core/*.h`) with what
stands here, and run `tests/agent/test_runtime_executorch.py` on it.

How C++ is spoken here: `this` is the first argument; a reference is a pointer, and so is an object with a destructor
that is given by value; one that is returned comes in memory, as ctypes does it for structures above 16 bytes, so
`Result` is padded.
"""

import ctypes
import os
from collections import deque
from ctypes import c_bool, c_char_p, c_int8, c_int32, c_size_t, c_ssize_t, c_uint8, c_uint32, c_uint64, c_void_p
from typing import Any, Deque, Dict, Tuple

from agent.runtimes import Unsupported

KNOWN_VERSIONS = ("1.5.1",)

LIBRARIES = (
    "libexecutorch.so",
    "libexecutorch_threadpool.so",
    "libexecutorch_kernels_optimized.so",
    "libexecutorch_kernels_quantized.so",
    "libexecutorch_backend_xnnpack.so",
)
"""In the order in which they need each other. Kernels and XNNPACK register themselves where they are loaded."""

LOAD_BY_MMAP = 1
VERIFY_STRUCTURE = 1
"""Program::Verification::InternalConsistency: every offset of the flatbuffer is checked before it is followed."""

TAG_TENSOR = 1
DTYPES = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
    27: "uint16",
    28: "uint32",
    29: "uint64",
}
"""ScalarType to numpy's name, as far as tensors of these types can be handled."""

OUT_OF_MEMORY = (0x21, 0x31)
DAMAGED = (0x22, 0x23, 0x24)
STATUS_WORDS = {
    0x01: "internal error",
    0x10: "not supported",
    0x12: "invalid argument",
    0x13: "invalid type",
    0x14: "operator missing",
    0x20: "not found",
    0x21: "out of memory",
    0x22: "the file cannot be read",
    0x23: "invalid program",
    0x24: "invalid data beside the program",
    0x25: "out of resources",
    0x30: "made for another version of the delegate",
    0x31: "out of memory in the delegate",
}
"""Error (runtime/core/error.h)."""

MODULE_BYTES = 4096
"""Room for a Module, which takes some 600 bytes, in memory that is ours."""


class String(ctypes.Structure):
    """std::string of libstdc++, only ever read: its letters lie elsewhere."""

    _fields_ = (("letters", c_char_p), ("length", c_size_t), ("capacity", c_size_t), ("unused", c_size_t))


class Pointed(ctypes.Structure):
    """Result<T*>: the pointer, or an Error in its first four bytes."""

    _fields_ = (("value", c_void_p), ("sound", c_bool), ("padding", c_uint64))


class TensorMeta(ctypes.Structure):
    """TensorInfo: sizes and order of dimensions are spans into the program, the name a std::string_view."""

    _fields_ = (
        ("sizes", ctypes.POINTER(c_int32)),
        ("rank", c_size_t),
        ("order", ctypes.POINTER(c_uint8)),
        ("order_length", c_size_t),
        ("name_length", c_size_t),
        ("name", c_void_p),
        ("dtype", c_int8),
        ("planned", c_bool),
        ("size_bytes", c_size_t),
    )


class ToldMeta(ctypes.Structure):
    """Result<TensorInfo>."""

    _fields_ = (("value", TensorMeta), ("sound", c_bool))


class Told(ctypes.Structure):
    """Result<const char*>."""

    _fields_ = (("value", c_char_p), ("sound", c_bool), ("padding", c_uint64))


class Value(ctypes.Structure):
    """EValue with a tensor in it."""

    _fields_ = (("tensor", c_void_p), ("tag", c_uint32))


class Tensor(ctypes.Structure):
    """TensorImpl on the processor; zeros in the last three fields say that it is static and where it is."""

    _fields_ = (
        ("sizes", ctypes.POINTER(c_int32)),
        ("order", ctypes.POINTER(c_uint8)),
        ("strides", ctypes.POINTER(c_int32)),
        ("data", c_void_p),
        ("rank", c_ssize_t),
        ("elements", c_ssize_t),
        ("most_elements", c_size_t),
        ("dtype", c_int8),
        ("dynamism", c_uint8),
        ("device", c_int8),
        ("device_index", c_int8),
    )


_Emit = ctypes.CFUNCTYPE(None, c_uint64, ctypes.c_int, c_char_p, c_char_p, c_size_t, c_void_p, c_size_t)


class Platform(ctypes.Structure):
    """PalImpl; what is null stays as it is."""

    _fields_ = (
        ("init", c_void_p),
        ("abort", c_void_p),
        ("ticks", c_void_p),
        ("ticks_to_ns", c_void_p),
        ("emit", _Emit),
        ("allocate", c_void_p),
        ("free", c_void_p),
        ("source", c_char_p),
    )


_STRING = "RKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
_MODULE, _META = "_ZN10executorch9extension6module6Module", "_ZNK10executorch7runtime10MethodMeta"
_METHOD, _METHOD_CONST = "_ZN10executorch7runtime6Method", "_ZNK10executorch7runtime6Method"
_POOL = "10executorch9extension10threadpool"
_OWNED = "St10unique_ptrINS_7runtime11EventTracerESt14default_deleteISE_EESC_INSD_15MemoryAllocatorESF_ISI_EESK_b"
_KERNELS = "PNS_7runtime21HierarchicalAllocatorEPNSB_11EventTracerEPKNSB_21LoadBackendOptionsMapESt6vectorINSB_6Kernel"

_PROTOTYPES: Dict[str, Tuple[str, Any, Tuple[Any, ...]]] = {
    "register_platform": ("_ZN10executorch7runtime12register_palENS0_7PalImplE", c_bool, (Platform,)),
    "make_module": (
        _MODULE + "C1E" + _STRING + "NS2_8LoadModeE" + _OWNED,
        None,
        (c_void_p, c_void_p, ctypes.c_int, c_void_p, c_void_p, c_void_p, c_bool),
    ),
    "load_program": (_MODULE + "4loadENS_7runtime7Program12VerificationE", c_uint32, (c_void_p, c_uint8)),
    "load_method": (
        _MODULE + "11load_methodE" + _STRING + _KERNELS + "ESaISK_EE",
        c_uint32,
        (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    ),
    "method": (_MODULE + "6methodE" + _STRING, Pointed, (c_void_p, c_void_p)),
    "method_meta": (_MODULE + "11method_metaE" + _STRING, Pointed, (c_void_p, c_void_p)),
    "inputs": (_META + "10num_inputsEv", c_size_t, (c_void_p,)),
    "outputs": (_META + "11num_outputsEv", c_size_t, (c_void_p,)),
    "instructions": (_META + "16num_instructionsEv", c_size_t, (c_void_p,)),
    "backends": (_META + "12num_backendsEv", c_size_t, (c_void_p,)),
    "backend": (_META + "16get_backend_nameEm", Told, (c_void_p, c_size_t)),
    "arenas": (_META + "26num_memory_planned_buffersEv", c_size_t, (c_void_p,)),
    "arena": (_META + "26memory_planned_buffer_sizeEm", Pointed, (c_void_p, c_size_t)),
    "input_meta": (_META + "17input_tensor_metaEm", ToldMeta, (c_void_p, c_size_t)),
    "set_input": (_METHOD + "9set_inputERKNS0_6EValueEm", c_uint32, (c_void_p, c_void_p, c_size_t)),
    "execute": (_METHOD + "7executeEv", c_uint32, (c_void_p,)),
    "output": (_METHOD_CONST + "10get_outputEm", ctypes.POINTER(Value), (c_void_p, c_size_t)),
    "thread_pool": ("_ZN" + _POOL + "14get_threadpoolEv", c_void_p, ()),
    "set_threads": ("_ZN" + _POOL + "10ThreadPool24_unsafe_reset_threadpoolEj", c_bool, (c_void_p, c_uint32)),
    "threads": ("_ZNK" + _POOL + "10ThreadPool16get_thread_countEv", c_size_t, (c_void_p,)),
}


class Library:
    """The libraries with their functions as attributes; `complaints` are the last things that they found wrong."""

    def __init__(self, folder: str) -> None:
        self.complaints: Deque[str] = deque(maxlen=8)
        for name in LIBRARIES:
            found = _load(os.path.join(folder, name))
            for ours, (theirs, answer, arguments) in _PROTOTYPES.items():
                if not hasattr(self, ours) and hasattr(found, theirs):
                    function = getattr(found, theirs)
                    function.restype, function.argtypes = answer, arguments
                    setattr(self, ours, function)
        missing = [ours for ours in _PROTOTYPES if not hasattr(self, ours)]
        if missing:
            raise Unsupported("these libraries of ExecuTorch have no %s: they are of another build" % missing[0])
        self._emit = _Emit(self._hear)
        self.register_platform(Platform(emit=self._emit, source=b"dynofarm"))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def _hear(self, _at: int, level: int, _file: bytes, _function: bytes, _line: int, text: int, length: int) -> None:
        if chr(level) in "EF":
            self.complaints.append(ctypes.string_at(text, length).decode("utf-8", "replace"))


def string(letters: bytes) -> String:
    """A std::string of these letters, which must outlive it."""
    return String(letters, len(letters), len(letters), 0)


def status_text(status: int) -> str:
    return STATUS_WORDS.get(status, "error 0x%x" % status)


def _load(path: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        text = str(error)
        if "libstdc++" in text and "cannot open" in text:
            raise Unsupported(
                "executorch needs the C++ library, which this board lacks (package libstdc++6)"
            ) from error
        raise Unsupported("executorch cannot be loaded on this board: %s" % text) from error
