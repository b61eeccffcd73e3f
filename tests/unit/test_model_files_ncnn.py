"""ncnn's models: two files packed into one, what is read of it, and what is said of broken ones."""

import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agent.runtimes.ncnn_file import GRAPH, WEIGHTS, Broken, inputs_of, outputs_of, read_graph
from orchestrator.errors import ModelError
from orchestrator.model_files import read_model
from orchestrator.model_files.insides import read_insides
from orchestrator.model_files.ncnn import check_shapes
from orchestrator.model_files.ncnn_pack import pack, pair_of
from orchestrator.models import UNTOLD, TensorInfo
from tests.made_models import read_bytes, refusal
from tests.ncnn_files import NETWORKS, graph_of, pack_lines, pack_network, pair_named

ROOT = Path(__file__).resolve().parents[2]
INPUT = "Input in 0 1 x"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return pack_network("tokens", tmp_path / "tokens.ncnn")


def packed_as(folder: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of whatever is given, which the packer would refuse."""
    with zipfile.ZipFile(folder / "made.zip", "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return (folder / "made.zip").read_bytes()


def graph_with(*lines: str) -> bytes:
    return graph_of([INPUT, *lines]).encode()


# What is read ---------------------------------------------------------------------------------------


def test_a_packed_model_tells_its_inputs_outputs_and_layers(tokens: Path) -> None:
    model = read_model(tokens)
    assert (model.format, model.name) == ("ncnn", "tokens")
    assert model.inputs == (TensorInfo("ids", "int32", (8,)), TensorInfo("mask", "float32", (8,)))
    assert model.outputs == (TensorInfo("found", UNTOLD, (-1,)), TensorInfo("logits", UNTOLD, (-1,)))
    assert model.operators["InnerProduct"] == 2
    assert "Input" not in model.operators


def test_indices_stay_inside_their_table(tokens: Path) -> None:
    ids, mask = read_model(tokens).recipes
    assert (ids.fill, ids.low, ids.high) == ("integers", 0, 49)
    assert mask.fill == "ones"


def test_the_smallest_of_several_tables_counts(tmp_path: Path) -> None:
    lines = [
        INPUT.replace("x", "x 0=4"),
        "Split both 1 2 x a b",
        "Embed small 1 1 a y 0=1 1=7 3=7",
        "Embed large 1 1 b z 0=1 1=9 3=9",
    ]
    assert read_model(pack_lines(tmp_path, lines)).recipes[0].high == 6


@pytest.mark.parametrize(
    ("parameters", "shape"),
    [
        ("", [-1]),
        ("0=128", [128]),
        ("0=16 1=8", [8, 16]),
        ("0=224 1=112 2=3", [3, 112, 224]),
        ("0=5 1=4 11=3 2=2", [2, 3, 4, 5]),
        ("0=-1 1=-1 2=3", [3, -1, -1]),
        ("0=-1", [-1]),
        ("0=8 -23330=4,1,8,1,1", [8]),
    ],
)
def test_an_input_has_the_shape_that_numpy_would_give_it(parameters: str, shape: list[int]) -> None:
    (slot,) = inputs_of(read_graph(graph_of([f"Input in 0 1 x {parameters}"]).encode()))
    assert slot.shape == shape


@pytest.mark.parametrize(
    ("lines", "shape"),
    [
        (["Convolution c 1 1 x y 0=4 1=3 11=3 6=108"], [3, -1, -1]),
        (["Convolution c 1 1 x y 0=4 1=3 6=108"], [3, -1, -1]),
        (["Convolution c 1 1 x y 0=4 1=1 11=5 6=20"], [1, -1, -1]),
        (["ConvolutionDepthWise c 1 1 x y 0=6 1=3 6=54 7=6"], [6, -1, -1]),
        (["Split s 1 2 x a b", "Sigmoid g 1 1 a z", "Convolution c 1 1 b y 0=4 1=3 6=108"], [3, -1, -1]),
        (["Convolution c 1 1 x y 0=4 1=1 6=12"], [-1]),
        (["Permute p 1 1 x a 0=1", "Convolution c 1 1 a y 0=4 1=3 6=108"], [-1]),
        (["Convolution c 1 1 x y 0=4 1=3 6=0 19=1"], [-1]),
        (["Convolution c 1 1 x y"], [-1]),
    ],
)
def test_channels_that_an_input_does_not_tell_are_those_that_a_convolution_reads(
    lines: list[str], shape: list[int]
) -> None:
    assert inputs_of(read_graph(graph_with(*lines)))[0].shape == shape
    told = [INPUT + " 0=9 1=9 2=7", *lines]
    assert inputs_of(read_graph(graph_of(told).encode()))[0].shape == [7, 9, 9]


@pytest.mark.parametrize(
    ("lines", "dtype"),
    [
        (["Embed e 1 1 x y 0=1 1=7"], "int32"),
        (["Split s 1 2 x a b", "Reshape r 1 1 b c 0=4", "Embed e 1 1 c y 0=1 1=7"], "int32"),
        (["Sigmoid s 1 1 x a", "Embed e 1 1 a y 0=1 1=7"], "float32"),
        (["InnerProduct d 1 1 x y 0=1 2=4"], "float32"),
        (["Noop n 1 1 x y"], "float32"),
    ],
)
def test_what_reaches_a_table_unchanged_is_an_index(lines: list[str], dtype: str) -> None:
    assert inputs_of(read_graph(graph_with(*lines)))[0].dtype == dtype


def test_outputs_are_what_nobody_reads_in_the_order_in_which_it_is_made() -> None:
    lines = ["Split s 1 3 x a b c", "Sigmoid l 1 1 c late", "ReLU e 1 1 a early"]
    assert outputs_of(read_graph(graph_with(*lines))) == ["b", "late", "early"]


def test_words_in_quotes_and_arrays_are_parameters() -> None:
    layer = read_graph(graph_with('Reshape r 1 1 x y 0=4 6="*(0w, 2)" 1=1.5e-05,-2 -23303=2,0,1'))[1]
    assert layer.parameters == {0: "4", 6: '"*(0w, 2)"', 1: "1.5e-05,-2", 3: "2,0,1"}


def test_what_was_packed_can_be_looked_into(tokens: Path) -> None:
    insides = read_insides(tokens)
    assert (insides.format, insides.shapes) == ("ncnn", {"ids": (8,), "mask": (8,)})


def test_shapes_that_nobody_tells_are_asked_for_all_at_once_and_without_a_batch() -> None:
    ids, image, rows = (
        TensorInfo("ids", "int32", (-1,)),
        TensorInfo("image", "float32", (-1,)),
        TensorInfo("rows", "float32", (-1, 4)),
    )
    told = TensorInfo("told", "float32", (8,))
    with pytest.raises(ModelError, match="inputs ids, image, rows: the graph does not tell the shape") as caught:
        check_shapes([ids, image, rows, told], {})
    assert caught.value.hint.endswith("--shape ids=N --shape image=CxHxW --shape rows=Nx4")
    check_shapes([ids, told], {"ids": (4,)})


# What is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["image", "tokens"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, network: str) -> None:
    data = pack_network(network, tmp_path / "whole").read_bytes()
    for length in (len(data) - 1, len(data) // 2, 200, 60):
        assert "damaged or cut off" in refusal(tmp_path, data[:length])


@pytest.mark.parametrize("network", ["image", "tokens"])
def test_whatever_is_wrong_in_a_file_is_one_error_and_never_a_crash(tmp_path: Path, network: str) -> None:
    whole = pack_network(network, tmp_path / "whole").read_bytes()
    chance = random.Random(network)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 4, 40))):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        try:
            found = read_bytes(tmp_path, bytes(data))
        except ModelError as error:
            assert error.hint
        else:  # a date, a mode or the like in the zip
            assert found.operators


@pytest.mark.parametrize("network", ["image", "tokens"])
def test_a_graph_is_broken_or_whole_and_never_a_crash(network: str) -> None:
    whole = pair_named(network).graph.read_bytes()
    chance = random.Random(network)
    broken = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 4, 40))):
            data[chance.randrange(len(data))] = chance.choice((0, 10, 32, 0xFF, chance.randrange(128)))
        try:
            inputs_of(read_graph(bytes(data)))
        except Broken as error:
            assert str(error)
            broken += 1
    assert broken > 100


def test_every_byte_of_the_weights_counts(tmp_path: Path, tokens: Path) -> None:
    data = bytearray(tokens.read_bytes())
    start = data.index(pair_named("tokens").weights.read_bytes())
    data[start + 4000] ^= 1
    assert "its weights are not what was packed" in refusal(tmp_path, bytes(data))


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"", "does not begin with 7767517"),
        (b"7767516\n1 1\nInput in 0 1 x\n", "does not begin with 7767517"),
        (b"\xff\xfe", "its graph is no text"),
        (b"7767517\n", "has 0 layers, and not as many as it says"),
        (b"7767517\n1\nInput in 0 1 x\n", "has 1 layers, and not as many as it says"),
        (b"7767517\n2 1\nInput in 0 1 x\n", "has 1 layers, and not as many as it says"),
        (b"7767517\n1 9999999\nInput in 0 1 x\n", "has 1 values, and says 9999999"),
        (b"7767517\n1 0\nInput in 0 1 x\n", "has 1 values, and says 0"),
        (b"7767517\n-1 1\nInput in 0 1 x\n", "where its graph tells a number stands '-1'"),
        (b"7767517\n1 1\nInput in 0\n", "a line of its graph is cut off: 'Input in 0'"),
        (b"7767517\n1 1\nInput in 0 1\n", "in: its line in the graph is cut off"),
        (b"7767517\n1 1\nInput in 0 1 " + b"x" * 256 + b"\n", "a name is longer than 255 letters"),
        (b"7767517\n1 1\nInput in 0 1 x 0=\n", "in: its parameters cannot be read from '0=' on"),
        (b"7767517\n1 1\nInput in 0 1 x wide\n", "in: its parameters cannot be read from 'wide' on"),
        (b"7767517\n1 1\nInput in 0 1 x 0=1.5\n", "in: its parameter 0 is no whole number"),
        (b"7767517\n1 1\nInput in 0 1 x 32=1\n", "in: it has a parameter 32, and they end at 31"),
        (b"7767517\n1 1\nInput in 0 1 x -23303=5,1\n", "in: its parameter 3 is not as long as it says"),
        (graph_with("Sigmoid s 1 1 z y"), "s: the value 'z' is read before any layer makes it"),
        (graph_with("Sigmoid s 1 1 x y", "ReLU r 1 1 x z"), "r: the value 'x' is read twice without a Split"),
        (graph_with("Sigmoid s 1 1 x y", "Input r 0 1 y"), "r: the value 'y' was made before"),
        (graph_with("Input s 1 1 x y"), "s: an Input, and it reads 'x'"),
    ],
)
def test_a_graph_that_does_not_hold_is_refused_with_the_layer(tmp_path: Path, graph: bytes, said: str) -> None:
    message = refusal(tmp_path, packed_as(tmp_path, {GRAPH: graph, WEIGHTS: b""}))
    assert "damaged or cut off" in message
    assert said in message


@pytest.mark.parametrize(
    ("entries", "compression", "said"),
    [
        ({GRAPH: b""}, zipfile.ZIP_STORED, "does not hold model.param and model.bin, and nothing else"),
        ({GRAPH: b"", WEIGHTS: b"", "more": b""}, zipfile.ZIP_STORED, "and nothing else"),
        ({GRAPH: b"a" * 99, WEIGHTS: b""}, zipfile.ZIP_DEFLATED, "is compressed, and must be stored"),
        ({GRAPH: b"a" * (2**24 + 1), WEIGHTS: b""}, zipfile.ZIP_STORED, "its graph has 16777217 bytes, and 16777216"),
    ],
)
def test_a_zip_of_another_content_is_refused(
    tmp_path: Path, entries: dict[str, bytes], compression: int, said: str
) -> None:
    assert said in refusal(tmp_path, packed_as(tmp_path, entries, compression))


@pytest.mark.parametrize("name", ["data.pkl", "model.params"])
def test_another_zip_is_not_taken_for_a_model(tmp_path: Path, name: str) -> None:
    assert "this is a zip archive" in refusal(tmp_path, packed_as(tmp_path, {name: b"a" * 99}))


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path, tokens: Path) -> None:
    with zipfile.ZipFile(tokens, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(WEIGHTS, b"other")
    assert "and nothing else" in refusal(tmp_path, tokens.read_bytes())


# Packing --------------------------------------------------------------------------------------------


def test_equal_files_give_equal_bytes_wherever_and_whenever_they_lie(tmp_path: Path, tokens: Path) -> None:
    for suffix in ("param", "bin"):
        shutil.copy(NETWORKS / f"tokens.ncnn.{suffix}", tmp_path / f"other.{suffix}")
        os.utime(tmp_path / f"other.{suffix}", (1, 1))
        (tmp_path / f"other.{suffix}").chmod(0o600)
    pair = pair_of(tmp_path / "other.param")
    assert pair is not None
    assert b"".join(pack(pair)) == tokens.read_bytes()


def test_any_zip_program_gives_both_files_back(tokens: Path) -> None:
    pair = pair_named("tokens")
    with zipfile.ZipFile(tokens) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [GRAPH, WEIGHTS]
        assert archive.read(GRAPH) == pair.graph.read_bytes()
        assert archive.read(WEIGHTS) == pair.weights.read_bytes()


def test_weights_are_packed_piece_by_piece(tmp_path: Path) -> None:
    graph = tmp_path / "large.param"
    graph.write_bytes(graph_with("InnerProduct d 1 1 x y 0=1 2=4"))
    graph.with_suffix(".bin").write_bytes(bytes(3 * 2**20 + 5))
    pair = pair_of(graph)
    assert pair is not None
    pieces = list(pack(pair))
    assert len(pieces) == 5
    assert max(map(len, pieces)) < 2**20 + 1000


@pytest.mark.parametrize("name", ["net.ncnn.param", "net.param", "graph.txt"])
def test_a_graph_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    shutil.copy(NETWORKS / "image.ncnn.param", tmp_path / name)
    (tmp_path / name).with_suffix(".bin").write_bytes(b"")
    pair = pair_of(tmp_path / name)
    assert pair is not None
    assert pair.stem == {"graph.txt": "graph.txt"}.get(name, "net")


@pytest.mark.parametrize("name", ["image.onnx", "image.pte", "make.py", "nowhere.param", "."])
def test_what_is_none_of_ncnns_files_is_left_to_its_reader(name: str) -> None:
    assert pair_of(NETWORKS / name) is None


def test_half_a_model_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    shutil.copy(NETWORKS / "image.ncnn.param", tmp_path)
    with pytest.raises(ModelError, match="its weights are not beside it") as caught:
        pair_of(tmp_path / "image.ncnn.param")
    assert caught.value.hint == "put them there as image.ncnn.bin"
    shutil.copy(NETWORKS / "image.ncnn.bin", tmp_path)
    with pytest.raises(ModelError, match="these are the weights of an ncnn model") as caught:
        pair_of(tmp_path / "image.ncnn.bin")
    assert caught.value.hint.endswith("image.ncnn.param")


def test_the_binary_form_of_a_graph_is_refused_with_the_name_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "net.param.bin").write_bytes((7767517).to_bytes(4, "little") + bytes(60))
    with pytest.raises(ModelError, match="the binary form of an ncnn graph") as caught:
        pair_of(tmp_path / "net.param.bin")
    assert caught.value.hint.endswith("net.param")


def test_a_broken_graph_is_refused_under_its_own_name_before_anything_is_written(tmp_path: Path) -> None:
    graph = tmp_path / "net.param"
    graph.write_text("7767517\n2 1\nInput in 0 1 x\n")
    graph.with_suffix(".bin").write_bytes(b"")
    pair = pair_of(graph)
    assert pair is not None
    with pytest.raises(ModelError, match=r"net\.param: the file is damaged or cut off: its graph has 1 layers"):
        next(pack(pair))


def test_a_disk_that_fills_on_the_way_leaves_no_half_file(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path; from orchestrator.errors import DiskFull\n"
        "from orchestrator.report.files import write_parts; from tests.ncnn_files import pack, pair_named\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: write_parts(pack(pair_named('tokens')), Path(sys.argv[1]))\n"
        "except DiskFull as error: print(error.message)\n"
    )
    out = tmp_path / "out.ncnn"
    argv = [sys.executable, "-c", code, str(out)]
    said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == f"{out}: no room left to write it\n"
    assert list(tmp_path.iterdir()) == []
