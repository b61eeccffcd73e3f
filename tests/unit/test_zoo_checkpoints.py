"""Folders with trained weights, most of them broken."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ModelError
from orchestrator.zoo.checkpoints import open_checkpoint
from orchestrator.zoo.heads import Head
from orchestrator.zoo.safetensors_file import read_header, read_tensor

CONFIG = {
    "model_type": "bert", "num_hidden_layers": 1, "hidden_size": 4, "intermediate_size": 8, "num_attention_heads": 2,
    "vocab_size": 10, "max_position_embeddings": 6, "type_vocab_size": 2, "hidden_act": "gelu",
}  # fmt: skip


def safetensors(tensors: Mapping[str, np.ndarray], dtype: str = "F32") -> bytes:
    header, data = {}, b""
    for name, values in tensors.items():
        raw = values.tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_folder(folder: Path, tensors: Mapping[str, np.ndarray] | None = None, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    words = {"bert.embeddings.word_embeddings.weight": np.arange(40, dtype=np.float32).reshape(10, 4)}
    (folder / "model.safetensors").write_bytes(safetensors(words if tensors is None else tensors))
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    return folder


def test_sizes_come_from_the_configuration(tmp_path: Path) -> None:
    found = open_checkpoint(make_folder(tmp_path / "x"))
    assert (found.shape.layers, found.shape.hidden, found.shape.vocabulary) == (1, 4, 10)
    assert found.head is None
    assert len(found.digest) == 64


@pytest.mark.parametrize(
    "name",
    ["bert.embeddings.LayerNorm.weight", "embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma"],
)
def test_a_weight_is_found_under_the_names_that_are_in_use(tmp_path: Path, name: str) -> None:
    found = open_checkpoint(make_folder(tmp_path / "x", {name: np.array([1, 2, 3, 4], dtype=np.float32)}))
    values = found.read("norm.weight", (4,))
    assert values is not None
    assert values.tolist() == [1, 2, 3, 4]


def test_positions_beyond_the_length_are_left_out(tmp_path: Path) -> None:
    table = np.arange(24, dtype=np.float32).reshape(6, 4)
    found = open_checkpoint(make_folder(tmp_path / "x", {"embeddings.position_embeddings.weight": table}))
    values = found.read("positions", (1, 3, 4))
    assert values is not None
    assert values.tolist() == [table[:3].tolist()]


def test_a_head_tells_what_it_was_trained_for_and_may_be_missing(tmp_path: Path) -> None:
    found = open_checkpoint(make_folder(tmp_path / "x", {"classifier.weight": np.ones((3, 4), np.float32)}))
    assert found.head == Head("classification", 3)
    assert found.read("span.weight", (2, 4)) is None
    with pytest.raises(ModelError, match=r"no tensor bert\.embeddings\.word_embeddings\.weight"):
        found.read("words.weight", (10, 4))


def test_a_weight_of_another_shape_is_refused(tmp_path: Path) -> None:
    found = open_checkpoint(make_folder(tmp_path / "x"))
    with pytest.raises(ModelError, match=r"is \[10, 4\], and \[11, 4\] is needed"):
        found.read("words.weight", (11, 4))


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gpt2"},
        {"model_type": None},
        {"hidden_act": "relu"},
        {"layer_norm_eps": 1e-5},
        {"position_embedding_type": "relative_key"},
        {"hidden_size": "4"},
        {"hidden_size": 0},
        {"num_attention_heads": 3},
        {"vocab_size": True},
        {"num_hidden_layers": 10**9},
    ],
)
def test_a_network_that_would_be_computed_wrongly_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        open_checkpoint(make_folder(tmp_path / "x", **change))


def test_mobilebert_must_be_the_one_that_is_known(tmp_path: Path) -> None:
    sizes = {"embedding_size": 4, "intra_bottleneck_size": 4, "num_feedforward_networks": 4}
    like = {"model_type": "mobilebert", "hidden_act": "relu", "classifier_activation": False, **sizes}
    assert open_checkpoint(make_folder(tmp_path / "x", **like)).shape.pooler == "none"
    with pytest.raises(ModelError, match="normalization_type is 'layer_norm'"):
        open_checkpoint(make_folder(tmp_path / "x", **like, normalization_type="layer_norm"))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000, "\ud800".encode("utf-16", "surrogatepass")])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, text: str | bytes) -> None:
    folder = make_folder(tmp_path / "x")
    (folder / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ModelError, match=r"config\.json"):
        open_checkpoint(folder)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match=r"only pytorch_model\.bin") as found:
        open_checkpoint(tmp_path)
    assert "pickles are not read" in found.value.hint


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model\.safetensors in it"):
        open_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("F32", np.array([0.5, -2], "<f4")), ("F16", np.array([0.5, -2], "<f2")), ("F64", np.array([0.5, -2], "<f8")),
     ("BF16", np.array([0x3F00, 0xC000], "<u2"))],
)  # fmt: skip
def test_floats_of_every_kind_become_float32(tmp_path: Path, dtype: str, values: np.ndarray) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors({"a": values}, dtype))
    found = read_tensor(path, read_header(path)["a"])
    assert found.dtype == np.float32
    assert found.tolist() == [0.5, -2]


def header(path: Path, text: bytes, length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"{{",
        b"\xff\xff",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32", "shape": [1]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 0]}}',
        b'{"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 0]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 6]}}',
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(ModelError):
        read_header(header(tmp_path / "x", text))


@pytest.mark.parametrize("length", [0, 1, 3, 2**40, 2**64 - 1])
def test_a_header_longer_than_its_file_is_refused_before_it_is_read(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError, match="not a safetensors file, or cut off"):
        read_header(header(tmp_path / "x", b"{}", length))


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_a_header_crash(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            read_header(Path(file.name))
        except ModelError as error:
            assert file.name in error.message


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = safetensors({"a": np.ones(100, np.float32)})
    for kept in (0, 7, 8, 20, len(whole) - 1):
        path = tmp_path / f"cut{kept}"
        path.write_bytes(whole[:kept])
        with pytest.raises(ModelError):
            read_header(path)
