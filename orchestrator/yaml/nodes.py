"""From YAML text to a `Document` or its faults, over ruamel's node tree (which still knows every position).

Imported late: ruamel.yaml is needed only where a file is read.
"""

import re
from math import inf, isfinite
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from orchestrator.yaml.document import Document, Fault, Path_, dotted
from orchestrator.yaml.secrecy import PRIVATE_KEY, REMEDY, secret_in_key, secret_in_value

MAX_NODES = 100_000
"""Aliases can make ten lines into billions of values."""

LARGEST = 2**63
"""Whole numbers beyond it fit neither SQLite nor most runtimes."""

_TAG = "tag:yaml.org,2002:"
_LINE_END = re.compile(r"\r\n|\r|\n")


def parse(text: str, file: str) -> tuple[Document | None, list[Fault]]:
    """The document, if its shape allows one, and every fault of its YAML."""
    walk = _Walk(file)
    try:
        root = compose(text)
        content = walk.plain(root, ()) if root is not None else None
    except (YAMLError, RecursionError, NotImplementedError, ValueError, _TooMuch) as error:
        return None, _revealed_key(text, file) or [_unreadable(error, text, file)]
    faults = walk.faults
    if not any(REMEDY in fault.text for fault in faults):
        faults = faults + _revealed_key(text, file)
    directive = re.match(r"\s*%\w+", text)
    if directive:
        faults.append(Fault(file, 1, 1, "", f"found the directive {directive[0].strip()}, allowed: plain YAML 1.2"))
    if isinstance(content, dict):
        return Document(file, text, content, walk.keys, walk.values), faults
    place = (1, 1) if root is None else _place(root)
    found = "nothing" if root is None or content is None else _shape(root)
    return None, [*faults, Fault(file, *place, "", f"found {found}, allowed: a mapping of keys to values (key: value)")]


def compose(text: str) -> Node | None:
    """The node tree of the one document in `text`; raises ruamel's errors."""
    root: Node | None = quiet_yaml().compose(text)
    return root


def quiet_yaml() -> YAML:
    """ruamel's round trip, which does not warn where an anchor's name is used again: YAML 1.2.2, section 7.1 allows it,
    and an alias means the last one above it."""
    yaml = YAML(typ="rt")
    yaml.composer.warn_double_anchors = False
    return yaml


class _TooMuch(Exception):
    def __init__(self, node: Node, text: str) -> None:
        super().__init__(text)
        self.node = node


class _Walk:
    """Plain values out of nodes, with positions and faults on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.values: dict[Path_, tuple[int, int]] = {}
        self._count = 0
        self._open: list[int] = []

    def plain(self, node: Node, path: Path_) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise _TooMuch(node, f"found more than {MAX_NODES} values, aliases counted in full")
        if id(node) in self._open:
            raise _TooMuch(node, "found an alias inside its own anchor, allowed: values that end")
        if node.start_mark.index != node.end_mark.index:  # nothing behind a key: there the key itself is the place
            self.values[path] = _place(node)
        self._open.append(id(node))
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            if isinstance(node, SequenceNode):
                self._check_tag(node, path, "seq")
                return [self.plain(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        self._check_tag(node, path, "map")
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if _kind(key_node) == "merge":
                self._merge(merged, value_node, path)
        self.values[path] = _place(node)
        own: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = None if _kind(key_node) == "merge" else self._key(key_node, path)
            if key is None:
                continue
            line = first_lines.setdefault(key, _place(key_node)[0])
            if key in own:
                text = f"found the key a second time, allowed: once; the first is in line {line}"
                self._fault(key_node, (*path, key), text)
                continue
            self.keys[(*path, key)] = _place(key_node)
            own[key] = self._value(key_node, value_node, (*path, key))
        return {**merged, **own}

    def _value(self, key_node: Node, node: Node, path: Path_) -> Any:
        if secret_in_key(str(path[-1])):
            self._fault(key_node, path, f"found a secret; {REMEDY}")
            return None
        return self.plain(node, path)

    def _merge(self, merged: dict[str, Any], node: Node, path: Path_) -> None:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self._fault(source, (*path, "<<"), f"found {_shape(source)}, allowed: an alias of a mapping")
                continue
            for key, value in self.plain(source, path).items():
                merged.setdefault(key, value)

    def _key(self, node: Node, path: Path_) -> str | None:
        if isinstance(node, ScalarNode) and _kind(node) in ("str", "timestamp"):
            return self._text(node, path) or None
        shown = node.value if isinstance(node, ScalarNode) else _shape(node)
        self._fault(node, path, f"found the key {shown or 'nothing'}, allowed: text as a key (in quotes if need be)")
        return None

    def _scalar(self, node: Node, path: Path_) -> Any:
        kind, text = _kind(node), str(node.value)
        if kind in ("int", "float"):
            return self._number(node, path)
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("str", "timestamp"):
            return self._text(node, path)
        if kind != "null":
            self._check_tag(node, path, "str")
        return None

    def _text(self, node: Node, path: Path_) -> str:
        text = str(node.value)
        reason = secret_in_value(text)
        if reason:
            self._fault(node, path, f"found {reason}; {REMEDY}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._fault(node, path, "found half of a character (\\ud800 to \\udfff), allowed: whole ones")
            return ""
        return text

    def _number(self, node: Node, path: Path_) -> int | float | None:
        text = str(node.value)
        try:
            number = _integer(text) if _kind(node) == "int" else float(text.replace("_", ""))
        except ValueError:
            number = inf
        if abs(number) < LARGEST or (isinstance(number, float) and isfinite(number)):
            return number
        self._fault(node, path, f"found {text[:40]}, allowed: a finite number of at most 64 bits")
        return None

    def _check_tag(self, node: Node, path: Path_, expected: str) -> None:
        if _kind(node) != expected:
            tag = str(node.tag).replace(_TAG, "!!")
            self._fault(node, path, f"found the tag {tag}, allowed: plain values without tags")

    def _fault(self, node: Node, path: Path_, text: str) -> None:
        self.faults.append(Fault(self.file, *_place(node), dotted(path), text))


def _kind(node: Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _shape(node: Node) -> str:
    if isinstance(node, SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, MappingNode) else "a single value"


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    return int(digits, 0) if digits.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(digits)


def _revealed_key(text: str, file: str) -> list[Fault]:
    """A private key that no value holds: in a comment, or pasted so that the YAML broke."""
    found = PRIVATE_KEY.search(text)
    if not found:
        return []
    before = _LINE_END.split(text[: found.start()])
    return [Fault(file, len(before), len(before[-1]) + 1, "", f"found what looks like a private key; {REMEDY}")]


def _unreadable(error: Exception, text: str, file: str) -> Fault:
    if isinstance(error, _TooMuch):
        return Fault(file, *_place(error.node), "", str(error))
    if isinstance(error, ReaderError):
        return _character_fault(error, text, file)
    if isinstance(error, MarkedYAMLError):
        return _syntax_fault(error, text, file)
    if isinstance(error, NotImplementedError):  # ruamel's, of comments on both sides of a colon that has no key
        return Fault(file, 1, 1, "", "found comments in a place that cannot be read, allowed: comments behind values")
    return Fault(file, 1, 1, "", "found brackets nested too deeply to be read, allowed: a few levels")


def _syntax_fault(error: MarkedYAMLError, text: str, file: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Fault(file, line, column, "", _explained(error, text, line))


def _explained(error: MarkedYAMLError, text: str, line: int) -> str:
    problem = str(error.problem or error.context or "YAML that cannot be read")
    lines = _LINE_END.split(text)
    here = lines[line - 1] if line <= len(lines) else ""
    if "\\t" in problem or ("\t" in here[: len(here) - len(here.lstrip())]):
        return "found a tab, allowed: spaces for indentation"
    if "mapping values are not allowed" in problem:
        return "found a second colon or a wrong indentation, allowed: one key a line; text with ': ' in quotes"
    if "another document" in problem:
        return "found a second document (---), allowed: one"
    if "undefined alias" in problem:
        return "found an alias without its anchor, allowed: an anchor (&name) above the alias (*name)"
    if "end of stream" in problem or "<stream end>" in problem:
        opened = error.context_mark.line + 1 if error.context_mark else line
        return f"found the end of the file inside what line {opened} begins, allowed: a closing quote or bracket"
    return f"wrong YAML: {problem.removeprefix('but ')}"


def _character_fault(error: ReaderError, text: str, file: str) -> Fault:
    position = error.position or 0
    before = _LINE_END.split(text[:position])
    code = ord(error.character) if isinstance(error.character, str) else int(error.character or 0)
    found = f"found the character U+{code:04X}, allowed: printable text"
    return Fault(file, len(before), len(before[-1]) + 1, "", found)
