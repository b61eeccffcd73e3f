"""Questions through the real command: a file as SQuAD's, two boards, real LiteRT, a model whose answers are known."""

import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import asking
from tests.boards.loopback import LoopbackBoard
from tests.farming import QUICKEST, TestFarm

pytestmark = pytest.mark.integration

MakeBoard = Callable[[str], LoopbackBoard]
DATA = "questions-of-a-test"


def add_questions(farm: TestFarm) -> None:
    asking.write_squad(farm.root / "squad.json")
    farm.run("data", "add", "squad.json", "--name", DATA).ok()


def add_model(farm: TestFarm, name: str, data: bytes) -> None:
    folder = farm.root / "models"
    folder.mkdir(exist_ok=True)
    asking.write_vocabulary(folder / "vocab.txt")
    (folder / f"{name}.tflite").write_bytes(data)
    farm.run("model", "add", str(folder / f"{name}.tflite"), "--no-reference").ok()


def own_cache(farm: TestFarm) -> Path:
    """Data sets lie there, and other tests have some of the same name; but no runtime does."""
    farm.environment["XDG_CACHE_HOME"] = str(farm.root / "cache")
    return farm.root / "cache"


def sweep(farm: TestFarm, task: str, more: str = "") -> str:
    axes = f"models: ['*']\nruntimes: [litert]\non: [all]\nrepeats: 1\nreference: false\n{more}"
    return farm.write_sweep("questions", f"{axes}{QUICKEST}task: {task}\n")


@pytest.mark.timeout(300)
def test_the_words_that_a_model_points_at_come_back_from_every_board(farm: TestFarm, make_board: MakeBoard) -> None:
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"no runtime is built for {platform.machine()}")
    farm.add_local("local")
    farm.add_board(make_board("kitchen"))
    add_questions(farm)
    add_model(farm, "pointer", asking.span_model())
    add_model(farm, "narrow", asking.span_model(12))
    path = sweep(farm, f"{{data: {DATA}, scope: [model, end_to_end]}}", "teacher: pointer\nclaims: [f1 <= 1]\n")
    done = farm.run("run", path, timeout_s=250)
    lacking = [row["message"] for row in farm.run("results", "--json").ok().json if row["status"] == "lost"]
    if any("package index" in one for one in lacking):
        pytest.skip(f"no runtime can be had here: {lacking[0]}")
    done.ok()
    rows = farm.run("answers", "--json").ok().json
    assert {(row["device"], row["model"], row["scope"]) for row in rows} == {
        (device, model, scope)
        for device in ("local", "kitchen")
        for model in ("pointer", "narrow")
        for scope in ("model", "end_to_end")
    }
    for row in rows:
        assert row["same"]["agrees"]
        if row["model"] == "pointer":
            assert row["exact_match"]["value"] == asking.EXACT
            assert row["f1"]["value"] == pytest.approx(asking.F1)
            assert row["questions"] == {"cut_off": 0, "unanswerable": 1, "declined": 1}
        else:
            assert row["questions"]["cut_off"] > 0
            assert row["versus_teacher"]["n"] == 4
    # One answer of each model, whatever board and scope gave it.
    assert len(farm.sql("SELECT DISTINCT digest FROM answers_view")) == 2
    assert json.loads(farm.run("claims", "--json").ok().out)[0]["outcome"] == "holds"


def test_what_is_to_be_done_follows_from_the_data_and_what_cannot_is_told(farm: TestFarm) -> None:
    own_cache(farm)
    farm.add_local("local")
    add_questions(farm)
    tensors = [{"name": "ids", "dtype": "int32", "shape": [1, 16]}]
    outputs = [{"name": "output", "dtype": "float32", "shape": [1, 8]}]
    folder = farm.root / "models"
    folder.mkdir()
    asking.write_vocabulary(folder / "vocab.txt")
    (folder / "reader.json").write_text(json.dumps({"format": "dynofarm-fake", "inputs": tensors, "outputs": outputs}))
    farm.run("model", "add", str(folder / "reader.json"), "--no-reference").ok()
    words = ("run", "reader", "--on", "local", "--runtimes", "fake", "--repeats", "1", "--protocol", "quick")
    done = farm.run(*words, "--no-reference", "--task", DATA).ok()
    assert "a start and an end logit for each of its 16 tokens are wanted" in done.err
    wrong = farm.run("run", sweep(farm, f"{{data: {DATA}, kind: classification}}")).failed(2)
    assert "which are nothing for classification" in wrong.err


def test_a_data_set_that_is_gone_is_told_before_anything_runs(farm: TestFarm) -> None:
    cache = own_cache(farm)
    farm.add_local("local")
    add_questions(farm)
    add_model(farm, "pointer", asking.span_model())
    assert "1 of them on a data set" in farm.run("run", sweep(farm, DATA), "--dry-run").ok().out
    (card,) = cache.rglob(f"data/{DATA}/card.json")
    card.unlink()
    assert f"there is no data set {DATA} here" in farm.run("run", sweep(farm, DATA)).failed(2).err
