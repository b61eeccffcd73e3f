"""Where in a text its tokens stand: what a model points at is cut out of the text as it was written. Pure.

J. Devlin's script for SQuAD (`get_final_text` of BERT's `run_squad.py`) finds the words behind tokens that were
lower-cased and stripped of accents by walking along both. Here every character remembers where it comes from, which
gives the same words, and also those where the script gives up.
"""

from collections.abc import Iterator
from typing import NamedTuple

from agent.wordpiece import Spelling, Tokenizer, cut_pair, is_mark
from orchestrator.datasets.data_set import Vocabulary


class Piece(NamedTuple):
    """A token, and the characters of the text that it stands for: `text[start:end]`."""

    number: int
    start: int
    end: int


class Locator:
    """Finds the tokens of `agent.wordpiece` in a text, with this vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = Tokenizer(vocabulary.tokens, vocabulary.lower)
        tokens = {number: token for token, number in self._tokenizer.ids.items()}
        self._sizes = {number: len(token.removeprefix("##")) for number, token in tokens.items()}
        self._last: tuple[str, list[Piece]] = ("", [])

    def pieces(self, text: str) -> list[Piece]:
        """Those of `Tokenizer.pieces`, with their places. Of a word that is no token at all, the place is the word."""
        return list(self._find(text))

    def passage(self, question: str, passage: str, length: int) -> list[Piece | None]:
        """For each of the `length` tokens of `Tokenizer.encode(question, passage, length)` the piece of the passage
        that it is; None for the question, what stands between, and padding. That of the last passage is remembered."""
        if passage != self._last[0]:
            self._last = (passage, self.pieces(passage))
        first, second = cut_pair(self.pieces(question), self._last[1], length - 3)
        ahead: list[Piece | None] = [None] * (len(first) + 2)
        return (ahead + list(second) + [None] * length)[:length]

    def _find(self, text: str) -> Iterator[Piece]:
        start = 0
        for part in self._tokenizer.parts(text) if "[" in text else (text,):
            if part in self._tokenizer.special:
                yield Piece(self._tokenizer.ids[part], start, start + len(part))
            else:
                for word in _words(self._tokenizer, part):
                    yield from self._split(word, start)
            start += len(part)

    def _split(self, word: "list[_Spelled]", offset: int) -> Iterator[Piece]:
        text = "".join(one.character for one in word)
        whole = self._tokenizer.ids.get(text)
        numbers = [whole] if whole is not None else self._tokenizer.split(text)
        sizes = [self._sizes[number] for number in numbers]
        if sum(sizes) != len(text):  # no token of the vocabulary begins what is left: the word as a whole is [UNK]
            sizes = [len(text)]
        at = 0
        for number, size in zip(numbers, sizes, strict=True):
            yield Piece(number, offset + word[at].start, offset + word[at + size - 1].end)
            at += size


class _Spelled(NamedTuple):
    """A character as the tokeniser spells it, and the place of what it comes from."""

    character: str
    start: int
    end: int


def _words(tokenizer: Tokenizer, text: str) -> Iterator[list[_Spelled]]:
    word: list[_Spelled] = []
    for start, end in _clusters(tokenizer.spelling, text):
        for character in tokenizer.spelling.spell(text[start:end]):
            if not character.isspace():
                word.append(_Spelled(character, start, end))
            elif word:
                yield word
                word = []
    if word:
        yield word


def _clusters(spelling: Spelling, text: str) -> Iterator[tuple[int, int]]:
    """Each character that is not dropped, together with the marks behind it where texts are lower-cased: spelling then
    takes accents away, and puts other marks in order. What is dropped between two marks does not part them."""
    start = end = 0
    for at, character in enumerate(text):
        if spelling.lower and is_mark(character) and end > start and spelling[ord(text[start])] != " ":
            end = at + 1
        elif spelling[ord(character)]:
            if end > start:
                yield start, end
            start, end = at, at + 1
    if end > start:
        yield start, end
