"""Compiling for one processor: which processor is meant, what is written down, and how a compiler's end is told."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.apart.steps import Failed
from orchestrator.compiling.declaration import write_declaration
from orchestrator.compiling.orders import Lineage, Order, lineage_from_json, order_from_json
from orchestrator.compiling.processors import Processor, processor_named, processor_of
from orchestrator.compiling.steps import Compiled, to_line
from orchestrator.compiling.workshop import run_compiler
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable, UsageError
from orchestrator.models import TensorInfo
from tests.facts import a_board
from tests.farming import TestFarm

NETWORKS = Path(__file__).parents[1] / "agent" / "networks"
V4 = ["avx2", "avx512bw", "avx512f", "f16c", "fma", "sse4_2", "ssse3"]


def make_order(folder: Path) -> Order:
    processor = Processor("aarch64", "generic", ("dotprod",))
    return Order(NETWORKS / "image.onnx", "a" * 64, {"image": (1, 3, 8, 8)}, processor, "O3", folder / "m.vmfb")


def make_lineage() -> Lineage:
    tools = {"iree-base-compiler": "3.13.0", "onnx": "1.23.2"}
    features = ("dotprod", "i8mm")
    return Lineage(
        "m",
        "b" * 64,
        9,
        "a" * 64,
        "aarch64-unknown-linux-gnu",
        "generic",
        features,
        ("--iree-opt-level=O3",),
        {},
        tools,
    )


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "cortex-a76"),
        ({"cpu": "Neoverse-N1"}, "neoverse-n1"),
        ({"cpu": "Cortex-A76 + Cortex-A55", "isa": ["asimd", "asimddp", "asimdhp"]}, "aarch64+dotprod+fullfp16"),
        ({"cpu": "Some board"}, "aarch64"),
        ({"cpu": None}, "aarch64"),
        ({"architecture": "x86_64", "isa": V4}, "x86-64-v4"),
        ({"architecture": "x86_64", "isa": [*V4, "avx512_vnni"]}, "x86-64-v4+avx512vnni"),
        ({"architecture": "x86_64", "isa": ["avx2", "f16c", "fma", "sse4_2", "ssse3", "avx512_vnni"]}, "x86-64-v3"),
        ({"architecture": "x86_64", "isa": ["avx", "sse4_2", "ssse3"]}, "x86-64-v2"),
        ({"architecture": "x86_64", "isa": []}, "x86-64"),
    ],
)
def test_a_board_is_compiled_for_by_what_all_of_its_cores_can_do(facts: dict[str, object], words: str) -> None:
    assert processor_of(a_board(**facts), "kitchen").words == words


@pytest.mark.parametrize("facts", [{"bits": 32}, {"architecture": "riscv64"}])
def test_a_board_that_has_no_runtime_of_iree_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(RuntimeUnavailable, match="kitchen: IREE's runtime is built for x86_64 and aarch64"):
        processor_of(a_board(**facts), "kitchen")


@pytest.mark.parametrize(
    ("text", "triple", "cpu"),
    [
        ("cortex-a76", "aarch64-unknown-linux-gnu", "cortex-a76"),
        ("Neoverse-N1", "aarch64-unknown-linux-gnu", "neoverse-n1"),
        ("x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3"),
        ("x86_64", "x86_64-unknown-linux-gnu", "generic"),
        ("aarch64", "aarch64-unknown-linux-gnu", "generic"),
    ],
)
def test_a_processor_can_be_named(text: str, triple: str, cpu: str) -> None:
    found = processor_named(text)
    assert (found.triple, found.cpu) == (triple, cpu)


@pytest.mark.parametrize("text", ["kitchn", "", "host", "--x", "pentium; rm"])
def test_what_is_neither_board_nor_processor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="neither a board that was seen nor a processor"):
        processor_named(text)


def test_the_declaration_is_written_as_the_compiler_writes_it() -> None:
    inputs = [TensorInfo("ids", "int32", (1, -1)), TensorInfo("on", "bool", ())]
    assert write_declaration("f", inputs, [TensorInfo("y", "float16", (3,))]) == (
        'sync func @f(%input0: tensor<1x?xi32> {iree.identifier = "ids"}, %input1: tensor<i1> {iree.identifier = "on"})'
        ' -> (%output0: tensor<3xf16> {iree.identifier = "y"})'
    )


@pytest.mark.parametrize("tensor", [TensorInfo("a", "string", (1,)), TensorInfo('a"b', "float32", (1,))])
def test_a_tensor_that_no_board_could_be_told_of_is_refused(tensor: TensorInfo) -> None:
    with pytest.raises(ModelError, match="no module of IREE takes"):
        write_declaration("f", [tensor], [])


def test_orders_and_lineages_come_back_as_they_went(tmp_path: Path) -> None:
    assert order_from_json(make_order(tmp_path).to_json()) == make_order(tmp_path)
    assert lineage_from_json(make_lineage().to_json(indent=2)) == make_lineage()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"schema": "dynofarm-compiled-1"}', '{"schema": "dynofarm-lineage-1"}']
)
def test_what_is_no_lineage_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        lineage_from_json(text)


def run(folder: Path, body: str) -> Lineage:
    """Run a compiler that does as the body says."""
    fake = folder / "fake-python"
    fake.write_text(f"#!{sys.executable}\nimport os, signal, sys\nsys.stdin.read()\n{body}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return run_compiler(make_order(folder), lambda _step: None, str(fake))


def test_a_compiler_that_made_its_module_gives_the_lineage(tmp_path: Path) -> None:
    make_order(tmp_path).lineage_place.write_text(make_lineage().to_json())
    assert run(tmp_path, f"print({to_line(Compiled(9, 1.0, 5))!r})") == make_lineage()


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("missing", RuntimeUnavailable, "compiled with iree, which is not installed"),
        ("memory", RuntimeUnavailable, "found no memory"),
        ("disk_full", DiskFull, "no room left"),
        ("refused", ModelError, "image.onnx: iree"),
    ],
)
def test_what_a_compiler_says_last_becomes_one_sentence(
    tmp_path: Path, kind: str, error: type[DynofarmError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        run(tmp_path, f"print({to_line(Failed(kind, 'iree', 'next'))!r}); sys.exit(1)")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", RuntimeUnavailable, "was killed or found no memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ModelError, "ended by signal SIGSEGV: it said nothing"),
        (
            "sys.exit(\"(ModuleNotFoundError: No module named 'orchestrator')\")",
            RuntimeUnavailable,
            "with orchestrator,",
        ),
        ("sys.exit('a\\nstrange end')", ModelError, "ended with status 1: strange end"),
        ("sys.exit(0)", ModelError, "ended with status 0"),
        ("print('\\xff' * 100_000); sys.exit(3)", ModelError, "ended with status 3"),
    ],
)
def test_a_compiler_that_dies_is_one_sentence(tmp_path: Path, body: str, error: type[DynofarmError], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        run(tmp_path, body)
    assert caught.value.hint


def test_without_the_extra_the_process_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "orchestrator.compiling"],
        input=make_order(tmp_path).to_json(),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["kind"] == "missing"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing", "--for", "x86-64-v3"), "there is no model 'nothing'"),
        (("tokens", "--for", "kitchn"), "neither a board that was seen nor a processor"),
        (("tokens", "--for", "x86-64-v3", "--level", "O9"), "--level O9: no such level"),
        (("tokens", "--for", "x86-64-v3", "--name", "a b"), "cannot be a model's name"),
        (("tokens", "--for", "x86-64-v3", "--python", "no-python"), "no-python: cannot be started"),
        (("program", "--for", "x86-64-v3"), "program is pte, and only ONNX files are compiled"),
    ],
)
def test_what_cannot_be_compiled_is_said_in_one_sentence(farm: TestFarm, words: tuple[str, ...], said: str) -> None:
    farm.run("model", "add", str(NETWORKS / "tokens.onnx"), "--no-reference").ok()
    farm.run("model", "add", str(NETWORKS / "image.pte"), "--name", "program", "--no-reference").ok()
    found = farm.run("model", "compile", *words).failed(2)
    assert said in found.err
    assert "next: " in found.err
    assert not (farm.root / "models").exists()
