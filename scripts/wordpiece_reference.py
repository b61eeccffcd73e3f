"""Ask the reference tokeniser: python scripts/wordpiece_reference.py (with the packages tokenizers and unicodedata2)

Writes `agent/wordpiece_tables.py`, what BERT's tokenisation takes each character for, and
`tests/agent/wordpiece_expected.json`, the ids of the texts of `tests/agent/wordpiece_texts.py`. Both come from
`tokenizers`. What Pythons say of a character differs with their Unicode: every one of 3.8 to 3.14 that is found is
asked, and `unicodedata2` speaks for those to come.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import tokenizers  # type: ignore[import-not-found]
import unicodedata2  # type: ignore[import-not-found]
from tokenizers.implementations import BertWordPieceTokenizer  # type: ignore[import-not-found]
from tokenizers.normalizers import NFD, BertNormalizer  # type: ignore[import-not-found]
from tokenizers.pre_tokenizers import BertPreTokenizer  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.agent.wordpiece_texts import LENGTH, PAIRS, TEXTS, VOCABULARY  # noqa: E402 - found on the path above
from tests.pythons import find_python  # noqa: E402

TABLES = ROOT / "agent" / "wordpiece_tables.py"
EXPECTED = ROOT / "tests" / "agent" / "wordpiece_expected.json"
SURROGATES = range(0xD800, 0xE000)
PLANES = [code for code in range(0x110000) if code not in SURROGATES]
PYTHONS = [f"3.{minor}" for minor in range(8, 15)]

ASK_PYTHON = """
import json, unicodedata
changed = {"version": unicodedata.unidata_version, "decomposed": {}, "lower": {}}
for code in range(0x110000):
    one = chr(code)
    for key, text in (("decomposed", unicodedata.normalize("NFD", one)), ("lower", one.lower())):
        if text != one:
            changed[key][code] = text
print(json.dumps(changed))
"""

HEAD = '''"""What BERT's tokenisation takes characters for: hexadecimal ranges, by scripts/wordpiece_reference.py.

Asked of the package tokenizers {version}; ids depend on them, so they stay as they are.
"""

'''


def spelled(normalizer: BertNormalizer | NFD, before: str, one: str, after: str) -> str:
    """What becomes of a character between two others."""
    text: str = normalizer.normalize_str(before + one + after)
    if not (text.startswith(before) and text.endswith(after)):
        raise SystemExit(f"U+{ord(one):04X} changes its neighbours: {text!r}")
    return text[len(before) : len(text) - len(after)]


def having(condition: Callable[[str], bool], codes: Iterable[int] = PLANES) -> list[int]:
    """The characters of which something is true."""
    return [code for code in codes if condition(chr(code))]


def bert(**switches: bool) -> BertNormalizer:
    """One step of the normalisation alone."""
    steps = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return BertNormalizer(**{**steps, **switches})


def classes() -> dict[str, list[int]]:
    """The tables of characters, by their names."""
    clean, ideographs, strip = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
    words = BertPreTokenizer()
    accents = having(lambda one: spelled(strip, "a", one, "b") == "")
    unstripped = sorted(set(PLANES) - set(accents))
    order = NFD()
    return {
        "SPACES": having(lambda one: spelled(clean, "a", one, "b") == " "),
        "DROPPED": sorted([*having(lambda one: spelled(clean, "a", one, "b") == ""), *SURROGATES]),
        "IDEOGRAPHS": having(lambda one: spelled(ideographs, "a", one, "b") == f" {one} "),
        "PUNCTUATION": having(lambda one: [part for part, _ in words.pre_tokenize_str(f"a{one}b")] == ["a", one, "b"]),
        "ACCENTS": accents,
        # A mark of any class but 0 goes behind one of class 1 or before one of class 232.
        "MOVING": having(
            lambda one: (
                (
                    order.normalize_str(one + "\u0334") != one + "\u0334"
                    or order.normalize_str("\u0315" + one) != "\u0315" + one
                )
                and order.normalize_str(one) == one
            ),
            unstripped,
        ),
    }


def folds(tables: dict[str, list[int]], known: list[dict[str, dict[int, str]]]) -> dict[int, str]:
    """Where a Python decomposes or lowers a character in another way than the reference: what the reference does."""
    fold = bert(strip_accents=True, lowercase=True)
    accents, dropped = set(tables["ACCENTS"]), {*tables["DROPPED"], *tables["SPACES"]}
    found = {}
    for code in PLANES:
        one = chr(code)
        if code in dropped:
            continue
        wanted = spelled(fold, "a", one, "b")
        for said in known:
            plain = [part for part in said["decomposed"].get(code, one) if ord(part) not in accents]
            if wanted != "".join(said["lower"].get(ord(part), part) for part in plain):
                found[code] = wanted
    return found


def python_says() -> list[dict[str, dict[int, str]]]:
    """What each Python of this machine makes of characters, and what the newest Unicode would."""
    answers = []
    for version in PYTHONS:
        python = find_python(version)
        if python is None:
            print(f"Python {version}: not on this machine")
            continue
        done = subprocess.run([python, "-I", "-S", "-c", ASK_PYTHON], capture_output=True, text=True, check=True)
        said = json.loads(done.stdout)
        print(f"Python {version}: Unicode {said['version']}")
        answers.append({key: {int(code): text for code, text in said[key].items()} for key in ("decomposed", "lower")})
    newest = {code: unicodedata2.normalize("NFD", chr(code)) for code in PLANES}
    answers.append({"decomposed": newest, "lower": answers[-1]["lower"]})
    print(f"unicodedata2: Unicode {unicodedata2.unidata_version}")
    return answers


def ranges(codes: list[int]) -> list[str]:
    """`first-last` in hexadecimal, or one number where both are the same."""
    bounds: list[list[int]] = []
    for code in codes:
        if bounds and bounds[-1][1] == code - 1:
            bounds[-1][1] = code
        else:
            bounds.append([code, code])
    return [f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in bounds]


def moves(numbers: dict[int, int], step: int) -> list[str]:
    """`first-last=number` for neighbours whose numbers go up by `step`."""
    found: list[list[int]] = []
    for code, number in sorted(numbers.items()):
        if found and found[-1][1] == code - 1 and number == found[-1][2] + step * (code - found[-1][0]):
            found[-1][1] = code
        else:
            found.append([code, code, number])
    return [f"{first:x}-{last:x}={number:x}" for first, last, number in found]


def lines(words: list[str]) -> str:
    """Words in lines of at most 118 characters."""
    filled = [""]
    for word in words:
        if len(filled[-1]) + len(word) + 1 > 118:
            filled.append("")
        filled[-1] += f" {word}" if filled[-1] else word
    return "\n".join(filled)


def tables_text() -> str:
    """The whole of `agent/wordpiece_tables.py`."""
    tables = classes()
    parts = [HEAD.format(version=tokenizers.__version__)]
    for name, codes in tables.items():
        found = (
            ranges(codes) if name != "MOVING" else moves({code: unicodedata2.combining(chr(code)) for code in codes}, 0)
        )
        body = lines(found)
        parts.append(f'{name} = "{body}"\n' if len(body) < 80 else f'{name} = """\n{body}\n"""\n')
        print(f"{name}: {len(codes)} characters in {len(found)} ranges")
    folded = folds(tables, python_says())
    print(f"FOLDED: {len(folded)} characters")
    parts.append(f'FOLDED = """\n{lines(moves({code: ord(text) for code, text in folded.items()}, 1))}\n"""\n')
    parts.append(
        '"""What Pythons with different Unicode would disagree on: `first-last=first` of what stands for them."""\n'
    )
    return "".join(parts)


def reference(*, lower: bool) -> tokenizers.Tokenizer:
    """The reference with the small vocabulary of the tests."""
    numbers = {token: number for number, token in enumerate(VOCABULARY)}
    return BertWordPieceTokenizer(numbers, lowercase=lower, strip_accents=None)._tokenizer


def expected() -> dict[str, object]:
    """The digests of the ids of every text and pair."""
    answers: dict[str, object] = {"reference": f"tokenizers {tokenizers.__version__}"}
    for name, lower in (("lower", True), ("cased", False)):
        judge = reference(lower=lower)
        answers[name] = [digest(judge.encode(text).ids) for text in TEXTS]
        judge.enable_truncation(LENGTH, strategy="longest_first")
        judge.enable_padding(length=LENGTH)
        coded = [judge.encode(first, second) for first, second in PAIRS]
        answers[f"{name} pairs"] = [digest([*one.ids, *one.attention_mask, *one.type_ids]) for one in coded]
    return answers


def digest(numbers: list[int]) -> str:
    """What stands for a list of ids in the file."""
    return hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:12]


if __name__ == "__main__":
    TABLES.write_text(tables_text())
    answers = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in expected().items()]
    EXPECTED.write_text("{\n" + ",\n".join(answers) + "\n}\n")
