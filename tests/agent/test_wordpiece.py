import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wordpiece import Encoded, Tokenizer, read_vocabulary
from tests.agent.wordpiece_texts import LENGTH, PAIRS, TEXTS, VOCABULARY

ROOT = Path(__file__).resolve().parents[2]
EXPECTED: dict[str, Any] = json.loads(Path(__file__).with_name("wordpiece_expected.json").read_text())
KINDS = {"lower": True, "cased": False}

SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##b", "##c", "##bc", "play", "##ing", "!", "一"]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    return Tokenizer(SMALL)


def digest(numbers: list[int]) -> str:
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:12]


def with_ends(pieces: list[int]) -> list[int]:
    return [2, *pieces, 3]


def all_of(encoded: Encoded) -> list[int]:
    return [*encoded.ids, *encoded.mask, *encoded.type_ids]


def test_every_text_has_the_ids_of_the_reference(kind):
    tokenizer = Tokenizer(VOCABULARY, lower=KINDS[kind])
    found = [digest(with_ends(tokenizer.pieces(text))) for text in TEXTS]
    assert len(found) >= 400
    assert [text for text, ours, theirs in zip(TEXTS, found, EXPECTED[kind], strict=True) if ours != theirs] == []


def test_every_pair_is_cut_and_padded_like_the_reference(kind):
    tokenizer = Tokenizer(VOCABULARY, lower=KINDS[kind])
    found = [digest(all_of(tokenizer.encode(first, second, LENGTH))) for first, second in PAIRS]
    wanted = EXPECTED[f"{kind} pairs"]
    assert [pair for pair, ours, theirs in zip(PAIRS, found, wanted, strict=True) if ours != theirs] == []


def test_the_texts_are_split_into_more_than_unknown_words():
    tokenizer = Tokenizer(VOCABULARY)
    pieces = [piece for text in TEXTS for piece in tokenizer.pieces(text)]
    assert len(set(pieces)) > 250
    assert pieces.count(VOCABULARY.index("[UNK]")) < len(pieces) / 3


def test_other_pythons_give_the_same_ids(other_python, kind):
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from agent.wordpiece import Tokenizer\n"
        "vocabulary, lower, texts = json.load(sys.stdin)\n"
        "tokenizer = Tokenizer(vocabulary, lower)\n"
        "print(json.dumps([tokenizer.pieces(text) for text in texts]))"
    )
    done = subprocess.run(
        [other_python, "-I", "-S", "-c", script, str(ROOT)],
        input=json.dumps([VOCABULARY, KINDS[kind], TEXTS]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [digest(with_ends(pieces)) for pieces in json.loads(done.stdout)] == EXPECTED[kind]


def test_the_installed_reference_agrees_on_every_text(kind):
    reference = pytest.importorskip(
        "tokenizers", reason="the package tokenizers is not installed: only its stored answers are compared"
    )
    theirs = reference.BertWordPieceTokenizer(
        {token: number for number, token in enumerate(VOCABULARY)}, lowercase=KINDS[kind], strip_accents=None
    )
    ours = Tokenizer(VOCABULARY, lower=KINDS[kind])
    for text in TEXTS:
        assert with_ends(ours.pieces(text)) == theirs.encode(text).ids, text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a", ["a"]),
        ("abc", ["a", "##bc"]),
        ("acb", ["a", "##c", "##b"]),
        ("PLAYING", ["play", "##ing"]),
        ("ad", ["[UNK]"]),
        ("ad a", ["[UNK]", "a"]),
        ("a!b", ["a", "!", "b"]),
        ("a一b", ["a", "一", "b"]),
        ("\u00e1\u0301", ["a"]),
        ("a\u200bb\0c", ["a", "##bc"]),
        ("a\u3000b\tc\n", ["a", "b", "c"]),
        ("x[MASK]a", ["[UNK]", "[MASK]", "a"]),
        ("[mask]", ["[UNK]", "[UNK]", "[UNK]"]),
        ("", []),
        (" \n\u200b", []),
        ("\ud800a\udfff", ["a"]),
    ],
)
def test_a_text_becomes_the_pieces_that_stand_in_the_vocabulary(small, text, pieces):
    assert [SMALL[number] for number in small.pieces(text)] == pieces


def test_a_text_is_cut_at_its_end_and_padded(small):
    assert small.encode("a b c", length=6) == ([2, 5, 6, 7, 3, 0], [1, 1, 1, 1, 1, 0], [0] * 6)
    assert small.encode("a b c", length=4) == ([2, 5, 6, 3], [1] * 4, [0] * 4)
    assert small.encode("a b c", length=2).ids == [2, 3]


def test_the_second_text_of_a_pair_has_type_one_and_padding_has_none(small):
    encoded = small.encode("a", "b c", length=8)
    assert encoded.ids == [2, 5, 3, 6, 7, 3, 0, 0]
    assert encoded.mask == [1, 1, 1, 1, 1, 1, 0, 0]
    assert encoded.type_ids == [0, 0, 0, 1, 1, 1, 0, 0]


def test_an_empty_pair_still_has_its_end(small):
    assert small.encode("a", "", length=4).ids == [2, 5, 3, 3]


@pytest.mark.parametrize(
    ("first", "second", "length", "kept"),
    [
        (5, 1, 8, (4, 1)),
        (1, 5, 8, (1, 4)),
        (9, 9, 10, (3, 4)),
        (10, 9, 10, (4, 3)),
        (4, 4, 11, (4, 4)),
        (7, 0, 3, (0, 0)),
    ],
)
def test_of_a_pair_the_longer_side_is_cut_first(small, first, second, length, kept):
    ids = small.encode("a " * first, "b " * second, length=length).ids
    assert (ids.count(5), ids.count(6)) == kept


@settings(deadline=None, max_examples=300)
@given(text=st.text(), pair=st.none() | st.text(), length=st.integers(3, 40), lower=st.booleans())
def test_whatever_is_typed_gives_three_lists_of_the_length(text, pair, length, lower):
    tokenizer = Tokenizer(VOCABULARY, lower)
    ids, mask, type_ids = tokenizer.encode(text, pair, length)
    assert len(ids) == len(mask) == len(type_ids) == length
    count = sum(mask)
    assert mask == [1] * count + [0] * (length - count)
    assert all(0 <= number < len(VOCABULARY) for number in ids)
    assert (ids[0], ids[count - 1]) == (2, 3)
    assert ids[count:] == [0] * (length - count)
    assert type_ids == sorted(type_ids[:count]) + [0] * (length - count)


@settings(deadline=None)
@given(text=st.text(), most=st.integers(0, 10))
def test_a_limit_gives_the_first_pieces_and_no_others(text, most):
    tokenizer = Tokenizer(VOCABULARY)
    assert tokenizer.pieces(text, most) == tokenizer.pieces(text)[:most]


@settings(deadline=None)
@given(text=st.text())
def test_reading_a_text_twice_gives_the_same_ids(text):
    tokenizer = Tokenizer(VOCABULARY)
    assert tokenizer.pieces(text) == tokenizer.pieces(text) == Tokenizer(VOCABULARY).pieces(text)


@pytest.mark.parametrize(("length", "pair"), [(1, None), (0, None), (-5, None), (2, "b")])
def test_a_length_without_room_for_the_special_tokens_is_refused(small, length, pair):
    with pytest.raises(ValueError, match="has no room for"):
        small.encode("a", pair, length)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], r"it has no \[PAD\], \[UNK\], \[CLS\], \[SEP\]"),
        (["a", "b"], "this is no BERT vocabulary"),
        (["[PAD]", "[UNK]", "[CLS]"], r"it has no \[SEP\]"),
        (["<s>", "</s>", "<unk>", "<pad>"], "this is no BERT vocabulary"),
    ],
)
def test_a_vocabulary_of_another_kind_is_refused(lines, words):
    with pytest.raises(ValueError, match=words):
        Tokenizer(lines)


def test_a_vocabulary_without_a_mask_token_takes_its_letters():
    tokenizer = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[", "]", "mask"])
    assert tokenizer.pieces("[MASK]") == [4, 6, 5]


def test_a_token_that_is_there_twice_has_its_later_id():
    tokenizer = Tokenizer([*SMALL, "a"])
    assert tokenizer.pieces("a") == [len(SMALL)]
    assert tokenizer.size == len(SMALL) + 1


def test_a_text_of_every_character_there_is_does_not_fill_the_memory():
    tokenizer = Tokenizer(SMALL)
    tokenizer.pieces("".join(map(chr, range(0x20000))))
    assert len(tokenizer.spelling) <= 20_000
    assert tokenizer.pieces("a\U0001f600") == [1]


def test_a_vocabulary_is_read_line_by_line_whatever_else_looks_like_an_end(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("[PAD]\r\na\u2028b\n\u0085\n\nlast".encode())
    assert read_vocabulary(str(path)) == ["[PAD]", "a\u2028b", "\u0085", "", "last"]


def test_a_vocabulary_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"[PAD]\n\xff\xfe\n")
    with pytest.raises(ValueError, match="utf-8"):
        read_vocabulary(str(path))


def test_nothing_of_the_agent_imports_the_tokeniser_before_it_is_asked_for():
    script = "import sys; sys.path.insert(0, sys.argv[1]); import agent.worker, agent.supervisor; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(ROOT)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "agent.wire" in done.stdout.split()
    assert not {"agent.wordpiece", "agent.wordpiece_tables", "agent.datasets"} & set(done.stdout.split())
