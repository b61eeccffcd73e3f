"""Looking into a model file: everything that its structure tells, for given shapes of its inputs, no weight read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from orchestrator.errors import ModelError
from orchestrator.model_files.contents import Contents, check_interface
from orchestrator.model_files.formats import recognise
from orchestrator.model_files.opening import check_file, map_file, read_contents, telling_which
from orchestrator.model_files.recipes import check_names, resolve_shape, write_shape
from orchestrator.models import TensorInfo


@dataclass(frozen=True)
class Insides:
    """`shapes` are those of the inputs for which the shapes inside the graph hold; `still_open` says, input by input,
    which dimensions nobody gave."""

    format: str
    size_bytes: int
    contents: Contents
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    still_open: tuple[str, ...] = ()


def read_insides(path: Path | str, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Insides:
    """Look into a model file of any size. `shapes` closes open dimensions, as for `read_model`.

    `ModelError` says what is wrong, in which file, and what to do next.
    """
    path = Path(path).absolute()
    with telling_which(path):
        size_bytes = check_file(path)
        return _look(map_file(path, size_bytes), size_bytes, shapes or {})


def _look(data: Any, size_bytes: int, given: Mapping[str, tuple[int, ...]]) -> Insides:
    if recognise(data) == "onnx":
        return _look_into_onnx(data, size_bytes, given)
    kind, contents = read_contents(data)
    check_interface(contents)
    shapes, still_open = _resolve(contents.inputs, given)
    if kind == "tflite":
        shapes, still_open = _as_stated(contents, shapes, given)
    return Insides(kind, size_bytes, contents, shapes, still_open)


def _look_into_onnx(data: Any, size_bytes: int, given: Mapping[str, tuple[int, ...]]) -> Insides:
    from orchestrator.model_files.onnx import contents_of, decode_onnx
    from orchestrator.model_files.onnx_shapes import with_shapes

    model = decode_onnx(data)
    contents = contents_of(model)
    check_interface(contents)
    shapes, still_open = _resolve(contents.inputs, given)
    complete = replace(
        contents_of(with_shapes(model, shapes)), inputs=contents.inputs, outputs=contents.outputs
    )  # as the file declares them
    return Insides("onnx", size_bytes, complete, shapes, still_open)


def _as_stated(
    contents: Contents, wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """TFLite writes down every size inside its graph, for one shape of each input: for others nothing is told."""
    shapes, still_open = {}, []
    for key, tensor in zip(contents.input_keys, contents.inputs, strict=True):
        stated = contents.tensors[key].shape or ()
        shapes[tensor.name] = stated
        if -1 in tensor.shape and wanted.get(tensor.name) != stated:
            asked = f", not for {write_shape(given[tensor.name])}" if tensor.name in given else ""
            still_open.append(
                f"input {tensor.name} is open ({write_shape(tensor.shape)}); the file states the sizes inside its graph"
                f" for {write_shape(stated)} alone{asked}"
            )
    return shapes, tuple(still_open)


def _resolve(
    inputs: tuple[TensorInfo, ...], given: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """The shapes that are known, and a sentence for each input that is still open. A wrong one is a `ModelError`."""
    check_names("--shape", given, inputs)
    shapes, still_open = {}, []
    for tensor in inputs:
        try:
            shapes[tensor.name] = resolve_shape(tensor, given.get(tensor.name))
        except ModelError as error:
            if tensor.name in given:
                raise
            still_open.append(f"{error.message}; {error.hint}")
    return shapes, tuple(still_open)
