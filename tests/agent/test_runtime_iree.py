"""IREE's runtime out of a real wheel, on the path as a bundle is, against onnxruntime on the same network."""

import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NETWORKS = Path(__file__).with_name("networks")
IMAGE = [{"name": "image", "dtype": "float32", "shape": [1, 3, 8, 8], "fill": "uniform", "low": -1.0, "high": 1.0}]
TOKENS = [
    {"name": "ids", "dtype": "int32", "shape": [1, 8], "fill": "integers", "low": 0.0, "high": 49.0},
    {"name": "mask", "dtype": "int32", "shape": [1, 8], "fill": "ones"},
]
OF = {"image": IMAGE, "tokens": TOKENS}
WHEELS = ("iree-base-runtime==3.13.0", "numpy==2.3.5", "ml_dtypes==0.5.4")


@pytest.fixture
def iree(run_once: Any, unpacked: Any) -> Any:
    if platform.machine() != "x86_64":
        pytest.skip("the modules of the tests are compiled for x86-64")
    paths = [unpacked(wheel) for wheel in WHEELS]

    def run(model: Path, recipes: Any, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = run_once("iree", model, recipes, paths=paths, **{"delegate": "none", **more})
        return answer

    return run


def changed(old: bytes, new: bytes, folder: Path) -> Path:
    """A module in which other bytes stand, as many as there were."""
    data = (NETWORKS / "tokens.vmfb").read_bytes()
    assert old in data
    assert len(old) == len(new)
    (folder / "m.vmfb").write_bytes(data.replace(old, new))
    return folder / "m.vmfb"


@pytest.mark.parametrize("network", ["image", "tokens"])
@pytest.mark.parametrize("threads", [1, 3])
def test_outputs_agree_with_onnxruntime_on_the_same_network(
    iree: Any, run_once: Any, unpacked: Any, tmp_path: Path, network: str, threads: int
) -> None:
    blob = tmp_path / ("5" * 64)
    shutil.copy(NETWORKS / f"{network}.vmfb", blob)
    blob.chmod(0o400)
    paths = [unpacked("onnxruntime==1.23.2"), unpacked("numpy==2.3.5")]
    ours = iree(blob, OF[network], threads=threads)
    theirs = run_once("onnxruntime", NETWORKS / f"{network}.onnx", OF[network], paths=paths, delegate="none")
    assert ours["version"] == "3.13.0"
    assert ours["names"] == theirs["names"]
    assert [one.shape for one in ours["outputs"]] == [one.shape for one in theirs["outputs"]]
    for our, their in zip(ours["outputs"], theirs["outputs"], strict=True):
        assert np.abs(our - their).max() <= 1e-5 * np.ptp(their)


def test_inputs_go_to_their_names_in_whatever_order_they_come(iree: Any) -> None:
    model = NETWORKS / "tokens.vmfb"
    straight, crossed = iree(model, TOKENS), iree(model, TOKENS[::-1])
    assert straight["outputs"][0].tobytes() == crossed["outputs"][0].tobytes()


def test_another_seed_fed_later_replaces_the_inputs(iree: Any) -> None:
    model = NETWORKS / "image.vmfb"
    once, twice = iree(model, IMAGE, seeds=[2]), iree(model, IMAGE, seeds=[1, 2], inferences=30)
    other = iree(model, IMAGE, seeds=[1])
    assert once["outputs"][0].tobytes() == twice["outputs"][0].tobytes() != other["outputs"][0].tobytes()


def test_one_thread_is_the_callers_own_and_more_are_workers(iree: Any) -> None:
    one, three = (iree(NETWORKS / "image.vmfb", IMAGE, threads=n) for n in (1, 3))
    assert (one["details"]["driver"], three["details"]["driver"]) == ("local-sync", "local-task")
    assert three["tasks"] - one["tasks"] >= 3


@pytest.mark.parametrize(
    ("network", "recipes", "words"),
    [
        ("image", [dict(IMAGE[0], shape=[2, 3, 8, 8])], "has shape [1, 3, 8, 8] in the model, and [2, 3, 8, 8]"),
        ("image", [dict(IMAGE[0], dtype="float64")], "is float32 in the model, and float64 was given"),
        ("tokens", TOKENS[:1], "has 2 inputs (ids, mask), and 1 were given"),
    ],
)
def test_inputs_that_do_not_fit_are_rejected_with_both_forms(iree: Any, network: str, recipes: Any, words: str) -> None:
    answer = iree(NETWORKS / f"{network}.vmfb", recipes)
    assert (answer["error"], words in answer["message"]) == ("Rejected", True), answer["message"]


def test_a_module_for_another_processor_is_unsupported(iree: Any, tmp_path: Path) -> None:
    answer = iree(changed(b"embedded-elf-x86_64", b"embedded-elf-riscv3", tmp_path), TOKENS)
    assert answer["error"] == "Unsupported"
    assert "cannot take the module on this board" in answer["message"]


def test_a_module_that_does_not_tell_its_inputs_is_unsupported(iree: Any, tmp_path: Path) -> None:
    answer = iree(changed(b"iree.abi.declaration", b"iree.abi.declamation", tmp_path), TOKENS)
    assert (answer["error"], "dynofarm model compile" in answer["message"]) == ("Unsupported", True)


def test_an_input_of_a_type_that_cannot_be_fed_is_unsupported(iree: Any, tmp_path: Path) -> None:
    answer = iree(changed(b"tensor<1x8xi32>", b"tensor<1x8xi12>", tmp_path), TOKENS)
    assert (answer["error"], "of type i12" in answer["message"]) == ("Unsupported", True)


@pytest.mark.parametrize("damage", ["cut", "cut early", "garbage behind the identifier", "onnx", "empty", "absent"])
def test_a_damaged_module_is_rejected_and_crashes_nothing(iree: Any, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "m"
    whole = (NETWORKS / "tokens.vmfb").read_bytes()
    if damage == "cut":
        model.write_bytes(whole[: len(whole) // 2])
    elif damage == "cut early":
        model.write_bytes(whole[:100])
    elif damage == "garbage behind the identifier":
        model.write_bytes(whole[:100] + b"\xff" * 3000)
    elif damage == "onnx":
        shutil.copy(NETWORKS / "image.onnx", model)
    elif damage == "empty":
        model.write_bytes(b"")
    answer = iree(model, TOKENS)
    assert answer["error"] == "Rejected", answer
    assert "\n" not in answer["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delegate": "xnnpack"}, "without a delegate (none), not with xnnpack"),
        ({"options": {"x": 1}}, "no option 'x' here; it has none"),
        ({"threads": 0}, "at least one thread"),
        ({"profile": True}, "does not tell what its operators take"),
    ],
)
def test_what_iree_has_not_is_unsupported_in_a_sentence(iree: Any, changes: Any, words: str) -> None:
    answer = iree(NETWORKS / "tokens.vmfb", TOKENS, **changes)
    assert answer["error"] == "Unsupported"
    assert words in answer["message"]


@pytest.mark.parametrize(
    ("there", "missing"),
    [((), "no numpy for iree"), (WHEELS[1:], "no iree for iree"), (WHEELS[:2], "needs the Python package ml_dtypes")],
)
def test_what_is_not_there_is_unsupported_and_named(run_once: Any, unpacked: Any, there: Any, missing: str) -> None:
    paths = [unpacked(wheel) for wheel in there]
    answer = run_once("iree", NETWORKS / "tokens.vmfb", TOKENS, paths=paths, delegate="none")
    assert answer["error"] == "Unsupported"
    assert missing in answer["message"]


def test_a_module_of_a_newer_compiler_is_unsupported_on_an_older_runtime(run_once: Any, unpacked: Any) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the modules of the tests are compiled for x86-64")
    paths = [unpacked(wheel) for wheel in ("iree-base-runtime==3.10.0", *WHEELS[1:])]
    answer = run_once("iree", NETWORKS / "tokens.vmfb", TOKENS, paths=paths, delegate="none")
    assert answer["error"] == "Unsupported"
    assert "of another version of IREE" in answer["message"]
