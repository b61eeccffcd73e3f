"""Texts that are hard to tokenise, and a small vocabulary: our own, the same on every Python."""

# ruff: noqa: E501 - a text is easier to judge in one line

import random

LENGTH = 24
"""Tokens of an encoded pair: short, so that most pairs are cut."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_FOREIGN = (
    "äöüßéèñçøåı" "αβγδεζηθικλμνξοπρσςτυφχψω" "абвгдежзийклмнопрстуфхцчшщъыьэюя" "אבגדהוזחטיכלמנסעפצקרשת" "ابتثجحخدرزسشصضطظعغفقكلمنهوي"
    "अआइकखगतनपमरलवसह" "กขคงจฉชซ" "ᄀᄂᄃᄅᄆᄇᄉᄋ" "ᅡᅥᅩᅮᅵ" "ᆨᆫᆯ" "あいうえおかきくけこ" "アイウエオカキ" "一二三人大小日本中国東京" "🙂🙃😀🔥💯❤️‍"
)  # fmt: skip
_PIECES = """
the and you that for are not was have this with but just all out can get from one my be so your now up good it's time
like love day go today what know new really got see about how more when lol great some back going work will think thanks
flight phone wait hour late cancel service bag customer delay plane battery charge screen update store best worst
""".split()  # noqa: SIM905 - a list of words reads better as words
_ENDINGS = ["s", "ed", "ing", "er", "est", "ly", "ness", "ment", "able", "less", "ful", "ion", "th", "st", "nd", "'"]

VOCABULARY = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»“”‘’–—…€£°。、！？「」،؟।",
    *_LETTERS, *_LETTERS[:26].upper(), *dict.fromkeys(_FOREIGN),
    *(f"##{letter}" for letter in _LETTERS), *(f"##{letter}" for letter in dict.fromkeys(_FOREIGN)),
    *_PIECES, *(word.title() for word in _PIECES), *(f"##{ending}" for ending in _ENDINGS),
]  # fmt: skip

_WRITTEN = [
    "", " ", "\t\n\r ", "a", "Hello world", "I can't believe it's not working!!!", "the best   flight EVER...",
    "@airline you lost my bag again #fail http://t.co/aBc123", "RT @someone: waited 3 hours &amp; nothing :(",
    "100% of $5.00 is £4 or €5 — “quoted” ‘text’ … end", "C++ & C# vs. F#; a_b_c ~/path\\to\\file",
    "snake_case CamelCase kebab-case x=y^2 `code` |pipe|", "don't won't y'all o'clock '90s", "e.g. i.e. etc. U.S.A. Ph.D.",
    # accents, one character or two
    "café CAFÉ cafe\u0301 naïve Ångström Åre o\u0308l", "Zażółć gęślą jaźń", "Tiếng Việt rất đẹp", "A\u0300\u0316\u0334\u0315z",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!", "İstanbul ISPARTA ıspanak", "straße STRASSE ẞ", "ΟΔΥΣΣΕΥΣ Σίσυφος ΣΑΣ", "ǅ ǆ Ǆ ﬁ ﬂ ﬀ",
    "ñ n\u0303 ñ\u0303", "\u0301 starts with a mark", "K Å Ω ℡ № ①②③ ½ ⅷ",
    # scripts
    "Привет, как дела? Ёлка й", "שָׁלוֹם עוֹלָם", "שלום עולם 123", "مَرْحَبًا بِالعَالَم", "مرحبا بالعالم، كيف؟", "नमस्ते दुनिया। क़ ख़", "สวัสดีชาวโลก กำ",
    "안녕하세요 세계", "한국어\u1100\u1161\u11a8", "今日は東京に行きます。", "日本語English混在text中国", "カタカナ ﾊﾝｶｸ ガ カ\u3099", "「引用」、！？", "㐀𠀀𪜀\ufa0e\uf900豈",
    "\U0002f800 \U0002b820 \U0002b91f \U0002b920 \U0002ceaf \U0002ceb0 \U00030000", "ქართული ᲥᲐᲠᲗᲣᲚᲘ", "Ꮳꮳ ᏣᎳᎩ", "ԱԲԳ աբգ և",
    # emoji
    "🙂", "good🔥🔥🔥day", "👩‍👩‍👧‍👦 family", "👍🏽👍🏿", "🇩🇪🇫🇷", "❤️❤", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣2️⃣", "¯\\_(ツ)_/¯", "( ͡° ͜ʖ ͡°)", "ᕙ(⇀‸↼‶)ᕗ",
    # what is not to be seen
    "a\u200bb\u200cc\u200dd\u200ee\u200ff", "a\u00a0b\u2003c\u3000d\u1680e\u202ff\u205fg", "a\u2028b\u2029c\u0085d\u000be\u000cf",
    "nul\0nul \x01\x02\x1b[31mred\x1b[0m \x7f\x80\x9f", "\ufeffbom in the \ufeffmiddle", "soft\u00adhyphen", "\ufffdreplaced\ufffd \ufffe \uffff",
    "\ue000private\uf8ff \U000f0000\U0010fffd", "\u202eright to left\u202c \u2066x\u2069", "a\u180eb\u034fc\u115fd\u3164e\uffa0f", "\x1c\x1d\x1e\x1f",
    # words at the limit
    "a" * 99, "a" * 100, "a" * 101, "a" * 103, "a" * 104, "x" * 10_000, "é" * 100, "e\u0301" * 60, "각" * 34, "🙂" * 100,
    "the" * 33 + "x", "the" * 34, "!" * 300, "中" * 300, "ab " * 200, "\u0301" * 500, "a\u200b" * 120,
    # tokens that are written out
    "[SEP]", "a [MASK] b", "a[MASK]b", "[CLS][SEP][PAD][UNK]", "[cls] [Sep] [MASK", "[[MASK]] [MASK]]", "[MASK]s ##s ## #", "[UNK", "]UNK[",
    "[CLS", "[ SEP ]", "[SEP\u0301] [\u200bSEP]", "[unused1] [PAD]",
]  # fmt: skip

_BLOCKS = [
    (0x00, 0x250), (0x250, 0x600), (0x600, 0xE00), (0xE00, 0x1200), (0x1200, 0x2000), (0x2000, 0x2C00), (0x2C00, 0x3400),
    (0xA000, 0xD800), (0xF900, 0x10000), (0x10000, 0x11000), (0x11000, 0x12000), (0x16000, 0x17000), (0x1B000, 0x1C000),
    (0x1D000, 0x1F000), (0x1F000, 0x20000), (0xE0000, 0xE0200),
]  # fmt: skip


def _made(count: int) -> list[str]:
    """Words as people type them, and characters as nobody does. `random()` alone never changes between Pythons."""
    chance = random.Random(20_261_121).random

    def pick(choices):
        return choices[int(chance() * len(choices))]

    def word() -> str:
        base = pick(_PIECES) + (pick(_ENDINGS) if chance() < 0.4 else "")
        ways = [
            base,
            base,
            base.upper(),
            base.title(),
            f"#{base}",
            f"@{base}_{pick(_LETTERS)}",
            base + pick(_LETTERS) * 3,
        ]
        return pick(ways) + (pick(["!", "?!", "...", ",", "🔥", " :)", "’s", "\u0301"]) if chance() < 0.3 else "")

    def characters() -> str:
        first, last = pick(_BLOCKS)
        return "".join(chr(first + int(chance() * (last - first))) for _ in range(1 + int(chance() * 12)))

    texts = []
    for number in range(count):
        parts = [characters() if chance() < (number % 4) / 3 else word() for _ in range(1 + int(chance() * 24))]
        texts.append(pick([" ", " ", "  ", ""]).join(parts))
    return texts


TEXTS = [*_WRITTEN, *_made(360)]
PAIRS = [(TEXTS[-1 - number], TEXTS[(7 * number) % len(TEXTS)]) for number in range(0, len(TEXTS), 2)] + [
    ("the " * first, "and " * second) for first in (0, 1, 9, 10, 11, 12, 40) for second in (0, 1, 9, 10, 11, 12, 40)
]
