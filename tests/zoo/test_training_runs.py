"""Real training, with torch, of a network so small that it takes seconds."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from orchestrator.errors import ModelError
from orchestrator.training.orders import Order, Recipe
from orchestrator.training.places import hold, working_folder
from orchestrator.training.process import run_trainer
from orchestrator.training.progress import STATE, read_tensors
from orchestrator.training.steps import Begun, EpochDone, Stepped, from_line
from orchestrator.training.weights_file import write_tensors
from orchestrator.tweets.card import encode_rows
from orchestrator.tweets.rows import Row
from orchestrator.zoo.checkpoints import open_checkpoint

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD, PLAIN = ("kind", "good", "lovely"), ("late", "bad", "lost"), ("crew", "seat", "plane", "bag", "gate", "food")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *GOOD, *BAD, *PLAIN)
HIDDEN, WIDE = 16, 32


NO_TORCH = "torch is not installed here: pip install 'dynofarm[zoo]'"


@pytest.fixture(autouse=True)
def with_torch():
    if find_spec("torch") is None:
        pytest.skip(NO_TORCH)


def base_tensors():
    draw = np.random.default_rng(1)
    shapes = {
        "embeddings.word_embeddings.weight": (len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": (32, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "pooler.dense.weight": (HIDDEN, HIDDEN),
        "pooler.dense.bias": (HIDDEN,),
    }
    for layer in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        shapes |= {f"encoder.layer.0.{layer}.weight": (HIDDEN, HIDDEN), f"encoder.layer.0.{layer}.bias": (HIDDEN,)}
    shapes |= {
        "encoder.layer.0.intermediate.dense.weight": (WIDE, HIDDEN),
        "encoder.layer.0.intermediate.dense.bias": (WIDE,),
    }
    shapes |= {"encoder.layer.0.output.dense.weight": (HIDDEN, WIDE), "encoder.layer.0.output.dense.bias": (HIDDEN,)}
    tensors = {name: draw.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for norm in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
        tensors[f"{norm}.LayerNorm.weight"] = np.ones(HIDDEN, np.float32)
        tensors[f"{norm}.LayerNorm.bias"] = np.zeros(HIDDEN, np.float32)
    return tensors


def make_rows(count, seed):
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        label, words = draw.choice((("good", GOOD), ("bad", BAD)))
        rows.append(
            Row(" ".join(draw.sample([draw.choice(words), *draw.choices(PLAIN, k=draw.randint(1, 6))], 2)), label)
        )
    return rows


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A base and its data, that no test changes."""
    folder = tmp_path_factory.mktemp("places")
    write_base(folder / "base", base_tensors())
    splits = {}
    for seed, (name, count) in enumerate((("train", 400), ("dev", 80), ("test", 80))):
        splits[name] = folder / f"{name}.jsonl"
        splits[name].write_bytes(encode_rows(make_rows(count, seed)))
    return folder, splits


@pytest.fixture
def order(places, tmp_path):
    """A recipe whose result lies in this test's folder."""
    folder, splits = places
    return make_order(folder / "base", splits, tmp_path / "out")


@pytest.fixture(scope="module")
def whole(places):
    """The folder of a training that nothing disturbed, and its steps."""
    if find_spec("torch") is None:
        pytest.skip(NO_TORCH)
    folder, splits = places
    steps = []
    train(make_order(folder / "base", splits, folder / "whole"), steps.append)
    return folder / "whole", steps


def write_base(folder, tensors):
    folder.mkdir()
    config = {
        "model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1, "hidden_size": HIDDEN,
        "intermediate_size": WIDE, "num_attention_heads": 2, "vocab_size": len(WORDS),
        "max_position_embeddings": 32, "type_vocab_size": 2,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    write_tensors(folder / "model.safetensors", tensors, {})


def make_order(base, splits, folder):
    recipe = Recipe("b" * 64, "d" * 64, examples=320, epochs=3, batch=8, length=16, learning_rate=3e-3)
    return Order(recipe, "tiny", ("bad", "good"), base, splits, folder, {"data": "made up"}, save_every_s=0.0)


def train(order, notify=lambda _step: None):
    with hold(order.folder, restart=False):
        run_trainer(order, notify)
    return digest_of(order.folder)


def digest_of(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def start(order):
    """The trainer as a process of our own, that can be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.training"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(order.to_json())
    process.stdin.close()
    return process


def test_a_student_learns_and_its_folder_is_a_checkpoint(whole):
    folder, steps = whole
    begun = next(step for step in steps if isinstance(step, Begun))
    assert (begun.examples, begun.steps, begun.done) == (320, 120, 0)
    assert [step.done for step in steps if isinstance(step, Stepped)] == list(range(1, 121))
    assert [step.epoch for step in steps if isinstance(step, EpochDone)] == [1, 2, 3]
    checkpoint = open_checkpoint(folder)
    assert str(checkpoint.head) == "classification:2"
    assert "bert.encoder.layer.0.attention.self.query.weight" in checkpoint.entries
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json", "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt",
    ]  # fmt: skip
    card = json.loads((folder / "card.json").read_text())
    assert set(card["figures"]) == {"dev", "test"}
    table = card["figures"]["test"]["confusion"]
    assert sum(map(sum, table)) == 80
    assert (table[0][0] + table[1][1]) / 80 > 0.65  # a half of the texts keep the word that decides
    assert card["recipe"]["seed"] == 1
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"] == {"0": "bad", "1": "good"}
    assert not working_folder(folder).exists()


def test_the_same_words_give_the_same_weights_and_another_seed_gives_others(whole, order, tmp_path):
    assert train(replace(order, save_every_s=60.0)) == digest_of(whole[0])
    seeded = replace(order, folder=tmp_path / "seeded", recipe=replace(order.recipe, seed=2))
    assert train(seeded) != digest_of(whole[0])


@pytest.mark.parametrize("after", [3, 55, 119])
def test_a_killed_training_goes_on_to_the_same_weights(whole, order, after):
    with hold(order.folder, restart=False):
        process = start(order)
        for line in process.stdout:
            step = from_line(line)
            if isinstance(step, Stepped) and step.done == after:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    assert not order.folder.exists()
    assert (working_folder(order.folder) / STATE).exists()
    if after == 119:  # nor is the state of one recipe mixed into another
        with pytest.raises(ModelError, match="unfinished training of another recipe"):
            train(replace(order, recipe=replace(order.recipe, seed=9)))
    steps = []
    assert train(order, steps.append) == digest_of(whole[0])
    begun = next(step for step in steps if isinstance(step, Begun))
    assert 0 < begun.done <= after + 1


def test_embeddings_stay_as_they_were_unless_asked_for(whole, order):
    name = "bert.embeddings.word_embeddings.weight"
    before = base_tensors()["embeddings.word_embeddings.weight"]
    assert np.array_equal(read_tensors(whole[0] / "model.safetensors")[name], before)
    train(replace(order, recipe=replace(order.recipe, epochs=1, train_embeddings=True)))
    assert not np.array_equal(read_tensors(order.folder / "model.safetensors")[name], before)


def test_training_stops_early_and_keeps_the_best_epoch(order):
    steps = []
    hopeless = replace(order.recipe, epochs=50, learning_rate=1e-9, patience=2)
    train(replace(order, recipe=hopeless), steps.append)
    assert len([step for step in steps if isinstance(step, EpochDone)]) == 3
    assert json.loads((order.folder / "card.json").read_text())["epochs"]["kept"] == 1


@pytest.mark.parametrize("damage", ["gone", "shape"])
def test_a_base_that_does_not_fit_is_one_sentence(order, tmp_path, damage):
    tensors = base_tensors()
    if damage == "gone":
        del tensors["encoder.layer.0.attention.self.key.weight"]
    else:
        tensors["encoder.layer.0.attention.self.key.weight"] = np.zeros((3, 3), np.float32)
    write_base(tmp_path / "base", tensors)
    with pytest.raises(ModelError, match=r"no tensor bert|is \[3, 3\]"):
        train(replace(order, base_folder=tmp_path / "base"))


def test_rows_that_are_damaged_are_one_sentence(order, tmp_path):
    (tmp_path / "dev.jsonl").write_bytes(b"\xff\x00 no rows\n")
    with pytest.raises(ModelError, match="line 1 is not a label and a text"):
        train(replace(order, splits={**order.splits, "dev": tmp_path / "dev.jsonl"}))


def test_the_network_computes_what_the_reference_computes(order):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed here")
    import torch

    from orchestrator.training.batches import pad
    from orchestrator.training.network import Classifier, fill

    config = transformers.BertConfig(**json.loads((order.base_folder / "config.json").read_text()), num_labels=3)
    reference = transformers.BertForSequenceClassification(config).eval()
    ours = Classifier(open_checkpoint(order.base_folder).shape, 3).eval()
    fill(ours, dict(reference.named_parameters()), seed=1)
    ids, mask = pad([[2, 5, 6, 7, 3], [2, 9, 3]])
    with torch.inference_mode():
        theirs = reference(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits
        assert torch.allclose(ours(torch.from_numpy(ids), torch.from_numpy(mask)), theirs, atol=1e-5)
