"""`model inspect`: a file or a registered model, on the terminal and as JSON, with and without a farm."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Dynofarm

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
FAKE = {
    "format": "dynofarm-fake",
    "inputs": [{"name": "x", "dtype": "float32", "shape": [1, -1]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": [1, 2]}],
}


def test_a_file_is_inspected_where_there_is_no_farm(dynofarm: Dynofarm, empty: Path) -> None:
    shown = dynofarm("model", "inspect", str(EXAMPLES / "bert-tiny-int8.tflite")).ok().out
    for expected in (
        "561,155: 541,056 int8, 20,099 float32",
        "117.5 M in matrix products and convolutions",
        "for ids 1x128, mask 1x128",
        "dynamic range int8, per tensor",
        "FULLY_CONNECTED",
        "nothing known against it",
    ):
        assert expected in shown
    assert not list(empty.iterdir()), "looking leaves nothing behind"


def test_json_is_whole_and_nothing_but_json(dynofarm: Dynofarm) -> None:
    answer = dynofarm("model", "inspect", str(EXAMPLES / "bert-tiny.onnx"), "--json").ok()
    found = answer.json
    assert answer.err == ""
    assert found["path"] == str(EXAMPLES / "bert-tiny.onnx")
    assert found["envelope"]["ir_version"] == 8
    assert found["flops"]["total"] == found["flops"]["products"] + found["flops"]["other"]
    assert found["flops"]["not_counted"] == []
    assert sum(row["flops"] for row in found["operators"]) == found["flops"]["total"]
    assert sum(row["share"] for row in found["operators"]) == pytest.approx(1)
    assert {row["runtime"] for row in found["runtimes"]} >= {"onnxruntime"}


def test_a_registered_model_is_found_by_its_name(dynofarm: Dynofarm, farm: Path) -> None:
    (farm / "small.json").write_text(json.dumps(FAKE))
    dynofarm("model", "add", "small.json", "--name", "toy", "--shape", "x=1x9", "--no-reference").ok()
    found = dynofarm("model", "inspect", "toy", "--json").ok().json
    assert found["path"] == str(farm / "small.json")
    assert found["shapes"] == {"x": [1, 9]}, "with the shapes that it was registered with"
    (farm / "toy").write_bytes((EXAMPLES / "face-detection.tflite").read_bytes())
    assert dynofarm("model", "inspect", "toy", "--json").ok().json["format"] == "tflite", "a file goes before a name"


def test_a_registered_model_whose_file_changed_is_not_passed_off_as_it(dynofarm: Dynofarm, farm: Path) -> None:
    (farm / "toy.json").write_text(json.dumps(FAKE))
    dynofarm("model", "add", "toy.json", "--shape", "x=1x9", "--no-reference").ok()
    (farm / "toy.json").write_text(json.dumps(FAKE | {"latency_ns": 7}))
    said = dynofarm("model", "inspect", "toy").failed(2).err
    assert "was registered with" in said
    assert "next: " in said


def test_what_is_neither_a_file_nor_a_model_is_said(dynofarm: Dynofarm, empty: Path) -> None:
    said = dynofarm("model", "inspect", "bret").failed(2).err
    assert "bret: there is no such file, and no farm here" in said
    dynofarm("init").ok()
    (empty / "bert.json").write_text(json.dumps(FAKE))
    dynofarm("model", "add", "bert.json", "--shape", "x=1x9", "--no-reference").ok()
    said = dynofarm("model", "inspect", "bret").failed(2).err
    assert "bret: there is no such file" in said
    assert "bert" in said, "the near name"
    assert "there is no such file" in dynofarm("model", "inspect", "models/bret.onnx").failed(2).err


def test_garbage_and_odd_paths_are_refused_in_a_sentence(dynofarm: Dynofarm, empty: Path) -> None:
    (empty / "page.tflite").write_text("<!DOCTYPE html>")
    assert "an error page saved in place of the model" in dynofarm("model", "inspect", "page.tflite").failed(2).err
    (empty / "nothing.onnx").write_bytes(b"")
    assert "the file is empty" in dynofarm("model", "inspect", "nothing.onnx").failed(2).err
    os.mkfifo(empty / "pipe.onnx")
    assert "no regular file" in dynofarm("model", "inspect", "pipe.onnx").failed(2).err
    (empty / "nowhere.onnx").symlink_to(empty / "gone.onnx")
    assert "there is no such file" in dynofarm("model", "inspect", "nowhere.onnx").failed(2).err
    assert "model file" in dynofarm("model", "inspect", ".").failed(2).err
    assert "cannot be read" in dynofarm("model", "inspect", "x" * 5000).failed(2).err


def test_a_shape_is_read_as_model_add_reads_it(dynofarm: Dynofarm, empty: Path) -> None:
    (empty / "toy.json").write_text(json.dumps(FAKE))
    assert dynofarm("model", "inspect", "toy.json", "--shape", "x=1x9", "--json").ok().json["shapes"] == {"x": [1, 9]}
    still_open = dynofarm("model", "inspect", "toy.json", "--json").ok().json["still_open"]
    assert "--shape x=1xN" in still_open[0]
    assert "not a shape" in dynofarm("model", "inspect", "toy.json", "--shape", "x").failed(2).err
    assert "no such input" in dynofarm("model", "inspect", "toy.json", "--shape", "z=1").failed(2).err


def test_words_of_a_file_do_not_reach_the_terminal_as_commands(dynofarm: Dynofarm, empty: Path) -> None:
    hostile = {**FAKE, "inputs": [{"name": "\x1b[2J[bold]x", "dtype": "\x07", "shape": [1, 4]}]}
    (empty / "hostile.json").write_text(json.dumps(hostile))
    shown = dynofarm("model", "inspect", "hostile.json").ok().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]x" in shown
