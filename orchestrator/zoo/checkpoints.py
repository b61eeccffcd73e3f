"""A folder with a trained network, as Hugging Face's libraries write it: `config.json` and `model.safetensors`.

The folder is read without torch, so that what does not fit is said before anything is started. Pickles are refused:
reading one runs what it says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError
from orchestrator.model_files.digest import digest_file
from orchestrator.zoo.checkpoint_names import find_entry, name_there
from orchestrator.zoo.heads import Head
from orchestrator.zoo.safetensors_file import Entry, read_header, read_tensor
from orchestrator.zoo.shapes import Family, Shape, check_shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS, CONFIG = "model.safetensors", "config.json"

_HEAD = ("pool.", "classify.", "span.")
"""Parameters that a checkpoint may lack: encoders come without a head."""


@dataclass(frozen=True)
class Checkpoint:
    """`head` is what it was trained with, if that can be seen; `digest` the SHA-256 of its weights."""

    folder: Path
    digest: str
    shape: Shape
    head: Head | None
    entries: Mapping[str, Entry]

    def read(self, name: str, shape: tuple[int, ...]) -> "NDArray[np.float32] | None":
        """The values of our parameter `name`, None where a head's weights are not there. `ModelError` otherwise.

        Positions beyond the length are left out; no other tensor may have another shape.
        """
        theirs = name_there(name, self.shape)
        entry = find_entry(self.entries, theirs)
        if entry is None:
            if name.startswith(_HEAD):
                return None
            raise ModelError(f"{self.folder / WEIGHTS}: no tensor {theirs}", "it is not a checkpoint of this network")
        values = read_tensor(self.folder / WEIGHTS, entry)
        if name == "positions":
            values = values[None, : shape[1]]
        if values.shape != shape:
            raise ModelError(
                f"{self.folder / WEIGHTS}: {theirs} is {list(entry.shape)}, and {list(shape)} is needed",
                "its config.json does not fit its weights, or --head does not fit what it was trained for",
            )
        return values


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read what a folder says of itself. `ModelError` where it cannot be built from."""
    folder = folder.expanduser().absolute()
    weights = folder / WEIGHTS
    if not weights.is_file():
        pickled = [path.name for path in (folder / "pytorch_model.bin", folder / "model.safetensors.index.json")]
        there = [name for name in pickled if (folder / name).is_file()]
        also = f", only {there[0]}" if there else ""
        raise ModelError(
            f"{folder}: there is no {WEIGHTS} in it{also}",
            "save the weights as one safetensors file; pickles are not read, since reading one runs what it says",
        )
    entries = read_header(weights)
    shape = _shape(folder / CONFIG)
    return Checkpoint(folder, digest_file(weights).digest, shape, _head(entries), entries)


def _head(entries: Mapping[str, Entry]) -> Head | None:
    if "classifier.weight" in entries:
        return Head("classification", entries["classifier.weight"].shape[0])
    return Head("qa") if "qa_outputs.weight" in entries else None


def _shape(path: Path) -> Shape:
    config = _read_config(path)
    kind = config.get("model_type")
    if kind not in ("bert", "distilbert", "mobilebert"):
        raise ModelError(f"{path}: model_type is {kind!r}", "build from bert, distilbert or mobilebert")
    family = Family(kind)
    names = {
        "layers": "num_hidden_layers", "hidden": "hidden_size", "feed_forward": "intermediate_size",
        "heads": "num_attention_heads", "vocabulary": "vocab_size", "positions": "max_position_embeddings",
        "types": "type_vocab_size",
    }  # fmt: skip
    if family is Family.DISTILBERT:
        names |= {"layers": "n_layers", "hidden": "dim", "feed_forward": "hidden_dim", "heads": "n_heads"}
        del names["types"]
    if family is Family.MOBILEBERT:
        names |= {"embedding": "embedding_size", "bottleneck": "intra_bottleneck_size"}
        names |= {"stacked": "num_feedforward_networks"}
    sizes = {ours: config.get(theirs) for ours, theirs in names.items()}
    wrong = [names[ours] for ours, size in sizes.items() if type(size) is not int or size < 1]
    if wrong:
        raise ModelError(f"{path}: {', '.join(wrong)} must be numbers", "it is not the config.json of these weights")
    _check_kind(path, family, config)
    pooler = {Family.BERT: "tanh", Family.DISTILBERT: "relu"}.get(family, "none")
    if family is Family.MOBILEBERT and config.get("classifier_activation", True):
        pooler = "tanh"
    rest: dict[str, Any] = {"types": 0} if family is Family.DISTILBERT else {}
    return check_shape(Shape(name=family.value, family=family, pooler=pooler, **sizes, **rest))  # type: ignore[arg-type]


def _check_kind(path: Path, family: Family, config: Mapping[str, Any]) -> None:
    """Refuse variants that these networks do not compute: wrong numbers would come out, and no error."""
    expected: dict[str, Any] = {"position_embedding_type": "absolute", "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    if family is Family.DISTILBERT:
        expected = {"activation": "gelu"}
    if family is Family.MOBILEBERT:
        expected = {
            "hidden_act": "relu", "normalization_type": "no_norm", "use_bottleneck": True, "trigram_input": True,
            "use_bottleneck_attention": False, "key_query_shared_bottleneck": True,
        }  # fmt: skip
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise ModelError(f"{path}: {key} is {config[key]!r}", f"only {value!r} can be built")


def _read_config(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}", "give the folder of a checkpoint") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}", "copy it again") from None
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a table of sizes", "give the folder of a checkpoint")
    return config
