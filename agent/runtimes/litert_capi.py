"""The part of LiteRT's C interface that dynofarm uses, bound with ctypes: structures, constants, prototypes.

The interface is not stable between versions, so a library is bound by the SHA-256 of its file and any other is
refused. Every function here answers a status, 0 for success, unless it is a destructor. To support a new version:
compare the headers of the public LiteRT sources with the prototypes below, run `tests/agent/test_runtime_litert.py`
on the new library, then add its hash to `agent/litert_versions.py`.
"""

import ctypes
import hashlib
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_void_p
from typing import Any, Dict, Optional

from agent.litert_versions import KNOWN_BUILDS, Build
from agent.runtimes import Unsupported

ACCELERATOR_CPU = 1
LOCK_READ = 0
LOCK_WRITE = 1
MAX_RANK = 8
ENVIRONMENT_ACCELERATORS = 24
ENVIRONMENT_LOG_LEVEL = 25
LOG_ERRORS_ONLY = 3
VALUE_IS_INTEGER = 2

DTYPES = {
    1: "float32",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float16",
    11: "float64",
    13: "uint64",
    16: "uint32",
    17: "uint16",
}
"""LiteRtElementType to numpy's name, as far as inputs and outputs of these types can be handled."""

ELEMENT_TYPES = {name: number for number, name in DTYPES.items()}

STATUS_WORDS = {
    1: "invalid argument",
    2: "out of memory",
    3: "runtime failure",
    5: "unsupported",
    6: "not found",
    8: "wrong version",
    500: "the file cannot be read",
    501: "invalid flatbuffer",
    504: "compilation failed",
    1000: "index out of range",
    1001: "invalid operator type",
    1002: "invalid graph",
    5000: "an operator without shape inference",
    5001: "shape inference failed",
}
OUT_OF_MEMORY = 2


class Layout(ctypes.Structure):
    """Rank, then eight dimensions and eight strides, 68 bytes."""

    _fields_ = (
        ("rank", ctypes.c_uint, 7),
        ("has_strides", ctypes.c_uint, 1),
        ("dimensions", ctypes.c_int32 * MAX_RANK),
        ("strides", ctypes.c_uint32 * MAX_RANK),
    )


class RankedTensorType(ctypes.Structure):
    _fields_ = (("element_type", c_int), ("layout", Layout))


class IntegerValue(ctypes.Structure):
    """A tagged union of which dynofarm uses the integer alone, 16 bytes."""

    _fields_ = (("type", c_int), ("value", ctypes.c_int64))


class EnvironmentOption(ctypes.Structure):
    _fields_ = (("tag", c_int), ("value", IntegerValue))


class ProfilerEvent(ctypes.Structure):
    """What the profiler keeps of one operator or step, 104 bytes. `memory`: of the process before and after, unused.

    `type` is a bit of TensorFlow Lite's `Profiler::EventType`; `index` the node's, counted by whoever ran it.
    """

    _fields_ = (
        ("tag", c_char_p),
        ("type", c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_int64 * 6),
        ("index", ctypes.c_int64),
        ("more", ctypes.c_int64),
        ("source", c_int),
    )


def integer_option(tag: int, value: int) -> EnvironmentOption:
    return EnvironmentOption(tag, IntegerValue(VALUE_IS_INTEGER, value))


_HANDLE = c_void_p
_OUT_HANDLE = POINTER(c_void_p)
_OUT_SIZE = POINTER(c_size_t)

_PROTOTYPES: Dict[str, Any] = {
    "CreateEnvironment": (c_int, c_void_p, _OUT_HANDLE),
    "CreateModelFromFile": (_HANDLE, c_char_p, _OUT_HANDLE),
    "GetNumModelSignatures": (_HANDLE, _OUT_SIZE),
    "GetModelSignature": (_HANDLE, c_size_t, _OUT_HANDLE),
    "GetSignatureSubgraph": (_HANDLE, _OUT_HANDLE),
    "GetModelSubgraph": (_HANDLE, c_size_t, _OUT_HANDLE),
    "GetNumSubgraphInputs": (_HANDLE, _OUT_SIZE),
    "GetNumSubgraphOutputs": (_HANDLE, _OUT_SIZE),
    "GetNumSubgraphOps": (_HANDLE, _OUT_SIZE),
    "GetSubgraphInput": (_HANDLE, c_size_t, _OUT_HANDLE),
    "GetSubgraphOutput": (_HANDLE, c_size_t, _OUT_HANDLE),
    "GetTensorName": (_HANDLE, POINTER(c_char_p)),
    "GetTensorTypeId": (_HANDLE, POINTER(c_int)),
    "GetRankedTensorType": (_HANDLE, POINTER(RankedTensorType)),
    "CreateOptions": (_OUT_HANDLE,),
    "SetOptionsHardwareAccelerators": (_HANDLE, c_int),
    "CreateOpaqueOptions": (c_char_p, c_void_p, c_void_p, _OUT_HANDLE),
    "AddOpaqueOptions": (_HANDLE, _HANDLE),
    "CreateCompiledModel": (_HANDLE, _HANDLE, _HANDLE, _OUT_HANDLE),
    "CompiledModelResizeInputTensor": (_HANDLE, c_size_t, c_size_t, POINTER(c_int), c_size_t),
    "CompiledModelIsFullyAccelerated": (_HANDLE, POINTER(ctypes.c_bool)),
    "GetCompiledModelInputTensorLayout": (_HANDLE, c_size_t, c_size_t, POINTER(Layout)),
    "GetCompiledModelOutputTensorLayouts": (_HANDLE, c_size_t, c_size_t, POINTER(Layout), ctypes.c_bool),
    "GetCompiledModelInputBufferRequirements": (_HANDLE, c_size_t, c_size_t, _OUT_HANDLE),
    "GetCompiledModelOutputBufferRequirements": (_HANDLE, c_size_t, c_size_t, _OUT_HANDLE),
    "CreateManagedTensorBufferFromRequirements": (_HANDLE, POINTER(RankedTensorType), _HANDLE, _OUT_HANDLE),
    "GetTensorBufferPackedSize": (_HANDLE, _OUT_SIZE),
    "LockTensorBuffer": (_HANDLE, _OUT_HANDLE, c_int),
    "UnlockTensorBuffer": (_HANDLE,),
    "RunCompiledModel": (_HANDLE, c_size_t, c_size_t, _OUT_HANDLE, c_size_t, _OUT_HANDLE),
    "CompiledModelGetProfiler": (_HANDLE, _OUT_HANDLE),
    "StartProfiler": (_HANDLE,),
    "StopProfiler": (_HANDLE,),
    "GetNumProfilerEvents": (_HANDLE, POINTER(c_int)),
    "GetProfilerEvents": (_HANDLE, c_int, POINTER(ProfilerEvent)),
}


class Failed(Exception):
    """A call of the library answered another status than 0."""

    def __init__(self, call: str, status: int) -> None:
        super().__init__("LiteRt%s answered %s (status %d)" % (call, STATUS_WORDS.get(status, "an error"), status))
        self.call = call
        self.status = status


class Library:
    """The library, loaded and bound. Each function of `_PROTOTYPES` is an attribute that raises `Failed`."""

    def __init__(self, path: str) -> None:
        self.build = identify(path)
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            raise Unsupported(_load_failure(error)) from error
        self._functions = {}
        for name, arguments in _PROTOTYPES.items():
            function = getattr(library, "LiteRt" + name)
            function.argtypes = arguments
            function.restype = c_int
            self._functions[name] = function

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function; `Failed` unless it answers 0."""
        status = self._functions[name](*arguments)
        if status != 0:
            raise Failed(name, status)

    def handle(self, name: str, *arguments: Any) -> Optional[int]:
        """Call a function whose last parameter is a handle that it fills in, and give that handle."""
        result = c_void_p()
        self.call(name, *arguments, ctypes.byref(result))
        return result.value

    def number(self, name: str, *arguments: Any) -> int:
        """Call a function whose last parameter is a size or count that it fills in."""
        result = c_size_t()
        self.call(name, *arguments, ctypes.byref(result))
        return result.value

    def lock(self, buffer: Optional[int], mode: int) -> int:
        """The address of a tensor buffer's memory; to be followed by `UnlockTensorBuffer`."""
        address = c_void_p()
        self.call("LockTensorBuffer", buffer, ctypes.byref(address), mode)
        return address.value or 0

    def raw(self, name: str) -> Any:
        """The bare function, for the one call that a clock measures; it answers its status."""
        return self._functions[name]


def identify(path: str) -> Build:
    """The build that a file is, by its SHA-256; `Unsupported` for a library that was never bound."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        raise Unsupported("the LiteRT library cannot be read: %s" % error) from error
    build = KNOWN_BUILDS.get(digest.hexdigest())
    if build is None:
        known = ", ".join(sorted("%s for %s" % known for known in KNOWN_BUILDS.values()))
        raise Unsupported(
            "this LiteRT library (SHA-256 %s…) is none that this agent is bound to; its interface changes between "
            "versions, so only these can be used: %s" % (digest.hexdigest()[:16], known)
        )
    return build


def _load_failure(error: OSError) -> str:
    text = str(error)
    if "libstdc++" in text:
        return "the LiteRT library needs libstdc++, which this board lacks (package libstdc++6): %s" % text
    if "GLIBC" in text:
        return "the LiteRT library needs a newer C library (glibc 2.27 or later): %s" % text
    return "the LiteRT library cannot be loaded on this board: %s" % text
