"""Reads a YAML file as plain data that keeps the line of every node.

Only `true` and `false` are booleans: `no`, `yes` and `on` are text, and so is `09:00`. Keys are always text,
as written.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]
Position = tuple[str, int]
Complain = Callable[[str, int, str, str, str], None]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS: Mapping[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}
_DEPTH = 40


@dataclass(frozen=True)
class Document:
    """`data` is plain Python; `positions` gives file and line (from 1) of each path in it."""

    file: str
    text: str
    data: Any
    positions: Mapping[Path, Position]

    def position(self, path: Path) -> Position:
        """File and line of the node at `path`, or of the nearest node around it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, (self.file, 1))

    def line_of(self, path: Path, word: str) -> int:
        """The first line of the node at `path` that has `word` in it; the node's own line when none has."""
        file, first = self.position(path)
        later = [
            line
            for at, (f, line) in self.positions.items()
            if f == file and line > first and not _inside(at, path)
        ]
        lines = (
            self.text.splitlines()[first - 1 : min(later, default=0) - 1 or None] if file == self.file else []
        )
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        return next((first + n for n, line in enumerate(lines) if pattern.search(line)), first)

    def get(self, *path: str | int) -> Any:
        """The value at `path`; None where there is none."""
        value = self.data
        for step in path:
            if isinstance(value, dict) or (
                isinstance(value, list) and isinstance(step, int) and step < len(value)
            ):
                value = value.get(step) if isinstance(value, dict) else value[step]  # type: ignore[index]
            else:
                return None
        return value

    def part(self, *path: str | int) -> Document:
        """The part below `path` as a document of its own, with the lines of the whole file."""
        inside = {at[len(path) :]: where for at, where in self.positions.items() if _inside(at, path)}
        return Document(self.position(path)[0], self.text, self.get(*path), inside)

    def mapping(self, *path: str | int) -> dict[str, Any]:
        """The mapping at `path`; empty where something else is."""
        value = self.get(*path)
        return value if isinstance(value, dict) else {}

    def items(self, *path: str | int) -> list[Any]:
        """The list at `path`; empty where something else is."""
        value = self.get(*path)
        return value if isinstance(value, list) else []


def _inside(path: Path, parent: Path) -> bool:
    return path[: len(parent)] == parent


def read(file: str, content: bytes, complain: Complain) -> Document | None:
    """The document in `content`; None when it does not parse.

    Each fault is passed to `complain` as file, line (from 1), rule, message and advice.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        complain(file, line, "yaml-encoding", "The file is not UTF-8.", "Save it as UTF-8 in your editor.")
        return None
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, len(text.splitlines()) - 1) + 1 if mark else 1
        complain(
            file, max(line, 1), "yaml-syntax", f"This is not YAML: {error.problem}.", _yaml_advice(error)
        )
        return None
    except (yaml.YAMLError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        complain(
            file, 1, "yaml-syntax", f"This is not YAML: {reason}.", "Check the special characters in it."
        )
        return None
    if node is None:
        complain(file, 1, "yaml-empty", "The file is empty.", "Fill it in, or delete it.")
        return None
    reader = _Reader(file, complain)
    data = reader.value(node, ())
    return Document(file, text, data, reader.positions)


def _yaml_advice(error: yaml.MarkedYAMLError) -> str:
    if "mapping values" in str(error.problem):
        return "A text with a colon in it needs quotes around it."
    if "\\t" in str(error.problem):
        return "Indent with spaces, not with tabs."
    return "Check the indentation, the quotes and the brackets of this line and of the one before."


class _Reader:
    """Turns YAML nodes into plain data and keeps their positions."""

    def __init__(self, file: str, complain: Complain) -> None:
        self.file = file
        self.positions: dict[Path, Position] = {}
        self._complain = complain
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.positions.setdefault(path, (self.file, line))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        if id(node) in self._seen or len(path) > _DEPTH:
            self._complain(
                self.file,
                line,
                "yaml-alias",
                "Anchors and aliases (&, *) are not read in a pack.",
                "Write the value out.",
            )
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, n)) for n, item in enumerate(node.value)]
        return self._mapping(node, path)

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(
                    self.file,
                    line,
                    "yaml-key",
                    "A key must be a word.",
                    "Write a plain word before the colon.",
                )
                continue
            key = key_node.value
            if key in found:
                self._complain(
                    self.file, line, "duplicate-key", f"`{key}` is given twice.", "Keep one of the two."
                )
                continue
            self.positions[(*path, key)] = (self.file, line)
            found[key] = self.value(value_node, (*path, key))
        return found

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        if node.tag.startswith("!"):
            self._complain(
                self.file,
                line,
                "yaml-tag",
                f"The tag {node.tag} is not read in a pack.",
                "Write the value without it.",
            )
        if node.style:
            return node.value
        return _plain(node.value)


def _plain(text: str) -> object:
    """The value of a scalar without quotes."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text) and len(text) < 19:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _DATE.fullmatch(text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            return text
    return text


def merged(below: Document, above: Document, depth: int) -> Document:
    """`above` laid over `below`: mappings merge key by key down to `depth`, everything else is replaced."""
    positions = dict(below.positions)
    positions[()] = above.position(())
    data = _lay(below.data, above.data, (), depth, positions, above)
    return Document(above.file, above.text, data, positions)


def _lay(
    low: Any, high: Any, path: Path, depth: int, positions: dict[Path, Position], above: Document
) -> Any:
    if depth > 0 and isinstance(low, dict) and isinstance(high, dict):
        together = dict(low)
        for key, value in high.items():
            together[key] = _lay(low.get(key), value, (*path, key), depth - 1, positions, above)
        return together
    for at in [p for p in positions if path and _inside(p, path)]:
        del positions[at]
    positions.update({p: where for p, where in above.positions.items() if _inside(p, path)})
    return high
