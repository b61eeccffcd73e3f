"""What becomes of a tweet on its way into a split."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.tweets.cleaning import clean, skeleton
from orchestrator.tweets.corpus import OUT_OF_DOMAIN, make_corpus, merge_copies
from orchestrator.tweets.likeness import are_alike, find_distinct
from orchestrator.tweets.rows import Rated
from orchestrator.tweets.splitting import SHARES, split_of

WORDS = (
    *("plane", "bag", "seat", "late", "crew", "lost", "kind", "food", "gate", "crowd", "screen", "battery", "coffee"),
    *("queue", "storm", "pilot", "window", "refund"),
)


def sentence(random_, count):
    return " ".join(random_.sample(WORDS, count))


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("crazed &amp; drunk &lt;drivers&gt;", "crazed & drunk <drivers>"),
        ("twice &amp;gt; escaped", "twice > escaped"),
        ("look https://t.co/a1B2 and www.example.org/x now", "look http and http now"),
        ("cut off link http://t", "cut off link http"),
        ("@airline lost my bag", "@user lost my bag"),
        ("RT @someone: RT @other_one: so good", "so good"),
        ("mail me at me@example.org", "mail me at me@example.org"),
        ("tabs\tand\r\nlines\x00 and\u2028more", "tabs and lines and more"),
        ("Cafe\u0301 ole", "Café ole"),
        ("  #Hash TAGS, stay!! \U0001f600 ", "#Hash TAGS, stay!! \U0001f600"),
        ("", ""),
        ("@one @two http://t.co/x", ""),
        ("!!! 1234 ?", ""),
        ("\ud800 lone surrogate", "lone surrogate"),
    ],
)
def test_a_text_is_cleaned_by_the_documented_rules(raw, cleaned):
    assert clean(raw) == cleaned


@given(st.text(max_size=80))
def test_what_is_clean_is_one_line_of_unicode_that_can_be_written(text):
    cleaned = clean(text)
    assert "\n" not in cleaned
    assert "\t" not in cleaned
    assert cleaned == cleaned.strip()
    cleaned.encode("utf-8")


def test_copies_that_differ_in_names_links_case_and_marks_have_one_skeleton():
    one = skeleton(clean("@airline LOST my bag, on flight 212! http://t.co/a"))
    assert one == skeleton(clean("RT @x: lost my bag on flight 907 http://t.co/bcd")) == "lost my bag on flight 000"


def test_a_text_of_nothing_but_emoji_is_its_own_skeleton():
    assert skeleton("\U0001f600") == "\U0001f600"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a b c d e f g h i j", "a b c d e f g h i k", True),  # 9 of 11
        ("a b c d e f g h", "a b c d e f g k", False),  # 7 of 9
        ("a b c d", "a b c d e", True),  # exactly four fifths
        ("a b c", "a b c d", False),
        ("a", "a", True),
        ("a", "b", False),
    ],
)
def test_texts_are_alike_from_four_fifths_of_shared_words_on(one, other, alike):
    assert are_alike(frozenset(one.split()), frozenset(other.split())) is alike
    assert find_distinct([one, other]) == ([0] if alike else [0, 1])


def test_the_quick_search_finds_exactly_what_comparing_all_with_all_finds():
    random_ = random.Random(5)
    texts = [sentence(random_, random_.randint(1, 14)) for _ in range(600)]
    kept = []
    for number, text in enumerate(texts):
        if not any(are_alike(frozenset(text.split()), frozenset(texts[other].split())) for other in kept):
            kept.append(number)
    assert find_distinct(texts) == kept
    assert len(kept) < 600


def test_nothing_is_nothing_and_empty_texts_are_alike():
    assert find_distinct([]) == []
    assert find_distinct(["", " ", "a"]) == [0, 2]


def test_a_copy_lands_in_the_same_split():
    random_ = random.Random(1)
    for _ in range(200):
        text = sentence(random_, 6)
        assert split_of(text) == split_of(f"@user {text.upper()}!! http")


def test_the_splits_never_move():
    """Were one of these to move, texts of an old test split would be trained on."""
    texts = ["lost my bag", "so kind a crew", "we land at nine", "the screen is fine", "late again", "no refund yet"]
    assert [split_of(text) for text in texts] == ["test", "train", "train", "train", "train", "train"]


def test_the_splits_have_their_shares():
    counts = dict.fromkeys(dict(SHARES), 0)
    for number in range(5000):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        counts[split_of(f"text {word}")] += 1
    for name, share in SHARES:
        assert abs(counts[name] / 5000 - share) < 0.02


def made_up(count, seed):
    random_ = random.Random(seed)
    return [
        Rated(sentence(random_, random_.randint(3, 12)), random_.choice(["negative", "neutral", "positive"]))
        for _ in range(count)
    ]


def test_near_copies_never_cross_splits():
    corpus = make_corpus(made_up(1500, 3), made_up(300, 4))
    rows = [(name, frozenset(skeleton(row.text).split())) for name, rows in corpus.splits.items() for row in rows]
    assert {name for name, _words in rows} == {"train", "dev", "test", OUT_OF_DOMAIN}
    for place, (_name, words) in enumerate(rows):
        assert not any(are_alike(words, others) for _other, others in rows[place + 1 :])


def test_the_order_of_the_source_changes_nothing():
    rated = made_up(300, 7)
    shuffled = random.Random(2).sample(rated, len(rated))
    assert make_corpus(rated).splits == make_corpus(shuffled).splits


def test_each_step_counts_what_it_leaves():
    rated = [
        Rated("the crew was kind today", "positive", 1.0),
        Rated("The CREW was kind today!", "positive", 0.7),
        Rated("my bag is lost again", "negative", 0.5),
        Rated("@x http://t.co/y", "neutral", 1.0),
    ]
    steps = [(step.name, step.rows) for step in make_corpus(rated).steps]
    assert steps == [
        ("read", 4),
        ("confidence at least 0.6", 3),
        ("cleaned", 2),
        ("copies merged", 1),
        ("near copies left out", 1),
    ]


def test_of_copies_the_label_with_more_confidence_behind_it_stays():
    copies = [Rated("so good", "positive", 0.9), Rated("So good!", "neutral", 0.6), Rated("so GOOD", "neutral", 0.6)]
    assert merge_copies(copies) == [Rated("So good!", "neutral", 0.6)]


def test_copies_whose_labels_are_level_all_go():
    assert merge_copies([Rated("so good", "positive", 0.6), Rated("So good!", "negative", 0.6)]) == []


def test_an_empty_source_makes_empty_splits():
    assert make_corpus([]).splits == {"train": (), "dev": (), "test": ()}
