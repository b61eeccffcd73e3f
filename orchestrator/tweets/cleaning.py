"""What is done to a tweet before it is kept. Pure; the rules, in their order:

1. HTML entities become their characters (`&amp;` is `&`), twice at most: some were written twice.
2. Unicode's composed form (NFC); control characters become spaces.
3. A leading `RT @name:` goes: a retweet says what the tweet says.
4. Links become `http`, user names `@user`: neither tells of opinion, and names of people are nobody's business.
5. Runs of white space become one space.

A text without two letters in it is not kept. Case, punctuation, hash tags and emoji stay as they are.
"""

import html
import re
import unicodedata

RULES = 1
"""Counts up when a rule changes; it stands in the card of every data set made with them."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
_RETWEET = re.compile(r"^(?:\s*[\"']?RT\s+@\w+\s*:?)+\s*", re.IGNORECASE | re.ASCII)
_LINK = re.compile(r"(?:\bhttps?:?/{0,2}|\bwww\.|\bpic\.twitter\.com/)\S*", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"(?<![\w@])@\w+", re.ASCII)
_WORD = re.compile(r"[^\W_]+")


def clean(text: str) -> str:
    """The text by the rules above; empty where nothing worth keeping is left."""
    for _ in range(2):
        text = html.unescape(text)
    text = _CONTROL.sub(" ", unicodedata.normalize("NFC", text))
    text = _NAME.sub("@user", _LINK.sub("http", _RETWEET.sub("", text)))
    text = " ".join(text.split())
    return text if sum(map(str.isalpha, strip_marks(text))) >= 2 else ""


def strip_marks(text: str) -> str:
    """Without the words that stand for links and names."""
    return " ".join(word for word in text.split() if not (word.startswith("@user") or word == "http"))


def skeleton(text: str) -> str:
    """What two copies of a cleaned tweet share whoever sent them: its words in small letters, each digit a zero.

    Links, names, punctuation and emoji do not count. Where nothing is left, the text itself.
    """
    words = _WORD.findall(strip_marks(text).casefold())
    return re.sub(r"\d", "0", " ".join(words)) or text
