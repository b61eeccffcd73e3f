"""Text to the ids that BERT's models were trained on: basic tokenisation, then WordPiece. Standard library alone.

J. Devlin et al., "BERT" (NAACL 2019), for the rules; Y. Wu et al., arXiv 1609.08144, for WordPiece, longest match
first. The ids are those of `BertTokenizerFast`, whose tables of characters lie in `wordpiece_tables`: were they taken
from this Python's `unicodedata`, boards with different Pythons would read the same text differently.
"""

import unicodedata
from bisect import bisect_right
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple, TypeVar

from agent import wordpiece_tables as tables

LONGEST_WORD = 100
"""Characters. Longer words are `[UNK]` as a whole, as in the reference."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""In a text they are tokens, not brackets and letters: the reference finds them before it looks at anything else."""
_MOST_CHARACTERS = 20_000
"""So many stay in the table of a tokeniser: 2 MB. Garbage may hold a million different ones."""


_Piece = TypeVar("_Piece")


class Encoded(NamedTuple):
    """What a model is fed: three lists of one length. `mask` is 1 for tokens, 0 for padding."""

    ids: List[int]
    mask: List[int]
    type_ids: List[int]


class Tokenizer:
    """`vocab_lines` are the tokens in the order of their ids; `lower` also strips accents ("uncased" models).

    `ids` by token, and those tokens that are `special`; `parts`, `spelling` and `split` are the steps of `pieces`.

    `ValueError` where a vocabulary lacks `[PAD]`, `[UNK]`, `[CLS]` or `[SEP]`. Of a token that is there twice the
    later id counts, as in the reference.
    """

    def __init__(self, vocab_lines: Iterable[str], lower: bool = True) -> None:
        self.ids: Dict[str, int] = {line.rstrip(): number for number, line in enumerate(vocab_lines)}
        missing = [token for token in SPECIAL[:4] if token not in self.ids]
        if missing:
            raise ValueError("this is no BERT vocabulary: it has no %s" % ", ".join(missing))
        self.size = max(self.ids.values()) + 1
        self._pad, self._unknown, self._start, self._end = (self.ids[token] for token in SPECIAL[:4])
        self.special = [token for token in SPECIAL if token in self.ids]
        # Without their "##", so that no string is put together in the loop.
        self._inner = {token[2:]: number for token, number in self.ids.items() if token.startswith("##")}
        self._longest = max(map(len, self.ids))
        self.spelling = Spelling(lower)

    def encode(self, text: str, pair: Optional[str] = None, length: int = 128) -> Encoded:
        """`[CLS] text [SEP]` or `[CLS] text [SEP] pair [SEP]`, cut and padded to `length` tokens.

        What is too long is cut at its end. Of a pair the longer side is cut until both are equally long, then both;
        an odd token stays with the side that was longer, or with the pair. `ValueError` where not even the special
        tokens fit.
        """
        room = length - (2 if pair is None else 3)
        if room < 0:
            raise ValueError("a length of %d tokens has no room for [CLS] and [SEP]" % length)
        if pair is None:
            ids = [self._start, *self.pieces(text, room), self._end]
            head = len(ids)
        else:
            first, second = cut_pair(self.pieces(text), self.pieces(pair), room)
            ids = [self._start, *first, self._end, *second, self._end]
            head = len(first) + 2
        count, padding = len(ids), length - len(ids)
        return Encoded(
            ids + [self._pad] * padding, [1] * count + [0] * padding, [0] * head + [1] * (count - head) + [0] * padding
        )

    def pieces(self, text: str, most: Optional[int] = None) -> List[int]:
        """The ids of a text alone, at most `most` of them."""
        found: List[int] = []
        whole = self.ids.get
        for part in self.parts(text) if "[" in text else (text,):
            if part in self.special:
                found.append(self.ids[part])
                continue
            for word in self.spelling.spell(part).split():
                number = whole(word)
                if number is not None:
                    found.append(number)
                else:
                    found += self.split(word)
                if most is not None and len(found) >= most:
                    return found[:most]
        return found if most is None else found[:most]

    def parts(self, text: str) -> Iterable[str]:
        """The text cut before and behind every special token that is written in it."""
        start, at = 0, text.find("[")
        while at >= 0:
            token = next((token for token in self.special if text.startswith(token, at)), None)
            if token is not None:
                yield text[start:at]
                yield token
                start = at + len(token)
            at = text.find("[", at + 1)
        yield text[start:]

    def split(self, word: str) -> List[int]:
        """The ids of a word that is no token as a whole: of what is left, always the longest beginning."""
        length = len(word)
        if length > LONGEST_WORD:
            return [self._unknown]
        found: List[int] = []
        start, known = 0, self.ids
        while start < length:
            for end in range(min(length, start + self._longest), start, -1):
                number = known.get(word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown]
            found.append(number)
            start, known = end, self._inner
        return found


def read_vocabulary(path: str) -> List[str]:
    """The lines of a `vocab.txt`. `ValueError` where it is not UTF-8; `OSError` where it cannot be read.

    Only a line feed ends a line: some vocabularies have tokens that `splitlines` would cut in two.
    """
    with open(path, encoding="utf-8", newline="\n") as file:
        return [line.rstrip("\r\n") for line in file]


def cut_pair(first: List[_Piece], second: List[_Piece], room: int) -> Tuple[List[_Piece], List[_Piece]]:
    """Both within `room` together: the reference's "longest first"."""
    if len(first) + len(second) <= room:
        return first, second
    swapped = len(first) > len(second)
    short = min(len(first), len(second), room // 2)
    # Where both are cut, the odd token goes to the second, or to the first if that was longer.
    kept = (room - short, short) if swapped else (short, room - short)
    return first[: kept[0]], second[: kept[1]]


class Spelling(Dict[int, str]):
    """What becomes of each character, found when it is first met: the table for `str.translate`.

    Nothing for controls and accents, one space for any space, spaces around punctuation and ideographs, the lower case
    of the rest: words are then what `split` finds.
    """

    def __init__(self, lower: bool) -> None:
        super().__init__()
        self.lower = lower

    def spell(self, text: str) -> str:
        """The text with words apart by spaces and nothing else."""
        if self.lower and not (text.isascii() or _MOVING.keys().isdisjoint(text)):
            text = _ordered(text)
        return text.translate(self)

    def __missing__(self, code: int) -> str:
        found = self._spelling_of(code)
        if len(self) < _MOST_CHARACTERS:
            self[code] = found
        return found

    def _spelling_of(self, code: int) -> str:
        if _SPACES.holds(code):
            return " "
        if _DROPPED.holds(code):
            return ""
        text = self._fold(code) if self.lower else chr(code)
        if _IDEOGRAPHS.holds(code):
            return " %s " % text
        return "".join([" %s " % one if _PUNCTUATION.holds(ord(one)) else one for one in text])

    def _fold(self, code: int) -> str:
        """Decomposed, without accents, in lower case."""
        if code in _FOLDED:
            return chr(_FOLDED[code])
        plain = [one for one in unicodedata.normalize("NFD", chr(code)) if not _ACCENTS.holds(ord(one))]
        # One by one: `lower` of a whole word makes another sigma of the one at its end.
        return "".join([one.lower() for one in plain])


class _Ranges:
    """A set of characters, from the text of a table: hexadecimal ranges `first-last` in order, apart by spaces."""

    def __init__(self, table: str) -> None:
        bounds = [[int(bound, 16) for bound in word.split("-")] for word in table.split()]
        self._firsts = [bound[0] for bound in bounds]
        self._lasts = [bound[-1] for bound in bounds]

    def holds(self, code: int) -> bool:
        at = bisect_right(self._firsts, code) - 1
        return at >= 0 and code <= self._lasts[at]


def _ordered(text: str) -> str:
    """The text decomposed, its marks that are kept in canonical order (Unicode Standard, 3.11: a stable sort by class).

    By the classes of the table: newer marks, which some Pythons would put in order, too, stay where they are. Accents
    do not separate marks, unless their class is 0; no Python is too old to know that of those in the table.
    """
    found: List[str] = []
    run: List[Tuple[int, str]] = []
    for one in text:
        if _DROPPED.holds(ord(one)):
            continue
        for part in one if ord(one) in _FOLDED else unicodedata.normalize("NFD", one):
            if part in _MOVING:
                run.append((_MOVING[part], part))
            elif not (_ACCENTS.holds(ord(part)) and unicodedata.combining(part)):
                found += [mark for _, mark in sorted(run, key=_class_of)]
                found.append(part)
                run.clear()
    return "".join(found + [mark for _, mark in sorted(run, key=_class_of)])


def is_mark(character: str) -> bool:
    """Whether lower-casing takes it away with what stands before it, or may move it there."""
    return _ACCENTS.holds(ord(character)) or character in _MOVING


def _class_of(placed: Tuple[int, str]) -> int:
    return placed[0]


def _pairs(table: str) -> Iterable[Tuple[int, int, int]]:
    """First and last character and the number that belongs to them, from words of the form `first-last=number`."""
    for word in table.split():
        first, last, number = [int(part, 16) for part in word.replace("=", "-").split("-")]
        yield first, last, number


_SPACES = _Ranges(tables.SPACES)
_DROPPED = _Ranges(tables.DROPPED)
_IDEOGRAPHS = _Ranges(tables.IDEOGRAPHS)
_PUNCTUATION = _Ranges(tables.PUNCTUATION)
_ACCENTS = _Ranges(tables.ACCENTS)
_FOLDED = {
    code: target + code - first for first, last, target in _pairs(tables.FOLDED) for code in range(first, last + 1)
}
_MOVING = {chr(code): kind for first, last, kind in _pairs(tables.MOVING) for code in range(first, last + 1)}
"""Marks that are kept, with their combining class: decomposition may put them into another order."""
