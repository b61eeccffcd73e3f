"""A user's own file of questions, in the JSON of SQuAD 1.1 and 2.0.

P. Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (EMNLP 2016); version 2.0, in which
some questions have no answer: "Know What You Don't Know" (ACL 2018).
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.datasets.questions import Question
from orchestrator.errors import UsageError
from orchestrator.yaml.document import shown_path

MAX_BYTES = 100_000_000
"""The training set of SQuAD 2.0, the largest file of the kind, has 42 MB. Read, a file takes several times its size."""
HINT = 'wanted: {"data": [{"paragraphs": [{"context": …, "qas": [{"id": …, "question": …, "answers": […]}]}]}]}'
_CHARACTERS = 60
"""Of a name in a message."""


def read_squad(path: Path) -> tuple[list[Question], str]:
    """The questions in the order of the file, and its SHA-256. `UsageError` says where it is not what it should be.

    Where an answer begins (`answer_start`) is not read: what counts is what it says. An empty list of answers means
    that the passage does not tell, as in version 2.0 and its official script.
    """
    data = _read(path)
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _fault(path, f"byte {error.start} is not UTF-8", "save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise _fault(path, f"no JSON: {error.msg} in line {error.lineno}", "copy the file again, whole") from None
    except (ValueError, RecursionError):
        raise _fault(path, "no JSON that anybody writes: numbers too long, or too deep", HINT) from None
    questions = list(_questions(path, found))
    if not questions:
        raise _fault(path, "no question in it", HINT)
    _check_names(path, questions)
    return questions, hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _fault(path, f"it is larger than {MAX_BYTES / 1e6:.0f} MB", "add a part of it")
        return path.read_bytes()
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}", "name a JSON file of SQuAD") from None


def _questions(path: Path, found: Any) -> Iterator[Question]:
    for place, article in enumerate(_list(path, found, "data", "the file")):
        where = f"article {place}"
        for number, paragraph in enumerate(_list(path, article, "paragraphs", where)):
            here = f"{where}, paragraph {number}"
            passage = _text(path, paragraph, "context", here)
            for asked in _list(path, paragraph, "qas", here):
                yield _question(path, asked, passage, here)


def _question(path: Path, asked: Any, passage: str, where: str) -> Question:
    name = _text(path, asked, "id", where)
    where = f"question {name[:_CHARACTERS]!r}"
    text = _text(path, asked, "question", where)
    answers = [_text(path, one, "text", f"an answer to {where}") for one in _list(path, asked, "answers", where)]
    if asked.get("is_impossible") is True and answers:
        raise _fault(path, f"{where} is impossible and has an answer all the same", "one of the two is wrong")
    return Question(name, text, passage, tuple(dict.fromkeys(answers)))


def _list(path: Path, found: Any, key: str, where: str) -> list[Any]:
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, list):
        raise _fault(path, f"{where} has no list {key!r}", HINT)
    return value


def _text(path: Path, found: Any, key: str, where: str) -> str:
    value = found.get(key) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise _fault(path, f"{where} has no text {key!r}", HINT)
    if not value.strip():
        raise _fault(path, f"{where} has an empty {key!r}", "leave it out, or complete it")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _fault(path, f"{where} has half a surrogate pair in {key!r}", "that is no character: mend it") from None
    return value


def _check_names(path: Path, questions: list[Question]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.name in seen:
            name = question.name[:_CHARACTERS]
            raise _fault(path, f"question {name!r} is there twice", "each needs an id of its own")
        seen.add(question.name)


def _fault(path: Path, words: str, hint: str) -> UsageError:
    return UsageError(f"{shown_path(path)}: {words}", hint)
