"""Data sets on disk: whole or not there, and believed only after their hashes were checked."""

import json

import pytest

from orchestrator.errors import DiskFull, DynofarmError, UnknownName, UsageError
from orchestrator.tweets.card import Source, card_text, decode_rows, encode_rows, make_card, parse_card
from orchestrator.tweets.making import add_table
from orchestrator.tweets.rows import BadSource, Row
from orchestrator.tweets.shelf import DataShelf

SPLITS = {
    "train": [Row("so kind", "good"), Row('naïve \U0001f600 "quoted"', "bad")],
    "dev": [Row("fine", "good")],
    "test": [Row("awful", "bad")],
}
SOURCES = [Source("mine.csv", "0" * 64, "CC0")]


@pytest.fixture
def card():
    return make_card("mine", SPLITS, SOURCES, [("read", 5), ("cleaned", 4)], "rules 1")


@pytest.fixture
def shelf(tmp_path):
    return DataShelf(tmp_path / "cache")


def test_what_was_put_there_comes_back(shelf, card):
    shelf.put(card, SPLITS)
    assert shelf.names() == ["mine"]
    assert shelf.card("mine") == card
    assert {split: shelf.rows(card, split) for split in card.splits} == SPLITS
    assert sorted(path.name for path in shelf.folder("mine").parent.iterdir()) == ["mine"]


def test_the_hash_is_that_of_the_content_alone(card):
    other = make_card("other", SPLITS, [], [("read", 9)], "rules 1")
    assert other.digest == card.digest
    fewer = make_card("mine", {**SPLITS, "dev": []}, SOURCES, [], "rules 1")
    assert fewer.digest != card.digest


def test_equal_rows_are_equal_bytes_and_come_back():
    rows = SPLITS["train"]
    assert encode_rows(rows) == encode_rows(list(rows))
    assert decode_rows(encode_rows(rows)) == rows
    assert decode_rows(encode_rows([])) == []


def test_a_data_set_of_the_same_name_is_replaced(shelf, card):
    shelf.put(card, SPLITS)
    changed = {**SPLITS, "dev": [Row("other", "bad")]}
    shelf.put(make_card("mine", changed, SOURCES, [], "rules 1"), changed)
    assert shelf.rows(shelf.card("mine"), "dev") == changed["dev"]
    assert sorted(path.name for path in shelf.folder("mine").parent.iterdir()) == ["mine"]


def test_an_unknown_name_lists_the_known_ones(shelf, card):
    with pytest.raises(UnknownName, match="there is none yet") as fault:
        shelf.card("tweets")
    assert fault.value.hint == "dynofarm data fetch tweets"
    shelf.put(card, SPLITS)
    with pytest.raises(UnknownName, match="there are: mine"):
        shelf.card("yours")
    with pytest.raises(UnknownName, match="no split later"):
        shelf.rows(card, "later")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "A", "a b", "-a", "\x00", "ä", "x" * 65])
def test_a_name_that_would_leave_the_folder_is_refused(shelf, name):
    with pytest.raises(UsageError, match="cannot be the name"):
        shelf.folder(name)


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\xff\xfe", b'{"label": "good", "text": "so kind"}\n'])
def test_rows_that_changed_are_not_read(shelf, card, damage):
    shelf.put(card, SPLITS)
    (shelf.folder("mine") / "train.jsonl").write_bytes(damage)
    with pytest.raises(DynofarmError, match="its hash is not the one in the card"):
        shelf.rows(card, "train")


def test_rows_that_are_gone_are_said_so(shelf, card):
    shelf.put(card, SPLITS)
    (shelf.folder("mine") / "dev.jsonl").unlink()
    with pytest.raises(DynofarmError, match="is damaged: No such file"):
        shelf.rows(card, "dev")


@pytest.mark.parametrize("damage", ["", "null", "[]", "{", '{"format": "dynofarm-texts", "version": 1}', "\x00"])
def test_a_card_that_is_no_card_is_refused(shelf, card, damage):
    shelf.put(card, SPLITS)
    (shelf.folder("mine") / "card.json").write_text(damage)
    with pytest.raises(DynofarmError, match=r"card\.json is damaged"):
        shelf.card("mine")


def test_a_card_of_a_later_version_or_with_another_hash_is_refused(card):
    said = json.loads(card_text(card))
    with pytest.raises(BadSource, match="version"):
        parse_card(json.dumps({**said, "version": 2}))
    with pytest.raises(BadSource, match="hash"):
        parse_card(json.dumps({**said, "digest": "0" * 64}))
    assert parse_card(json.dumps(said)) == card


@pytest.mark.parametrize("line", ["[]", "x", '{"label": "a"}', '{"label": 1, "text": "a"}', "null"])
def test_a_line_that_is_no_row_is_named(line):
    with pytest.raises(BadSource, match="line 2"):
        decode_rows(encode_rows([Row("a", "b")]) + line.encode() + b"\n")


def test_a_full_disk_leaves_nothing_half_written(shelf, card, monkeypatch):
    def full(_number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orchestrator.tweets.shelf.os.fsync", full)
    with pytest.raises(DiskFull, match="no room left for the data set mine"):
        shelf.put(card, SPLITS)
    assert list(shelf.folder("mine").parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, card):
    (tmp_path / "cache").write_text("a file where the folder would be")
    with pytest.raises(UsageError, match="cannot be written"):
        DataShelf(tmp_path / "cache").put(card, SPLITS)


def test_a_users_table_that_is_too_small_to_be_split_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\nso kind,good\nso bad,bad\n")
    with pytest.raises(UsageError, match=r"the split \w+ is empty"):
        add_table(tmp_path / "cache", "mine", tmp_path / "mine.csv", "text", "label", None)


def test_a_users_table_cannot_take_the_name_of_the_tweets(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\nso kind,good\nso bad,bad\n")
    with pytest.raises(UsageError, match="tweets is the name"):
        add_table(tmp_path / "cache", "tweets", tmp_path / "mine.csv", "text", "label", None)
