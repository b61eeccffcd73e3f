"""What a reader of one format found in a file: the same few facts for every format."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.models import TensorInfo

Key = int | str
"""How a format names a tensor inside its graph: TFLite by number (names there need not be unique), ONNX by name."""

Attribute = int | float | str | tuple[int, ...]


class Unreadable(Exception):
    """Why the contents cannot be used, and what to do next; `read_model` adds which file it is."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Damaged(Unreadable):
    """The file starts as its format should, and then breaks its rules."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the file is damaged or cut off: {reason}",
            "copy or export it again, and compare its size and SHA-256 with those of the original",
        )


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph. `shape` is None where not even its rank is told; an open dimension is -1.

    Where the file holds its values, `held_bytes` says how many bytes they take, and `store` which ones: tensors of one
    store share them. `scales` counts what quantises it, 0 for nothing; `in_blocks` where one scale serves a block.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    held_bytes: int | None = None
    store: Key | None = None
    scales: int = 0
    in_blocks: bool = False


@dataclass(frozen=True)
class Node:
    """One operator of the graph. `version` is TFLite's, of that one operator; `attributes` are those that counting
    needs, under ONNX's names or, for TFLite, those of `tflite_options.py`."""

    operator: str
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    version: int = 1
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def axis(self) -> int:
        axis = self.attributes.get("axis", 0)
        return axis if isinstance(axis, int) else 0


@dataclass(frozen=True)
class Envelope:
    """What a file says of itself beside its graph.

    `opsets` (ONNX) is the version of each set of operators, "" being ONNX's own; `claimed_runtime` (TFLite) the oldest
    that the converter believed to do; `behind_bytes` (TFLite) weights that lie behind the flatbuffer in the same file;
    `elsewhere` (ONNX) whether weights lie in other files.
    """

    producer: str = ""
    ir_version: int = 0
    opsets: Mapping[str, int] = field(default_factory=dict)
    claimed_runtime: str = ""
    behind_bytes: int = 0
    elsewhere: bool = False


@dataclass(frozen=True)
class Contents:
    """`input_keys` are the graph's keys of `inputs`, in the same order; `shapes` holds those that the file tells;
    `weights` the bytes of stored weights by type. `inner_nodes` and `inner_tensors` belong to graphs other than the
    one that is run: bodies of control flow and, in TFLite, further signatures."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]
    input_keys: tuple[Key, ...] = ()
    nodes: tuple[Node, ...] = ()
    shapes: Mapping[Key, tuple[int, ...]] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    tensors: Mapping[Key, Tensor] = field(default_factory=dict)
    inner_nodes: tuple[Node, ...] = ()
    inner_tensors: tuple[Tensor, ...] = ()
    envelope: Envelope = Envelope()


def held_weights(tensors: Iterable[Tensor]) -> dict[str, int]:
    """Bytes of stored values by type; what several tensors share counts once, for the first of them."""
    held: Counter[str] = Counter()
    seen: set[Key] = set()
    for tensor in tensors:
        if tensor.held_bytes and tensor.store is not None and tensor.store not in seen:
            seen.add(tensor.store)
            held[tensor.dtype] += tensor.held_bytes
    return dict(held)


def check_interface(contents: Contents) -> None:
    """Refuse a model that cannot be fed or judged: no outputs, or inputs that share a name or have none."""
    if not contents.outputs:
        raise Damaged("it declares no output")
    names = [tensor.name for tensor in contents.inputs]
    if "" in names:
        raise Unreadable("an input has no name", "export the model with named inputs")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Unreadable(f"several inputs are named {doubled[0]!r}", "export the model with distinct input names")
