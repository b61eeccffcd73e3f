"""`dynofarm model train` with a trainer that only pretends: what is said, and what becomes of the folder."""

import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from orchestrator.training.steps import Begun, EpochDone, Finished, Stepped, to_line
from orchestrator.training.weights_file import write_tensors
from tests.cli.conftest import as_process
from tests.waiting import wait_until

WORDS = ("plane", "bag", "seat", "crew", "food", "gate", "queue", "screen", "coffee", "window", "pilot", "storm")
FIGURE = {
    "confusion": [[8, 2], [1, 9]], "zeroth": [[7, 3], [3, 7]], "commonest": [[10, 0], [10, 0]],
    "both": 13, "gained": 4, "lost": 1, "neither": 2,
}  # fmt: skip
CARD = {"name": "out", "figures": {"test": FIGURE}, "recipe": {"length": 16}, "cpu_s": 61.0}


@pytest.fixture
def trainer(farm):
    """A program that takes an order, tells its steps, and publishes a folder with a card."""
    lines = [to_line(Begun(90, 12, 4)), to_line(Stepped(5, 0.7)), to_line(EpochDone(1, 7, 10))]
    script = farm / "trainer"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\norder = json.load(sys.stdin)\n"
        f"open({str(farm / 'order.json')!r}, 'w').write(json.dumps(order))\n"
        + "".join(f"print({line!r}, flush=True)\n" for line in lines)
        + f"os.mkdir(order['folder'])\nopen(order['folder'] + '/card.json', 'w').write({json.dumps(CARD)!r})\n"
        + f"print({to_line(Finished('out', 1, 61.0))!r}, flush=True)\n"
    )
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def base(farm):
    """A folder that says of itself that it is a small BERT."""
    folder = farm / "base"
    folder.mkdir()
    config = {
        "model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 16,
        "num_attention_heads": 2, "vocab_size": 10, "max_position_embeddings": 16, "type_vocab_size": 2,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    write_tensors(folder / "model.safetensors", {"x": np.ones(1, "f4")}, {})
    (folder / "vocab.txt").write_text("[PAD]\n")
    return str(folder)


@pytest.fixture
def data(dynofarm, farm):
    """The name of a small data set."""
    draw = random.Random(2)
    rows = [f"the kind {' '.join(draw.sample(WORDS, 5))},{draw.choice(['good', 'bad'])}" for _ in range(200)]
    (farm / "reviews.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    dynofarm("data", "add", str(farm / "reviews.csv")).ok()
    return "reviews"


def test_steps_figures_and_the_next_command_are_said(dynofarm, farm, trainer, base, data):
    answer = dynofarm("model", "train", data, "--base", base, "-o", "out", "--python", trainer).ok()
    assert "90 examples, 12 steps at most, goes on behind step 4" in answer.err
    assert "epoch 1: 70.0% of 10 dev examples right" in answer.err
    assert "next: dynofarm model build --from" in answer.err
    assert "words and logistic regression" in answer.out
    assert "85.0%" in answer.out


def test_for_scripts_there_is_json_and_no_progress(dynofarm, farm, trainer, base, data):
    words = ("--base", base, "-o", "out", "--python", trainer, "--quiet", "--json", "--epochs", "7", "--seed", "3")
    answer = dynofarm("model", "train", data, *words).ok()
    assert answer.err == ""
    always, zeroth, trained = answer.json["figures"]["test"]
    assert [one["accuracy"] for one in (always, zeroth, trained)] == [0.5, 0.7, 0.85]
    assert trained["against_zeroth"]["difference"] == pytest.approx(0.15)
    order = json.loads((farm / "order.json").read_text())
    assert (order["recipe"]["epochs"], order["recipe"]["seed"], order["labels"]) == (7, 3, ["bad", "good"])
    assert set(order["splits"]) == {"train", "dev", "test"}


def test_a_terminal_shows_a_bar(dynofarm, farm, trainer, base, data):
    words = ("model", "train", data, "--base", base, "-o", "out", "--python", trainer)
    argv, variables = as_process(*words, farm=farm, environment={"TERM": "xterm", "COLUMNS": "100"})
    ours, theirs = os.openpty()
    with subprocess.Popen(argv, cwd=farm, env=variables, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # a terminal whose other end is closed
                break
            shown += piece
        assert process.wait() == 0, shown
    os.close(ours)
    text = shown.decode()
    assert "5/12" in text
    assert "loss 0.700" in text
    assert "epoch 1: 70.0% of 10 dev examples right" in text


def test_stopped_by_its_user_the_training_can_go_on(dynofarm, farm, base, data):
    script = farm / "waits"
    script.write_text(
        f"#!{sys.executable}\nimport sys, time\nsys.stdin.read()\nopen('begun', 'w').close()\ntime.sleep(60)\n"
    )
    script.chmod(0o755)
    words = ("model", "train", data, "--base", base, "-o", "out", "--python", str(script))
    argv, variables = as_process(*words, farm=farm)
    with subprocess.Popen(argv, cwd=farm, env=variables, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        wait_until((farm / "begun").exists)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait() == 130, said
    assert "the same words go on" in said


def test_a_folder_that_is_there_is_not_trained_over(dynofarm, farm, trainer, base, data):
    dynofarm("model", "train", data, "--base", base, "-o", "out", "--python", trainer).ok()
    answer = dynofarm("model", "train", data, "--base", base, "-o", "out", "--python", trainer).failed(2)
    assert "is there already" in answer.err


def test_a_trainer_that_is_killed_says_how_to_go_on(dynofarm, farm, base, data):
    script = farm / "dies"
    script.write_text(f"#!{sys.executable}\nimport os, sys\nsys.stdin.read()\nos.kill(os.getpid(), 9)\n")
    script.chmod(0o755)
    answer = dynofarm("model", "train", data, "--base", base, "-o", "out", "--python", str(script)).failed(2)
    assert "was killed" in answer.err
    assert "say the same words again" in answer.err
    assert not (farm / "out").exists()
