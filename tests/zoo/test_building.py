"""The builder's process and `dynofarm model build`, for real, with a network that is small enough."""

import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import DiskFull, RuntimeUnavailable
from orchestrator.model_files import digest_file, read_model
from orchestrator.references import default_tolerance
from orchestrator.zoo.heads import parse_head
from orchestrator.zoo.lineage import Lineage, from_json
from orchestrator.zoo.orders import Order, plan_artifacts, stem_of
from orchestrator.zoo.recipes import FORMS
from orchestrator.zoo.shapes import parse_shape
from orchestrator.zoo.shelf import SCRATCH, find_whole
from orchestrator.zoo.steps import Made, Making, Step
from orchestrator.zoo.workshop import run_builder
from tests.farming import TestFarm

pytestmark = pytest.mark.usefixtures("zoo")

EVERY_FORM = tuple(FORMS)
BOTH = ("tflite", "onnx")


def make_order(folder: Path, forms: tuple[str, ...] = EVERY_FORM, formats: tuple[str, ...] = BOTH) -> Order:
    shape = parse_shape("2/64/128/2", 400)
    head = parse_head("classification:5", shape)
    return Order(shape, head, 32, 1, plan_artifacts(stem_of(shape, head, 32, 1, None), forms, formats), folder)


@pytest.fixture(scope="module")
def built(zoo: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lineage]:
    """Every form of one network."""
    order = make_order(tmp_path_factory.mktemp("first"))
    run_builder(order, lambda _step: None)
    return find_whole(order)


def test_every_form_lies_near_its_parent(built: dict[str, Lineage]) -> None:
    assert len(built) == 9
    for lineage in built.values():
        assert lineage.distance.worst <= FORMS[lineage.form].tolerance, lineage.name
        assert lineage.distance.cosine > 0.9
        assert lineage.distance.inputs == 8
        assert all(lineage.tools.values())


def test_smaller_forms_are_smaller(built: dict[str, Lineage]) -> None:
    sizes = {name.removeprefix("bert-2x64x128x2-v400-c5-l32-"): one.size_bytes for name, one in built.items()}
    assert sizes["int4"] < sizes["int8-tensor"] < sizes["fp16"] < sizes["fp32"]
    assert sizes["int8-onnx"] < sizes["fp32-onnx"]


def test_the_same_words_give_the_same_bytes(built: dict[str, Lineage], tmp_path: Path) -> None:
    order = make_order(tmp_path / "second")
    run_builder(order, lambda _step: None)
    assert {name: one.digest for name, one in find_whole(order).items()} == {
        name: one.digest for name, one in built.items()
    }


def test_files_have_the_inputs_and_outputs_of_their_network(tmp_path: Path) -> None:
    order = make_order(tmp_path, ("int8", "int8-static"))
    order = replace(order, head=parse_head("qa", order.shape))
    run_builder(order, lambda _step: None)
    for artifact in order.artifacts:
        model = read_model(tmp_path / artifact.file_name)
        assert {tensor.name: tensor.shape for tensor in model.inputs} == {
            "ids": (1, 32), "mask": (1, 32), "types": (1, 32),
        }  # fmt: skip
        assert [(tensor.name, tensor.dtype, tensor.shape) for tensor in model.outputs] == [
            ("start", "float32", (1, 32)),
            ("end", "float32", (1, 32)),
        ]
        assert {one.name: (one.fill, one.high) for one in model.recipes} == {
            "ids": ("integers", 399.0), "mask": ("ones", 1.0), "types": ("integers", 1.0),
        }  # fmt: skip
        assert artifact.form == "fp32" or default_tolerance(model) > 1e-3, "its weights are integers"


def test_a_decoder_is_built_too(tmp_path: Path) -> None:
    shape = parse_shape("decoder-2/32/64/2", 300)
    head = parse_head(None, shape)
    order = Order(shape, head, 16, 1, plan_artifacts("decoder", ("int8",), BOTH), tmp_path)
    run_builder(order, lambda _step: None)
    for artifact in order.artifacts:
        model = read_model(tmp_path / artifact.file_name)
        assert [tensor.name for tensor in model.inputs] == ["ids", "mask"]
        assert [tensor.shape for tensor in model.outputs] == [(1, 300)]


def test_what_lies_there_whole_is_not_made_again(tmp_path: Path) -> None:
    first = make_order(tmp_path, ("fp32",), ("onnx",))
    run_builder(first, lambda _step: None)
    heard: list[Step] = []
    run_builder(make_order(tmp_path, ("int8",), ("onnx",)), heard.append)
    assert [step.fresh for step in heard if isinstance(step, Made)] == [False, True]
    assert [step.name for step in heard if isinstance(step, Making)] == ["bert-2x64x128x2-v400-c5-l32-int8-onnx"]


def with_limit(folder: Path, limit: str) -> str:
    """A Python that has less than it needs."""
    path = folder / "limited-python"
    start = f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])"
    path.write_text(f"#!{sys.executable}\nimport os, resource, sys\nresource.setrlimit({limit})\n{start}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("made_in", BOTH)
def test_a_full_disk_is_one_sentence_and_no_half_file(tmp_path: Path, made_in: str) -> None:
    order = make_order(tmp_path / "models", ("fp32",), (made_in,))
    with pytest.raises(DiskFull, match=r"models: no room left while a model was built; it needs about \d") as found:
        run_builder(order, lambda _step: None, with_limit(tmp_path, "resource.RLIMIT_FSIZE, (50_000, 50_000)"))
    assert "\n" not in found.value.message
    assert list(order.folder.iterdir()) == []


def test_too_little_memory_is_one_sentence_and_no_half_file(tmp_path: Path) -> None:
    order = make_order(tmp_path / "models", ("fp32",), ("onnx",))
    order = replace(order, shape=parse_shape("1/4096/16384/4", 400))
    limit = "resource.RLIMIT_AS, (2_500_000_000, 2_500_000_000)"
    with pytest.raises(RuntimeUnavailable, match=r"found no memory; it needs about \d"):
        run_builder(order, lambda _step: None, with_limit(tmp_path, limit))
    assert list(order.folder.iterdir()) == []


@pytest.mark.parametrize("steps", [1, 2])
def test_a_builder_that_is_killed_leaves_only_whole_files(
    built: dict[str, Lineage], tmp_path: Path, steps: int
) -> None:
    order = make_order(tmp_path / "models", ("int8",), ("onnx",))
    known = {artifact.name: built[artifact.name].digest for artifact in order.artifacts}
    command = [sys.executable, "-m", "orchestrator.zoo"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write(order.to_json().encode())
        one.stdin.close()
        for _ in range(steps):  # the first artifact is begun; it is done
            one.stdout.readline()
        one.send_signal(signal.SIGKILL)
    for path in order.folder.glob("*.onnx"):
        assert digest_file(path).digest == known[path.stem]
    for path in order.folder.glob("*.lineage.json"):
        lineage = from_json(path.read_text(), path.name)
        assert lineage.digest == known[lineage.name]
    run_builder(order, lambda _step: None)
    assert {name: one.digest for name, one in find_whole(order).items()} == known
    assert not (order.folder / SCRATCH).exists()


def test_the_builder_dies_with_the_command(tmp_path: Path) -> None:
    order = make_order(tmp_path / "models", ("fp32",), ("onnx",))
    text = (
        "import sys\n"
        "from orchestrator.zoo.orders import order_from_json\n"
        "from orchestrator.zoo.workshop import run_builder\n"
        "run_builder(order_from_json(sys.argv[1]), lambda step: print(step, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", text, order.to_json()], stdout=subprocess.PIPE) as command:
        assert command.stdout is not None
        command.stdout.readline()
        children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
        assert children
        command.kill()
    deadline = time.monotonic() + 20
    while any(_alive(int(child)) for child in children):
        assert time.monotonic() < deadline, "the builder outlived the command"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ---------------------------------------------------------------------------------------------------- the command


def build(farm: TestFarm, *words: str) -> list[dict[str, object]]:
    shape = () if "--from" in words else ("2/64/128/2", "--vocabulary", "400")
    found = farm.run("model", "build", *shape, "--length", "32", *words, "--json", timeout_s=400).ok().json
    assert isinstance(found, list)
    return found


def test_what_is_built_is_registered_with_its_parent_and_its_lineage(farm: TestFarm) -> None:
    rows = build(farm, "--form", "int8", "--runtime", "tflite,onnx")
    names = [str(row["name"]) for row in rows]
    assert names == [f"bert-2x64x128x2-v400-l32-{end}" for end in ("fp32", "fp32-onnx", "int8", "int8-onnx")]
    with farm.store() as store:
        for row in rows:
            model = store.model(str(row["name"]))
            assert (model.digest, model.parent) == (row["digest"], row["parent"])
            assert from_json(model.recipe or "", "recipe").flops == row["flops"]
            assert str(model.path) == row["path"]
            beside = farm.root / "models" / f"{model.name}.lineage.json"
            assert from_json(beside.read_text(), "beside") == from_json(model.recipe or "", "recipe")
            if model.references:
                assert {one.tolerance for one in model.references} == {FORMS[str(row["form"])].tolerance}


def test_the_same_command_again_starts_nothing(farm: TestFarm) -> None:
    first = build(farm, "--form", "fp32", "--runtime", "onnx")
    again = build(farm, "--form", "fp32", "--runtime", "onnx", "--python", "/no/python/here")
    assert again == first
    farm.run("model", "build", "2/64/128/2", "--seed", "2", "--python", "/no/python/here").failed(2)


def test_a_checkpoint_becomes_artifacts_that_are_its_own(farm: TestFarm) -> None:
    import transformers

    config = transformers.BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, vocab_size=90, num_labels=3
    )
    folder = farm.root / "Tweets v1"
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    (row,) = build(farm, "--from", str(folder), "--form", "fp32")
    assert (row["name"], row["head"]) == ("tweets-v1-c3-l32-fp32", "classification:3")
    assert row["head_drawn"] is False
    assert row["parent"] == row["checkpoint"] == digest_file(folder / "model.safetensors").digest
    found = farm.run("model", "build", "--from", str(folder), "--length", "513").failed(2)
    assert "the checkpoint has 512 positions" in found.err
    os.truncate(folder / "model.safetensors", 5000)
    assert "damaged or cut off" in farm.run("model", "build", "--from", str(folder)).failed(2).err
