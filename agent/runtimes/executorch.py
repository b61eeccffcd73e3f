"""ExecuTorch: programs (`.pte`) on the libraries of its wheel, without torch and without numpy.

Where an operator runs was decided when the program was exported, so the delegate is a word about the file: `xnnpack`
takes programs with parts for XNNPACK in them, `none` those without any. Parts for other backends cannot be run here.
There are no options. Inputs are set anew before each inference, as ExecuTorch's own Module does it: the memory in which
they lie is used again while the program runs.
"""

import ctypes
import importlib.util
import os
from ctypes import POINTER, byref, c_int32, c_uint8, c_void_p
from importlib import metadata
from typing import Any, Dict, List, Optional, Tuple, Type

from agent.runtimes import Array, Engine, Loaded, Rejected, Unsupported, arrays
from agent.runtimes.arrays import Slot
from agent.runtimes.executorch_capi import (
    DAMAGED,
    DTYPES,
    KNOWN_VERSIONS,
    LOAD_BY_MMAP,
    MODULE_BYTES,
    OUT_OF_MEMORY,
    TAG_TENSOR,
    VERIFY_STRUCTURE,
    Library,
    Tensor,
    Value,
    status_text,
    string,
)

METHOD = b"forward"
XNNPACK = "XnnpackBackend"
_ELEMENTS = {name: number for number, name in DTYPES.items()}


class ExecuTorch(Engine):
    """ExecuTorch's libraries, out of a bundle or an installed wheel."""

    def __init__(self, carrier: Optional[str]) -> None:
        folder = _folder()
        try:
            self.version = metadata.version("executorch")
        except metadata.PackageNotFoundError:
            self.version = None
        if self.version not in KNOWN_VERSIONS:
            raise Unsupported(
                "executorch %s is not one that this agent can call; known: %s"
                % (self.version or "of an unknown version", ", ".join(KNOWN_VERSIONS))
            )
        self._library = Library(os.path.join(folder, "lib"))

    def load(self, path: str, threads: int, delegate: str, options: Dict[str, Any]) -> Loaded:
        if options:
            raise Unsupported("executorch has no option %r here; it has none" % sorted(options)[0])
        if delegate not in ("xnnpack", "none"):
            raise Unsupported("executorch knows the delegates xnnpack and none, not %s" % delegate)
        if threads < 1:
            raise Unsupported("executorch needs at least one thread, and %d was asked for" % threads)
        pool = self._library.thread_pool()
        if not self._library.set_threads(pool, threads) or self._library.threads(pool) != threads:
            raise Unsupported("executorch would not take %d threads on this board" % threads)
        return ExecuTorchModel(self._library, path, delegate)


class ExecuTorchModel(Loaded):
    """The method `forward` of a program."""

    def __init__(self, library: Library, path: str, delegate: str) -> None:
        self._library = library
        self._module = ctypes.create_string_buffer(MODULE_BYTES)
        self._path, self._name = string(os.fsencode(path)), string(METHOD)
        owned = [c_void_p() for _ in range(3)]
        library.make_module(self._module, byref(self._path), LOAD_BY_MMAP, *map(byref, owned), False)
        _check_file(path)
        self._expect("read the model", library.load_program(self._module, VERIFY_STRUCTURE), fault=Rejected)
        meta = library.method_meta(self._module, byref(self._name))
        if not meta.sound:
            raise Unsupported("executorch runs the method forward, and the program has none")
        self._meta = c_void_p(meta.value)
        self._delegates = _delegates(library, self._meta)
        _check_delegate(self._delegates, delegate)
        kernels = (c_void_p * 3)()  # an empty std::vector
        status = library.load_method(self._module, byref(self._name), None, None, None, byref(kernels))
        self._expect("load the model", status)
        self._method = library.method(self._module, byref(self._name)).value
        self._slots = [self._slot(index) for index in range(library.inputs(byref(self._meta)))]
        self._fed: List[Tuple[Any, int]] = []
        self._held: List[Any] = []

    def feed(self, inputs: List[Array]) -> None:
        open_slots = [slot._replace(shape=[-1] * len(slot.shape)) for slot in self._slots]
        placed = arrays.place(inputs, open_slots)
        self._fed, self._held = [], []
        for index, (array, slot) in enumerate(zip(placed, self._slots)):
            tensor, *parts = _tensor(array)
            value = Value(ctypes.addressof(tensor), TAG_TENSOR)
            self._held += [tensor, value, parts]
            if self._library.set_input(self._method, byref(value), index):
                raise Rejected(
                    "input %r has shape %s in the model, and %s was given" % (slot.name, slot.shape, array.shape)
                )
            self._fed.append((byref(value), index))

    def invoke(self) -> None:
        library, method = self._library, self._method
        for value, index in self._fed:
            library.set_input(method, value, index)
        status = library.execute(method)
        if status:
            self._expect("run the model", status)

    def outputs(self) -> List[Array]:
        found = []
        for index in range(self._library.outputs(byref(self._meta))):
            value = self._library.output(self._method, index).contents
            if value.tag != TAG_TENSOR:
                raise Unsupported("output %d of the program is not a tensor" % index)
            found.append(_array("output_%d" % index, ctypes.cast(value.tensor, POINTER(Tensor)).contents))
        return found

    def details(self) -> Dict[str, Any]:
        library, meta = self._library, byref(self._meta)
        return {
            "delegated_partitions": len(self._delegates),
            "operators": library.instructions(meta),
            "arena_bytes": sum(library.arena(meta, index).value or 0 for index in range(library.arenas(meta))),
        }

    def _slot(self, index: int) -> Slot:
        told = self._library.input_meta(byref(self._meta), index)
        if not told.sound:
            raise Unsupported("input %d of the program is not a tensor" % index)
        tensor, name = told.value, "input_%d" % index
        if tensor.dtype not in DTYPES:
            raise Unsupported("input %r is of type %d, which cannot be fed" % (name, tensor.dtype))
        if list(tensor.order[: tensor.order_length]) != list(range(tensor.rank)):
            raise Unsupported("input %r does not lie in the order of its dimensions (channels last)" % name)
        return Slot(name, DTYPES[tensor.dtype], list(tensor.sizes[: tensor.rank]))

    def _expect(self, what: str, status: int, fault: Type[Exception] = Unsupported) -> None:
        if status == 0:
            return
        told = "; ".join(self._library.complaints) or status_text(status)
        if status in OUT_OF_MEMORY:
            raise MemoryError("executorch: %s" % told)
        kind = Rejected if status in DAMAGED else fault
        raise kind("executorch cannot %s: %s (%s)" % (what, status_text(status), told[:600]))


def _folder() -> str:
    """Where the package lies. It is not imported: that would ask for torch."""
    found = importlib.util.find_spec("executorch")
    places = list(found.submodule_search_locations or []) if found is not None else []
    for place in places:
        if os.path.isdir(os.path.join(place, "lib")):
            return place
    raise Unsupported("there is no executorch on this board, neither pushed nor installed")


def _check_file(path: str) -> None:
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise Rejected("the model file cannot be read: %s" % error) from error
    if not head[4:].startswith(b"ET"):
        raise Rejected("this is no program of ExecuTorch: its identifier is %r, not b'ET12'" % head[4:])


def _delegates(library: Library, meta: c_void_p) -> List[str]:
    told = [library.backend(byref(meta), index) for index in range(library.backends(byref(meta)))]
    return [one.value.decode("utf-8", "replace") for one in told if one.sound]


def _check_delegate(found: List[str], delegate: str) -> None:
    others = sorted(set(found) - {XNNPACK})
    if others:
        raise Unsupported("parts of the program are made for %s, and only %s is here" % (", ".join(others), XNNPACK))
    if delegate == "none" and found:
        raise Unsupported("parts of the program are made for XNNPACK: export it without, or ask for xnnpack")
    if delegate == "xnnpack" and not found:
        raise Unsupported("the program has no part for XNNPACK: export it with XNNPACK's partitioner, or ask for none")


def _tensor(array: Array) -> Tuple[Any, ...]:
    """A tensor that holds the array, and the memory that it points to."""
    rank = len(array.shape)
    strides = [arrays.count_elements(array.shape[index + 1 :]) for index in range(rank)]
    shape, steps = (c_int32 * rank)(*array.shape), (c_int32 * rank)(*strides)
    order = (c_uint8 * rank)(*range(rank))
    data = ctypes.create_string_buffer(array.data, len(array.data))
    elements = arrays.count_elements(array.shape)
    address = ctypes.addressof(data)
    tensor = Tensor(shape, order, steps, address, rank, elements, elements, _ELEMENTS[array.dtype], 0, 0, 0)
    return tensor, shape, steps, order, data


def _array(name: str, tensor: Tensor) -> Array:
    if tensor.dtype not in DTYPES:
        raise Unsupported("output %r is of type %d, which cannot be handled" % (name, tensor.dtype))
    if list(tensor.order[: tensor.rank]) != list(range(tensor.rank)):
        raise Unsupported("output %r does not lie in the order of its dimensions (channels last)" % name)
    dtype, shape = DTYPES[tensor.dtype], list(tensor.sizes[: tensor.rank])
    data = ctypes.string_at(tensor.data, arrays.size_bytes(dtype, shape)) if tensor.elements else b""
    return Array(name, dtype, shape, data)
