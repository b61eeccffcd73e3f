"""ONNX to one module, in a process of its own: the only place where IREE's compiler is imported."""

import fcntl
import io
import os
import re
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
from iree.compiler import ir
from iree.compiler.api import Invocation, Output, Session, Source
from iree.compiler.extras import onnx_importer

from orchestrator.compiling.declaration import KEY, write_declaration
from orchestrator.compiling.orders import PACKAGES, Lineage, Order
from orchestrator.compiling.steps import Compiled, Doing, Step
from orchestrator.errors import ModelError
from orchestrator.model_files.digest import digest_file
from orchestrator.model_files.onnx import contents_of

_OLDEST_OPSET = 17
"""IREE's importer knows the operators as they are from about here on; older files are lifted to it."""

_UNKNOWN_PROCESSOR = "Unknown CPU"
_OPERATOR = re.compile(r"(onnx\.[A-Za-z0-9_.]+)")


def compile_model(order: Order, tell: Callable[[Step], None]) -> None:
    """Make the module, which has its name only when it is whole, and its lineage. `ModelError`, `OSError`."""
    began = time.monotonic()
    tell(Doing("reads the model"))
    model = _prepared(order.source, order.shapes)
    order.place.parent.mkdir(parents=True, exist_ok=True)
    made = order.place.with_suffix(".vmfb.part")
    with _alone(made):
        session = Session()
        session.set_flags(*flags(order))
        tell(Doing(f"compiles for {order.processor.words}"))
        _compile(session, order, model, made)
        found = digest_file(made)
        lineage = Lineage(
            name=order.place.stem,
            digest=found.digest,
            size_bytes=found.size_bytes,
            parent=order.source_digest,
            triple=order.processor.triple,
            cpu=order.processor.cpu,
            features=order.processor.features,
            flags=tuple(flags(order)),
            shapes=order.shapes,
            tools={package: version(package) for package in PACKAGES},
        )
        order.lineage_place.write_text(lineage.to_json(indent=2) + "\n", encoding="utf-8")
        made.replace(order.place)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    tell(Compiled(found.size_bytes, time.monotonic() - began, peak_bytes))


@contextmanager
def _alone(made: Path) -> Iterator[None]:
    """Nobody else makes this file; what a compiler that was killed left of it is written over. `ModelError`."""
    with made.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(f"{made}: another compiler is at work on it", "wait for it, or give a --name") from None
        try:
            yield
        finally:
            made.unlink(missing_ok=True)


def flags(order: Order) -> list[str]:
    """What `iree-compile` is told.

    Data tiling lays weights out for the processor, which no level does by itself (docs/how-to-compile-models.md has
    what it brings). Debug information is left out: it holds nothing that a board uses.
    """
    features = ",".join(f"+{feature}" for feature in order.processor.features)
    return [
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        f"--iree-llvmcpu-target-triple={order.processor.triple}",
        f"--iree-llvmcpu-target-cpu={order.processor.cpu}",
        *([f"--iree-llvmcpu-target-cpu-features={features}"] if features else []),
        f"--iree-opt-level={order.level}",
        "--iree-opt-data-tiling=true",
        "--iree-llvmcpu-debug-symbols=false",
        "--iree-vm-bytecode-module-strip-source-map=true",
    ]


def _prepared(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Any:
    """The model with its inputs closed, in a version of ONNX that the importer knows, shapes inferred."""
    try:
        model = onnx.load(str(path))
        for value in model.graph.input:
            for dimension, size in zip(value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False):
                dimension.dim_value = size
        own = [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")]
        if own and own[0] < _OLDEST_OPSET:
            model = onnx.version_converter.convert_version(model, _OLDEST_OPSET)
        if shapes:
            del model.graph.value_info[:]  # they may still speak of the open dimensions
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # onnx raises many kinds, RuntimeError and ConvertError among them
        raise ModelError(f"{path}: onnx cannot prepare it: {_short(str(error))}", "export it again") from None


def _compile(session: Session, order: Order, model: Any, made: Path) -> None:
    invocation = Invocation(session)
    invocation.enable_console_diagnostics()
    with _Heard() as heard:
        try:
            source = Source.wrap_buffer(session, _imported(model))
            done = invocation.parse_source(source) and invocation.execute()
        except onnx_importer.OnnxImportError as error:
            raise ModelError(f"IREE cannot import the model: {_short(str(error))}", _NEXT) from None
        if done:
            output = Output.open_file(str(made))
            invocation.output_vm_bytecode(output)
            output.keep()
            output.close()
    if not done:
        raise ModelError(f"IREE cannot compile it for {order.processor.words}: {_reason(heard.text)}", _NEXT)


_NEXT = "export it with other operators, or choose a runtime that takes the ONNX file as it is"


def _imported(model: Any) -> bytes:
    """The model as a module of MLIR, with what it takes and gives written on its function."""
    contents = contents_of(model)
    with ir.Context() as context, ir.Location.unknown():
        told = onnx_importer.ModelInfo(model)
        module = told.create_module(context=context).operation
        onnx_importer.NodeImporter.define_function(told.main_graph, module).import_all()
        (function,) = [one for one in module.regions[0].blocks[0].operations if "sym_name" in one.attributes]
        name = ir.StringAttr(function.attributes["sym_name"]).value
        declaration = ir.StringAttr.get(write_declaration(name, contents.inputs, contents.outputs))
        function.attributes["iree.reflection"] = ir.DictAttr.get({KEY: declaration})
        written = io.BytesIO()
        module.write_bytecode(written)
    return written.getvalue()


class _Heard:
    """What the compiler writes to standard error, which it does behind Python's back."""

    def __enter__(self) -> "_Heard":
        self.text = ""
        self._file = tempfile.TemporaryFile()
        self._kept = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._kept, 2)
        os.close(self._kept)
        self._file.seek(0)
        self.text = self._file.read().decode(errors="replace")
        self._file.close()


def _reason(text: str) -> str:
    """The operator that it stumbled over, if it names one, and its first complaint."""
    if _UNKNOWN_PROCESSOR in text:
        return "LLVM does not know this processor"
    complaints = [line.partition("error: ")[2] for line in text.splitlines() if "error: " in line]
    named = _OPERATOR.search(text)
    first = _short(complaints[0]) if complaints else "it does not say why"
    return f"{named[1]}: {first}" if named else first


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
