"""IREE's compiler for real: modules that boards' runtime takes, the same bytes for the same words, and its refusals."""

import fcntl
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from orchestrator.compiling.orders import LEVELS, Order
from orchestrator.compiling.processors import Processor, processor_named
from orchestrator.compiling.steps import Compiled, Doing, Step
from orchestrator.compiling.workshop import run_compiler
from orchestrator.errors import ModelError
from orchestrator.model_files import digest_file, read_model
from orchestrator.models import TensorInfo
from tests.farming import TestFarm

NETWORKS = Path(__file__).parents[1] / "agent" / "networks"
HERE = Processor("x86_64", "x86-64-v2")


@pytest.fixture(autouse=True)
def compiler() -> None:
    """Skip where nothing can be compiled."""
    if find_spec("iree") is None or find_spec("iree.compiler") is None:
        pytest.skip("needs the extra `compile`: iree-base-compiler not installed here")


def make_order(source: Path, folder: Path, **changes: object) -> Order:
    order = Order(source, digest_file(source).digest, {}, HERE, "O2", folder / "made.vmfb")
    return replace(order, **changes)


def write_onnx(place: Path, operator: str, domain: str = "", opset: int = 17) -> Path:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("a", "y")]
    graph = helper.make_graph([helper.make_node(operator, ["a"], ["y"], domain=domain)], "g", ports[:1], ports[1:])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("my.domain", 1)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opsets), str(place))
    return place


def test_a_module_has_the_interface_and_the_parent_of_its_onnx_file(tmp_path: Path) -> None:
    steps: list[Step] = []
    order = make_order(NETWORKS / "tokens.onnx", tmp_path)
    lineage = run_compiler(order, steps.append)
    source, made = read_model(order.source), read_model(order.place)
    assert (made.inputs, made.outputs) == (source.inputs, source.outputs)
    assert (lineage.digest, lineage.parent) == (made.digest, source.digest)
    assert lineage.tools["iree-base-compiler"]
    assert [type(step) for step in steps] == [Doing, Doing, Compiled]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made.lineage.json", "made.vmfb"]


@pytest.mark.parametrize("name", ["x86-64-v3", "x86_64", "cortex-a76", "aarch64"])
def test_the_same_words_give_the_same_bytes_for_every_processor(tmp_path: Path, name: str) -> None:
    order = make_order(NETWORKS / "image.onnx", tmp_path, processor=processor_named(name))
    digests = {run_compiler(order, lambda _step: None).digest for _ in range(2)}
    assert len(digests) == 1
    assert f"CODE:{order.processor.architecture}" in read_model(order.place).operators


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_makes_a_module(tmp_path: Path, level: str) -> None:
    lineage = run_compiler(make_order(NETWORKS / "image.onnx", tmp_path, level=level), lambda _step: None)
    assert f"--iree-opt-level={level}" in lineage.flags


def test_open_dimensions_are_closed_by_the_shapes_of_the_order(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "m.onnx", "Relu")
    run_compiler(make_order(source, tmp_path, shapes={"a": (3, 4)}), lambda _step: None)
    assert read_model(tmp_path / "made.vmfb").inputs == (TensorInfo("a", "float32", (3, 4)),)


def test_a_model_of_an_old_opset_is_lifted(tmp_path: Path) -> None:
    source = write_onnx(tmp_path / "m.onnx", "Relu", opset=9)
    run_compiler(make_order(source, tmp_path, shapes={"a": (1, 4)}), lambda _step: None)
    assert read_model(tmp_path / "made.vmfb").outputs[0].shape == (1, 4)


@pytest.mark.parametrize("domain", ["", "my.domain"])
def test_an_operator_that_it_lacks_is_named_and_no_file_is_left(tmp_path: Path, domain: str) -> None:
    source = write_onnx(tmp_path / "m.onnx", "Nonsense", domain)
    with pytest.raises(ModelError, match=r"m\.onnx: .*Nonsense") as caught:
        run_compiler(make_order(source, tmp_path, shapes={"a": (1, 4)}), lambda _step: None)
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]


def test_a_processor_that_llvm_does_not_know_is_refused(tmp_path: Path) -> None:
    order = make_order(NETWORKS / "image.onnx", tmp_path, processor=Processor("aarch64", "cortex-a999"))
    with pytest.raises(ModelError, match="for cortex-a999: LLVM does not know this processor"):
        run_compiler(order, lambda _step: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "garbage", "absent"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, damage: str) -> None:
    source = tmp_path / "m.onnx"
    source.write_bytes((NETWORKS / "image.onnx").read_bytes()[:2000] if damage == "cut" else b"\xff" * 500)
    order = make_order(source, tmp_path)
    if damage == "absent":
        source.unlink()
    with pytest.raises(ModelError, match=r"m\.onnx"):
        run_compiler(order, lambda _step: None)


def test_two_compilers_do_not_write_one_file(tmp_path: Path) -> None:
    order = make_order(NETWORKS / "image.onnx", tmp_path)
    with order.place.with_suffix(".vmfb.part").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="another compiler is at work"):
            run_compiler(order, lambda _step: None)


def test_the_command_registers_the_module_with_its_parents_references(farm: TestFarm) -> None:
    farm.run("model", "add", str(NETWORKS / "tokens.onnx"), "--fill", "ids=integers:0..7").ok()
    rows = farm.run("model", "compile", "tokens", "--for", "x86-64-v2", "--json").ok().json
    assert (rows["model"], rows["format"]) == ("tokens-x86-64-v2", "vmfb")
    with farm.store() as store:
        made, parent = store.model("tokens-x86-64-v2"), store.model("tokens")
    assert (made.parent, made.recipes) == (parent.digest, parent.recipes)
    assert len(made.references) == len(parent.references) == 2
    assert made.recipe is not None
    assert '"schema": "dynofarm-compiled-1"' in made.recipe
