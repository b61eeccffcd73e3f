"""Data sets and models for tests of work on data sets."""

from pathlib import Path

from agent.protocol import InputRecipe
from orchestrator.datasets import Example, Origin, Vocabulary, open_vocabulary, write_labels, write_texts, write_tokens

WORDS = ["good", "bad", "flight", "late", "crew", "lost", "bag", "the", "was", "my", "thanks", "never", "great", "seat"]
TEXTS = ("good crew", "bad flight was late", "lost my bag", "thanks the crew was great", "never", "the seat was bad")
CLASSES = tuple("abcdefgh")
"""As many as the fake runtime has outputs."""
LENGTH = 8
ORIGIN = Origin("six", "CC0-1.0", "made up")
IDS = [InputRecipe(name, "int32", [1, LENGTH], "zeros") for name in ("ids", "mask", "types")]


def write_vocabulary(path: Path) -> Path:
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]) + "\n")
    return path


def vocabulary_in(folder: Path) -> Vocabulary:
    return open_vocabulary(write_vocabulary(folder / "vocab.txt"))


def rows(texts: tuple[str, ...] = TEXTS) -> list[Example]:
    return [Example(text) for text in texts]


def tokens_in(folder: Path, texts: tuple[str, ...] = TEXTS, length: int = LENGTH) -> Path:
    return write_tokens(folder / "tokens", ORIGIN, rows(texts), vocabulary_in(folder), length).path


def texts_in(folder: Path, texts: tuple[str, ...] = TEXTS, length: int = LENGTH) -> Path:
    return write_texts(folder / "texts", ORIGIN, rows(texts), vocabulary_in(folder), length).path


def key_in(folder: Path, labels: tuple[int, ...] = (0, 1, 2, 0, 3, 1)) -> tuple[str, bytes]:
    """The digest and the file of right answers."""
    found = write_labels(folder / "labels", ORIGIN, rows(), CLASSES, labels)
    return found.digest, found.path.read_bytes()
