"""Work on data sets through the real command: two boards over SSH and this machine, real LiteRT, and real faults."""

import hashlib
import json
import os
import platform
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm
from tests.tasking import CLASSES, WORDS, write_vocabulary

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]
MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"


@pytest.fixture
def farm(farm: TestFarm) -> TestFarm:
    """With a cache of its own: data sets lie there, and other tests have some of the same name."""
    farm.environment["XDG_CACHE_HOME"] = str(farm.root / "cache")
    return farm


def write_table(path: Path, labels: tuple[str, ...], rows: int = 400) -> Path:
    """Texts that share few words, so that none is left out as a copy of another."""
    lines = ["text,label"]
    for number in range(rows):
        picked = [
            WORDS[number % len(WORDS)],
            *(hashlib.sha256(b"%d %d" % (number, place)).hexdigest()[:6] for place in range(6)),
        ]
        lines.append(f"{' '.join(picked)},{labels[number % len(labels)]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def add_data(farm: TestFarm, labels: tuple[str, ...] = CLASSES, name: str = "words") -> None:
    farm.run("data", "add", str(write_table(farm.root / "words.csv", labels)), "--name", name).ok()


def add_reader(farm: TestFarm) -> None:
    """A fake that reads tokens and gives eight logits, with its vocabulary beside it."""
    tensors = [{"name": name, "dtype": "int32", "shape": [1, 16]} for name in ("ids", "mask", "types")]
    outputs = [{"name": "output", "dtype": "float32", "shape": [1, 8]}]
    folder = farm.root / "models"
    folder.mkdir(exist_ok=True)
    declared = {"format": "dynofarm-fake", "inputs": tensors, "outputs": outputs}
    (folder / "reader.json").write_text(json.dumps(declared))
    write_vocabulary(folder / "vocab.txt")
    farm.run("model", "add", str(folder / "reader.json"), "--no-reference").ok()


def sweep(farm: TestFarm, on: str, task: str, *, options: str = "{sleep_ms: 1}", repeats: int = 1) -> str:
    axes = f"models: [reader]\nruntimes: [fake]\non: [{on}]\noptions: {options}\nrepeats: {repeats}\nreference: false\n"
    return farm.write_sweep("tasks", f"{axes}{QUICKEST}task: {task}\n")


def test_boards_and_scopes_answer_alike(farm: TestFarm, make_board: MakeBoard) -> None:
    for name in ("kitchen", "attic"):
        farm.add_board(make_board(name))
    farm.add_local("local")
    add_data(farm)
    add_reader(farm)
    path = sweep(farm, "all", "{data: words, scope: [model, end_to_end], examples: 20}", repeats=2)
    assert "9 of them on a data set" in farm.run("run", path, "--dry-run").ok().out
    done = farm.run("run", path).ok()
    assert "sweep 1: 15 ok" in done.err
    rows = farm.run("answers", "--json").ok().json
    assert [(row["device"], row["scope"], len(row["runs"])) for row in rows] == [
        (device, scope, runs)
        for device in ("attic", "kitchen", "local")
        for scope, runs in (("model", 1), ("end_to_end", 2))
    ]
    assert all(row["same"]["agrees"] for row in rows)
    assert len({json.dumps(row["accuracy"]) for row in rows}) == 1
    assert len(farm.sql("SELECT DISTINCT digest FROM answers_view")) == 1
    listed = farm.run("results", "--json").ok().json
    assert {row["role"] for row in listed} == {"case"}
    assert len(farm.run("results", "--role", "task", "--each-run", "--json").ok().json) == 9


def test_the_second_sweep_pushes_nothing(farm: TestFarm, make_board: MakeBoard) -> None:
    board = make_board("kitchen")
    farm.add_board(board)
    add_data(farm)
    add_reader(farm)
    path = sweep(farm, "kitchen", "{data: words, scope: end_to_end, examples: 20}")
    assert "receives data set words/test" in farm.run("run", path).ok().err
    assert "receives" not in farm.run("run", path).ok().err


def test_what_is_killed_in_the_middle_goes_on_and_nothing_is_there_twice(farm: TestFarm, make_board: MakeBoard) -> None:
    farm.add_board(make_board("kitchen"))
    add_data(farm)
    add_reader(farm)
    running = farm.watch("run", sweep(farm, "kitchen", "{data: words, examples: 30}", options="{sleep_ms: 60}"))
    running.wait_for("receives data set")
    running.process.send_signal(signal.SIGKILL)
    running.end()
    farm.run("run", "--resume", timeout_s=200).ok()
    (row,) = farm.run("answers", "--json").ok().json
    assert len(row["runs"]) == 1
    assert row["accuracy"]["n"] == 30


def test_a_data_set_that_changed_is_not_taken_for_the_one_that_was_planned(farm: TestFarm) -> None:
    farm.add_local("desk")
    add_data(farm)
    add_reader(farm)
    running = farm.watch("run", sweep(farm, "desk", "{data: words, examples: 30}", options="{sleep_ms: 300}"))
    running.wait_for("receives reader")
    running.process.send_signal(signal.SIGKILL)
    running.end()
    write_table(farm.root / "words.csv", CLASSES, rows=300)
    farm.run("data", "add", str(farm.root / "words.csv"), "--name", "words").ok()
    farm.run("run", "--resume", timeout_s=100)
    (row,) = farm.run("answers", "--json").ok().json
    assert row["trouble"].startswith("skipped: the data set words/test, 30 examples")
    assert "is not here any more" in row["trouble"]


def test_a_model_of_other_classes_is_skipped_with_the_reason_and_timed_all_the_same(farm: TestFarm) -> None:
    farm.add_local("desk")
    add_data(farm, ("yes", "no"))
    add_reader(farm)
    done = farm.run("run", sweep(farm, "desk", "words")).ok()
    assert "it gives 8 numbers, and words has 2 classes" in done.err
    assert "1 ok, 1 skipped" in done.err


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("nowhere", "there is no data set nowhere here"),
        ("words/dev2", "words has no split dev2"),
        ("{data: words, scope: both}", "task.scope"),
        ("{data: words, kind: poetry}", "task.kind"),
        ("{split: test}", "task.data"),
        ("{data: words, vocabulary: gone.txt}", "gone.txt"),
    ],
)
def test_a_task_that_makes_no_sense_is_told_before_anything_runs(farm: TestFarm, task: str, said: str) -> None:
    farm.add_local("desk")
    add_data(farm)
    add_reader(farm)
    assert said in farm.run("run", sweep(farm, "desk", task)).failed(2).err
    assert farm.sql("SELECT sweep_id FROM sweeps_view") == []


@pytest.mark.timeout(300)
def test_a_real_model_answers_alike_on_two_runtimes(farm: TestFarm) -> None:
    farm.environment["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # has runtimes
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"no runtime is built for {platform.machine()}")
    farm.add_local("desk")
    add_data(farm, ("yes", "no", "maybe"), "words-of-a-test")
    folder = farm.root / "models"
    folder.mkdir()
    write_vocabulary(folder / "vocab.txt")
    for suffix in ("tflite", "onnx"):
        (folder / f"bert-{suffix}.{suffix}").write_bytes((MODELS / f"bert-tiny.{suffix}").read_bytes())
        farm.run("model", "add", str(folder / f"bert-{suffix}.{suffix}")).ok()
    words = ("run", "bert-*", "--on", "desk", "--runtimes", "litert,onnxruntime", "--protocol", "quick")
    done = farm.run(*words, "--repeats", "1", "--no-reference", "--task", "words-of-a-test", timeout_s=250)
    lacking = [row["message"] for row in farm.run("results", "--json").ok().json if row["status"] == "lost"]
    if any("package index" in one for one in lacking):
        pytest.skip(f"no runtime can be had here: {lacking[0]}")
    rows = [row for row in farm.run("answers", "--json").ok().json if not row["trouble"]]
    assert len(rows) == 2, done.err
    first, second = rows
    assert first["n"] == second["n"] > 20
    assert first["accuracy"] == second["accuracy"]
