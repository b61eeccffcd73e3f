"""Programs of ExecuTorch, modules of IREE and models of MNN: what is read of them, and what is said of broken ones."""

import random
import struct
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from rich.console import Console

from orchestrator.errors import ModelError
from orchestrator.inspection import inspect_model
from orchestrator.model_files import read_model
from orchestrator.model_files.insides import read_insides
from orchestrator.models import UNTOLD, TensorInfo
from orchestrator.report.inspection import inspection_page, inspection_values
from tests.made_models import read_bytes, refusal

NETWORKS = Path(__file__).parents[1] / "agent" / "networks"
Fields = Mapping[int, Any]
CONST, CONVOLUTION = 11, 12
BLOB, CONVOLUTION_2D = 7, 9
"""Of MNN: types of operators, and kinds of tables with their parameters."""
FILES = ("image.pte", "image-xnnpack.pte", "tokens.pte", "image.vmfb", "tokens.vmfb", "image.mnn", "tokens.mnn")


def changed(name: str, old: bytes, new: bytes) -> bytes:
    data = (NETWORKS / name).read_bytes()
    assert old in data
    assert len(old) == len(new)
    return data.replace(old, new)


def test_a_program_tells_its_inputs_outputs_and_operators() -> None:
    model = read_model(NETWORKS / "tokens.pte")
    assert model.format == "pte"
    assert model.inputs == (TensorInfo("input_0", "int32", (1, 8)), TensorInfo("input_1", "int32", (1, 8)))
    assert model.outputs == (TensorInfo("output_0", "float32", (1, 3)), TensorInfo("output_1", "float32", (1, 8, 16)))
    assert model.operators["aten::addmm.out"] == 2
    assert "DELEGATE:XnnpackBackend" not in model.operators


def test_parts_for_a_delegate_are_counted_under_its_name() -> None:
    model = read_model(NETWORKS / "tokens-xnnpack.pte")
    assert model.operators["DELEGATE:XnnpackBackend"] == 3
    assert model.operators["aten::embedding.out"] == 1


def test_a_dimension_that_may_be_smaller_stands_at_its_largest() -> None:
    assert read_model(NETWORKS / "image-batch.pte").inputs[0].shape == (5, 3, 8, 8)


@pytest.mark.parametrize(("network", "names"), [("image", ["image"]), ("tokens", ["ids", "mask"])])
def test_a_module_has_the_interface_of_the_onnx_file_that_it_was_compiled_from(network: str, names: list[str]) -> None:
    module, source = read_model(NETWORKS / f"{network}.vmfb"), read_model(NETWORKS / f"{network}.onnx")
    assert module.format == "vmfb"
    assert (module.inputs, module.outputs) == (source.inputs, source.outputs)
    assert [recipe.name for recipe in module.recipes] == names


def test_a_module_tells_for_which_processor_it_was_compiled() -> None:
    assert read_model(NETWORKS / "image.vmfb").operators == {"CODE:x86_64": 1}


@pytest.mark.parametrize(
    ("told", "meant"), [(b"embedded-elf-arm_64\0", "CODE:aarch64"), (b"embedded-elf-x86_32\0", "CODE:i686")]
)
def test_other_processors_are_named_as_boards_name_themselves(tmp_path: Path, told: bytes, meant: str) -> None:
    assert meant in read_bytes(tmp_path, changed("image.vmfb", b"embedded-elf-x86_64\0", told)).operators


def test_the_flatbuffer_of_a_module_may_come_without_its_zip(tmp_path: Path) -> None:
    data = (NETWORKS / "tokens.vmfb").read_bytes()
    start = data.index(b"IREE") - 8
    length = struct.unpack_from("<I", data, start)[0]
    bare = data[start : start + 4 + length]
    assert read_bytes(tmp_path, bare).inputs == read_model(NETWORKS / "tokens.vmfb").inputs
    assert read_bytes(tmp_path, bare[4:]).inputs == read_model(NETWORKS / "tokens.vmfb").inputs


@pytest.mark.parametrize("name", FILES)
def test_both_can_be_looked_into(name: str) -> None:
    insides = read_insides(NETWORKS / name)
    assert insides.format == name.rpartition(".")[2]
    assert insides.contents.operators


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    data = (NETWORKS / name).read_bytes()
    for length in (len(data) - 1, len(data) // 2, 200, 100):
        assert "damaged or cut off" in refusal(tmp_path, data[:length])


@pytest.mark.parametrize("name", FILES)
def test_whatever_is_wrong_in_a_file_is_one_error_and_never_a_crash(tmp_path: Path, name: str) -> None:
    whole = (NETWORKS / name).read_bytes()
    chance = random.Random(name)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 4, 40))):
            data[chance.randrange(min(len(data), 4096))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        try:
            read_bytes(tmp_path, bytes(data))
        except ModelError as error:
            assert error.hint
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x10\0\0\0ET12" + b"\xff" * 60, "damaged or cut off"),
        (b"\x10\0\0\0ET12", "damaged or cut off"),
        (b"\x08\0\0\0IREE" + b"\0" * 60, "damaged or cut off"),
        (b"\x08\0\0\0IREE" + b"\xff" * 60, "damaged or cut off"),
        (b"PK\x03\x04" + b"\0" * 26 + b"module.fb" + b"\0" * 30 + b"IREE", "its end is missing"),
        (b"\x10\0\0\0ETRA" + b"\0" * 60, "no known format; known: TFLite"),
    ],
)
def test_what_only_begins_as_one_of_them_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refusal(tmp_path, data)


def test_a_program_without_the_method_forward_is_refused_with_what_it_has(tmp_path: Path) -> None:
    assert "it has no method forward, only prefill" in refusal(tmp_path, changed("image.pte", b"forward", b"prefill"))


def test_a_module_that_does_not_tell_its_inputs_is_refused(tmp_path: Path) -> None:
    data = changed("tokens.vmfb", b"iree.abi.declaration", b"iree.abi.declamation")
    assert "does not tell what its inputs are" in refusal(tmp_path, data)


def test_a_module_of_several_functions_is_refused_with_their_names(tmp_path: Path) -> None:
    data = changed("tokens.vmfb", b"main_graph$async", b"main_graph_async")
    assert "one function can be run, and this one has main_graph, main_graph_async" in refusal(tmp_path, data)


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_read_of_them_is_not_counted_as_nothing(name: str) -> None:
    found = inspect_model(read_insides(NETWORKS / name))
    values = inspection_values(NETWORKS / name, found)
    assert values["calls"] == read_model(NETWORKS / name).operators
    assert [values[key] for key in ("weights_bytes", "parameters", "flops", "quantisation")] == [None] * 4
    with StringIO() as page:
        inspection_page(NETWORKS / name, found, Console(file=page, width=200))
        assert "its runtime alone knows them" in page.getvalue()
        assert "stored values" not in page.getvalue()


def test_a_model_of_mnn_tells_its_inputs_operators_and_weights_and_the_names_of_its_outputs() -> None:
    model = read_model(NETWORKS / "tokens.mnn")
    assert model.format == "mnn"
    assert model.inputs == (TensorInfo("ids", "int32", (1, 8)), TensorInfo("mask", "int32", (1, 8)))
    assert model.outputs == (TensorInfo("found", UNTOLD, (-1,)), TensorInfo("logits", UNTOLD, (-1,)))
    assert (model.operators["Convolution"], model.operators["LayerNorm"]) == (2, 1)
    assert 4 * (50 * 16 + 16 * 16 + 16 * 3) <= model.weights["float32"] < 5000


def test_ids_of_a_model_of_mnn_stay_inside_their_table() -> None:
    ids, mask = read_model(NETWORKS / "tokens.mnn").recipes
    assert (ids.fill, ids.low, ids.high, mask.fill) == ("integers", 0, 49, "ones")


def test_a_dimension_that_mnn_leaves_open_is_asked_for(tmp_path: Path) -> None:
    assert "input x (1x3x?x?)" in refusal(tmp_path, (NETWORKS / "open.mnn").read_bytes())
    model = read_model(NETWORKS / "open.mnn", shapes={"x": (1, 3, 5, 7)})
    assert model.recipes[0].shape == [1, 3, 5, 7]


def make_mnn(*operators: tuple[int, int, Fields]) -> bytes:
    """A model of these operators: their type, the kind of their parameters, and what stands in the table of those."""
    builder = flatbuffers.Builder(1024)

    def write(value: Any) -> int:
        if isinstance(value, str):
            return int(builder.CreateString(value))
        if isinstance(value, bytes):
            return int(builder.CreateByteVector(value))
        if isinstance(value, dict):
            return table(value)
        places = [write(one) for one in value]
        builder.StartVector(4, len(places), 4)
        for one in reversed(places):
            builder.PrependUOffsetTRelative(one)
        return int(builder.EndVector())

    def table(fields: Fields) -> int:
        written = {number: one if isinstance(one, int) else write(one) for number, one in fields.items()}
        builder.StartObject(max(fields) + 1)
        for number, one in written.items():
            if isinstance(fields[number], int):
                builder.PrependInt32Slot(number, one, 0)
            else:
                builder.PrependUOffsetTRelativeSlot(number, one, 0)
        return int(builder.EndObject())

    listed = [{1: kind, 2: parameters, 5: code} for code, kind, parameters in operators]
    builder.Finish(table({0: "made", 3: listed, 4: ["y"], 7: ["y"], 8: 1}))
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("operator", "weights"),
    [
        ((CONST, BLOB, {2: 19, 3: bytes(10)}), {"float16": 10}),
        ((CONST, BLOB, {2: 4, 3: bytes(12)}), {"uint8": 12}),
        ((CONST, BLOB, {2: 6, 4: bytes(14)}), {"int8": 14}),
        ((CONVOLUTION, CONVOLUTION_2D, {3: {0: bytes(16), 2: 1}}), {"int8": 16}),
        ((CONVOLUTION, CONVOLUTION_2D, {3: {0: bytes(18), 2: 3}}), {"float16": 18}),
        ((CONVOLUTION, CONVOLUTION_2D, {4: {0: bytes(20)}}), {"int8": 20}),
    ],
)
def test_narrow_weights_of_mnn_are_found_wherever_its_converter_puts_them(
    tmp_path: Path, operator: Any, weights: dict[str, int]
) -> None:
    assert read_bytes(tmp_path, make_mnn(operator)).weights == weights


def test_weights_of_mnn_that_lie_in_another_file_are_told() -> None:
    with pytest.raises(ModelError, match="its weights lie in another file") as caught:
        read_model(NETWORKS / "elsewhere.mnn")
    assert "--saveExternalData" in caught.value.hint
