"""Where tokens stand in a text: the same tokens as the tokeniser's, and words that are cut out as they were written."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.wordpiece import Tokenizer
from orchestrator.datasets.data_set import Vocabulary
from orchestrator.datasets.places import Locator
from tests.agent.wordpiece_texts import LENGTH, PAIRS, TEXTS, VOCABULARY

SIDES = {
    lower: (Locator(Vocabulary("", tuple(VOCABULARY), lower)), Tokenizer(VOCABULARY, lower)) for lower in (True, False)
}
HARD = "aB é\u0301\u0316\u200b\u00ad日本[]SEP#'!.\u0345İ\u1e9e\u3000\n\u0600\u0f71\u0f72\u11938\u094d\U0001f468\u200d"
TEXT = st.one_of(st.text(), st.text(HARD), st.text("abcdelgmnorst .,-'é\u0301[SEP]日"))


def cut_out(text: str, lower: bool = True) -> list[tuple[str, str]]:
    """Tokens, and what is cut out of the text for each."""
    return [(VOCABULARY[one.number], text[one.start : one.end]) for one in SIDES[lower][0].pieces(text)]


@pytest.mark.parametrize("lower", [True, False])
def test_the_tokens_are_those_that_models_are_fed(lower):
    locator, tokenizer = SIDES[lower]
    for text in TEXTS:
        assert [one.number for one in locator.pieces(text)] == tokenizer.pieces(text), text


@settings(deadline=None, max_examples=300)
@given(TEXT, st.booleans())
@example("a\u0f72\u200b\u0f71", True)
@example(" \u0301a\u0301", True)
def test_whatever_the_text_is_its_tokens_stand_in_it_in_order(text, lower):
    locator, tokenizer = SIDES[lower]
    found = locator.pieces(text)
    assert [one.number for one in found] == tokenizer.pieces(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert [(one.start, one.end) for one in found] == sorted((one.start, one.end) for one in found)


@settings(deadline=None, max_examples=300)
@given(TEXT, st.booleans(), st.data())
def test_words_that_are_cut_out_become_the_same_tokens_again(text, lower, data):
    """Any stretch that begins with a word and ends with one."""
    locator, tokenizer = SIDES[lower]
    found = locator.pieces(text)
    between = [tokenizer.spelling.spell(text[one.end : two.start]) for one, two in pairwise(found)]
    bounds = [at + 1 for at, gap in enumerate(between) if " " in gap]
    starts, ends = [0, *bounds], [*(at - 1 for at in bounds), len(found) - 1]
    if found:
        first = data.draw(st.integers(0, len(starts) - 1))
        last = data.draw(st.integers(first, len(ends) - 1))
        start, end = starts[first], ends[last]
        again = tokenizer.pieces(text[found[start].start : found[end].end])
        assert again == [one.number for one in found[start : end + 1]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Best Plane", [("best", "Best"), ("plane", "Plane")]),
        ("waited", [("wait", "wait"), ("##ed", "ed")]),
        ("Café!", [("c", "C"), ("##a", "a"), ("##f", "f"), ("##e", "é"), ("!", "!")]),
        ("Cafe\u0301", [("c", "C"), ("##a", "a"), ("##f", "f"), ("##e", "e\u0301")]),
        ("日本a", [("日", "日"), ("本", "本"), ("a", "a")]),
        ("  the\u200b  day ", [("the", "the"), ("day", "day")]),
        ("th\u200be", [("the", "th\u200be")]),
        ("the [SEP]day", [("the", "the"), ("[SEP]", "[SEP]"), ("day", "day")]),
        ("the ☃☃ day", [("the", "the"), ("[UNK]", "☃☃"), ("day", "day")]),
        ("x" * 101, [("[UNK]", "x" * 101)]),
        ("", []),
        (" \n\u200b", []),
    ],
)
def test_what_a_token_stands_for_is_cut_out_as_it_was_written(text, wanted):
    assert cut_out(text) == wanted


def test_cased_texts_keep_their_accents_apart():
    assert cut_out("The", lower=False) == [("The", "The")]
    assert [piece for _, piece in cut_out("é", lower=False)] == ["é"]


@pytest.mark.parametrize("lower", [True, False])
def test_the_tokens_of_a_passage_lie_where_the_model_reads_them(lower):
    locator, tokenizer = SIDES[lower]
    for question, passage in PAIRS:
        if passage is None:
            continue
        found = locator.passage(question, passage, LENGTH)
        encoded = tokenizer.encode(question, passage, LENGTH)
        assert len(found) == LENGTH
        assert all(piece is None or piece.number == number for piece, number in zip(found, encoded.ids, strict=True))
        # All of the second text but its [SEP].
        last = max((at for at, kind in enumerate(encoded.type_ids) if kind), default=0)
        marks = [kind == 1 and at != last for at, kind in enumerate(encoded.type_ids)]
        assert [piece is not None for piece in found] == marks


def test_where_nothing_of_a_passage_has_room_no_token_is_one_of_it():
    locator = SIDES[True][0]
    assert locator.passage("the day", "the plane", 3) == [None] * 3
    assert sum(piece is not None for piece in locator.passage("the day", "the plane", 4)) <= 1


def test_each_question_has_the_tokens_of_its_own_passage():
    locator = SIDES[True][0]
    for passage in ("the day", "the plane", "", "the day", "the plane"):
        found = [one for one in locator.passage("who?", passage, LENGTH) if one]
        assert [passage[one.start : one.end] for one in found] == passage.split()
