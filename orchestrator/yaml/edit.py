"""Changing one value of a YAML text, and nothing else: comments, order, blank lines and quotes stay as they are.

The change is cut into the text at the positions that ruamel's nodes give. Where a file is too clever for that
(anchors, a mapping in braces at the top), ruamel's round trip writes it anew, which keeps comments too. Either way
the result is read again and must say exactly what was asked, before anybody gets it.
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from orchestrator.errors import ConfigError
from orchestrator.yaml.nodes import compose, quiet_yaml
from orchestrator.yaml.reading import parse_document

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9~/](?:[A-Za-z0-9_./~+@ -]|:(?=[A-Za-z0-9]))*(?<! )", re.ASCII)
_ESCAPES = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\t": r"\t"}


def change(text: str, path: tuple[str, ...], value: Any) -> str:
    """`text` with the value at `path` set; None removes the key. `ConfigError` where that cannot be done safely."""
    before, _ = parse_document(text, "")
    wanted = _changed(dict(before.content) if before else {}, path, value)
    for attempt in (_cut_in, _round_trip):
        try:
            changed = attempt(text, path, value)
        except _TooClever:
            continue
        after, faults = parse_document(changed, "")
        if (dict(after.content) if after else {}) == wanted and (after or not wanted):
            return changed
        if faults and after is not None:
            return changed  # the caller's validation tells these faults better
    raise ConfigError(
        f"{'.'.join(path)}: this file is written in a way that cannot be changed safely", "edit it by hand"
    )


def render(value: Any) -> str:
    """A value on one line of YAML 1.2."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {render(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(render(item) for item in value) + "]"
    if isinstance(value, str):
        return value if _stands_plain(value) else '"' + "".join(_escaped(one) for one in value) + '"'
    return json.dumps(value)


def _stands_plain(text: str) -> bool:
    """Would YAML read this as the same text without quotes?"""
    if not _PLAIN_TEXT.fullmatch(text):
        return False
    node = compose(text)
    return isinstance(node, ScalarNode) and node.value == text and str(node.tag).endswith(":str")


def _escaped(character: str) -> str:
    """Not JSON's way: a character beyond U+FFFF is one escape in YAML, not two halves."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else f"\\U{ord(character):08x}"


class _TooClever(Exception):
    pass


def _changed(content: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    head, rest = path[0], path[1:]
    inner = content.get(head)
    if rest:
        value = _changed(dict(inner) if isinstance(inner, Mapping) else {}, rest, value) or None
    return {**content, head: value} if value is not None else {key: v for key, v in content.items() if key != head}


def _cut_in(text: str, path: tuple[str, ...], value: Any) -> str:
    root = compose(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return _with_line_end(text, newline) + f"{path[0]}: {render(_nested(path[1:], value))}{newline}"
    if not isinstance(root, MappingNode) or root.flow_style or _has_anchor(root):
        raise _TooClever
    return _Cutter(text, newline).change(root, path, value)


class _Cutter:
    def __init__(self, text: str, newline: str) -> None:
        self._text = text
        self._newline = newline

    def change(self, mapping: MappingNode, path: tuple[str, ...], value: Any) -> str:
        entry = next(((k, v) for k, v in mapping.value if k.value == path[0]), None)
        if entry is None:
            return self._text if value is None else self._append(mapping, path[0], _nested(path[1:], value))
        key_node, node = entry
        if len(path) > 1:
            if isinstance(node, MappingNode) and not node.flow_style and (value is not None or len(node.value) > 1):
                return self.change(node, path[1:], value)
            value = _changed(_plain_mapping(self._text, node), path[1:], value) or None
        if value is None:
            return self._remove(key_node, node)
        return self._replace(key_node, node, value)

    def _append(self, mapping: MappingNode, name: str, value: Any) -> str:
        last_key, last = mapping.value[-1]
        at = self._line_end(self._end(last_key, last))
        indent = " " * mapping.value[0][0].start_mark.column
        line = f"{indent}{name}: {render(value)}{self._newline}"
        return _with_line_end(self._text[:at], self._newline) + line + self._text[at:]

    def _remove(self, key_node: Node, node: Node) -> str:
        start = key_node.start_mark.index - key_node.start_mark.column
        return self._text[:start] + self._text[self._line_end(self._end(key_node, node)) :]

    def _replace(self, key_node: Node, node: Node, value: Any) -> str:
        in_place = isinstance(node, ScalarNode) and node.style not in ("|", ">") and node.value != ""
        if in_place or (isinstance(node, (MappingNode, SequenceNode)) and node.flow_style):
            return self._text[: node.start_mark.index] + render(value) + self._text[node.end_mark.index :]
        if isinstance(node, SequenceNode) and isinstance(value, (list, tuple)):
            kept = self._keep_items(node, list(value))
            if kept is not None:
                return kept
        rest = self._text[self._end(key_node, node) :]
        return self._text[: self._after_colon(key_node)] + " " + render(value) + rest

    def _keep_items(self, node: SequenceNode, wanted: list[Any]) -> str | None:
        """A block list with lines dropped and added, so that comments beside the other items stay."""
        items = node.value
        if not all(isinstance(item, ScalarNode) for item in items):
            return None
        kept = [item for item in items if item.value in wanted]
        if not kept or [item.value for item in kept] != wanted[: len(kept)]:
            return None
        text = self._text
        at = self._line_end(items[-1].end_mark.index)
        dash = " " * node.start_mark.column + "- "
        added = "".join(f"{dash}{render(one)}{self._newline}" for one in wanted[len(kept) :])
        text = _with_line_end(text[:at], self._newline) + added + text[at:]
        for item in reversed(items):
            if item not in kept:
                line_start = item.start_mark.index - item.start_mark.column
                text = text[:line_start] + text[self._line_end(item.end_mark.index) :]
        return text

    def _end(self, key_node: Node, node: Node) -> int:
        """Where the last character of a value is; ruamel's own end of a block lies after the comments below it."""
        if isinstance(node, ScalarNode):
            if node.value == "" and node.style is None:
                return self._after_colon(key_node)
            return len(self._text[: node.end_mark.index].rstrip("\r\n")) if node.style else int(node.end_mark.index)
        if isinstance(node, SequenceNode) and not node.flow_style:
            return self._end(node.value[-1], node.value[-1])
        if isinstance(node, MappingNode) and not node.flow_style:
            return self._end(*node.value[-1])
        return int(node.end_mark.index)

    def _after_colon(self, key_node: Node) -> int:
        return self._text.index(":", key_node.end_mark.index) + 1

    def _line_end(self, index: int) -> int:
        at = self._text.find("\n", index)
        return len(self._text) if at < 0 else at + 1


def _nested(path: tuple[str, ...], value: Any) -> Any:
    return {path[0]: _nested(path[1:], value)} if path else value


def _plain_mapping(text: str, node: Node) -> dict[str, Any]:
    if not isinstance(node, MappingNode):
        return {}
    document, _ = parse_document(text[node.start_mark.index : node.end_mark.index], "")
    return dict(document.content) if document else {}


def _has_anchor(node: Node) -> bool:
    if node.anchor is not None:
        return True
    if isinstance(node, MappingNode):
        return any(_has_anchor(one) for pair in node.value for one in pair)
    return isinstance(node, SequenceNode) and any(_has_anchor(one) for one in node.value)


def _with_line_end(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _round_trip(text: str, path: tuple[str, ...], value: Any) -> str:
    yaml = quiet_yaml()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    data = yaml.load(text)
    place = data
    for step in path[:-1]:
        if not isinstance(place.get(step), Mapping):
            place[step] = {}
        place = place[step]
    if value is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = list(value) if isinstance(value, tuple) else value
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
