"""A migration file with the way back from what it says to where it says so.

Every literal of the syntax tree is made to remember its place, and `following` carries it to the
attribute as it carries any text: nothing here follows code a second time.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from remigrate import reader
from remigrate.following import follow
from remigrate.model import Broken, Header
from remigrate.scope import last_name
from remigrate.values import LISTS, Class, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Ref = tuple[str, str]
"""(app label, migration name), as a migration file writes it."""

_ADDING = ("append", "extend", "insert", "__iadd__")


class Uneditable(Exception):
    """An edit that cannot be made safely: why, and the line that stands in the way."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class Literal(str):
    """Text that knows where it stands."""

    __slots__ = ("node",)
    node: ast.Constant


class Entry(NamedTuple):
    """An (app, name) pair of an attribute."""

    label: str
    name: str
    line: int

    @property
    def ref(self) -> Ref:
        return (str(self.label), str(self.name))


class Page:
    """A migration file, read, with the way back from what it says to where it says so."""

    def __init__(self, source: bytes) -> None:
        header, tree = reader.read(source), reader.parse(source)
        for broken in (header, tree):
            if isinstance(broken, Broken):
                raise Uneditable(broken.why, broken.line)
        assert isinstance(header, Header)
        assert isinstance(tree, ast.Module)
        self.source, self.header, self.tree = source, header, tree
        self.bom, self.encoding, self.body = _decoded(source)
        self.starts = [0, *(m.end() for m in re.finditer(rb"\r\n|\r|\n", self.body))]
        self.literals = list(_placed(tree))

    @cached_property
    def _names(self) -> Class | None:
        try:
            found = follow(self.source, self.tree).names.get("Migration")
        except RecursionError as error:
            raise Uneditable("it is nested too deeply", 1) from error
        return found if isinstance(found, Class) else None

    @cached_property
    def entries(self) -> dict[str, list[Entry | None]]:
        """The attributes' entries in order; None for what is no pair of texts."""
        attributes = self._names.attributes if self._names else {}
        found: dict[str, list[Entry | None]] = {name: [] for name in LISTS}
        for name in LISTS:
            value = attributes.get(name)
            found[name] = [_entry(item) for item in value] if isinstance(value, list) else []
        return found

    @cached_property
    def migration(self) -> ast.ClassDef:
        """The statement ``class Migration``."""
        if self._names is None or self._names.node is None:
            raise Uneditable("it has no class Migration that can be read", self.header.line)
        return self._names.node

    @cached_property
    def parents(self) -> dict[int, ast.AST]:
        """What each node stands in, by the node's identity."""
        return {
            id(child): node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    @property
    def newline(self) -> bytes:
        match = re.search(rb"\r\n|\r|\n", self.body)
        return match[0] if match else b"\n"

    @property
    def quote(self) -> bytes:
        return b"'" if self.body.count(b"'") > self.body.count(b'"') else b'"'

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where `node` begins and ends, in bytes of `body`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that `node` stands in."""
        while not isinstance(node, ast.stmt):
            node = self.parents[id(node)]
        return node

    def pair(self, entry: Entry) -> ast.List | ast.Tuple | None:
        """The ``(label, name)`` that `entry` was read from; None when it is not written as one."""
        for place, text in enumerate(entry[:2]):
            if isinstance(text, Literal):
                match self.parents[id(text.node)]:
                    case ast.List(elts=parts) | ast.Tuple(elts=parts) as pair if (
                        len(parts) == 2 and parts[place] is text.node
                    ):
                        return pair
                    case _:
                        pass
        return None

    def only_for_header(self, node: ast.expr) -> None:
        """Raise when `node` stands behind a name that other code uses as well."""
        self._only_for_header(self.statement(node), set())

    def _only_for_header(self, statement: ast.stmt, seen: set[str]) -> None:
        for name in _names_set(statement):
            if name in LISTS or name in seen:
                continue
            seen.add(name)
            for use in self._uses(name):
                inside = self.statement(use)
                if not _names_set(inside):
                    raise Uneditable(f"{name} is used elsewhere as well", use.lineno)
                self._only_for_header(inside, seen)

    def _uses(self, name: str) -> Iterator[ast.Name | ast.Attribute]:
        """Where `name` is read, or something is called like it."""
        for node in ast.walk(self.tree):
            match node:
                case (
                    ast.Name(id=found, ctx=ast.Load()) | ast.Attribute(attr=found, ctx=ast.Load())
                ) if found == name:
                    yield node
                case _:
                    pass

    def statement_span(self, node: ast.stmt) -> tuple[int, int]:
        """All of the lines that `node` takes, with the empty ones that set it apart."""
        start, end = self.span(node)
        first = self._line_start(start)
        rest = re.compile(rb"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|\Z)").match(self.body, end)
        if self.body[first:start].strip() or rest is None:
            raise Uneditable("another statement stands on its line", node.lineno)
        if node is self.migration.body[-1]:
            return len(self.body[:first].rstrip()) + len(self.newline), rest.end()
        blank = re.compile(rb"(?:[ \t\f]*(?:\r\n|\r|\n))*").match(self.body, rest.end())
        assert blank is not None
        return first, blank.end()

    def spliced(self, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
        """The file with other bytes at some places, which must not overlap."""
        body = self.body
        for start, end, content in sorted(edits, reverse=True):
            body = body[:start] + content + body[end:]
        try:
            return self.bom + body.decode().encode(self.encoding)
        except UnicodeEncodeError as error:
            raise Uneditable(f"{self.encoding} has no such character", 1) from error

    def _line_start(self, position: int) -> int:
        before = self.body[:position]
        return max(before.rfind(b"\n"), before.rfind(b"\r")) + 1

    def indentation(self, position: int) -> bytes | None:
        """The white space before `position`, when nothing else stands there on its line."""
        before = self.body[self._line_start(position) : position]
        return None if before.strip() else before

    def line_end(self, position: int) -> int | None:
        """Where the next line begins, when nothing but a comment stands behind `position`."""
        found = re.compile(rb"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)").match(self.body, position)
        return found.end() if found else None

    def comma(self, position: int) -> int | None:
        """Behind the comma that comes next after `position`, if one does."""
        found = re.compile(rb"(?:\s|\\|#[^\r\n]*)*,").match(self.body, position)
        return found.end() if found else None


def _decoded(source: bytes) -> tuple[bytes, str, bytes]:
    """Byte order mark, encoding, and the rest in UTF-8, which is what the tree counts in."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    bom = b"\xef\xbb\xbf" if encoding == "utf-8-sig" else b""
    encoding = "utf-8" if bom else encoding
    text = source[len(bom) :].decode(encoding)
    if bom + text.encode(encoding) != source:
        raise Uneditable(f"its bytes cannot be written again in {encoding}", 1)
    return bom, encoding, text.encode()


def _placed(tree: ast.Module) -> Iterator[Literal]:
    """Every text of the tree, made to remember its place. Parts of f-strings have none."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.JoinedStr():
                parts.update(id(part) for part in ast.walk(node))
            case ast.Constant(value=str() as text) if id(node) not in parts:
                literal = Literal(text)
                literal.node, node.value = node, literal
                yield literal
            case _:
                pass


def _entry(item: Item) -> Entry | None:
    match item.value:
        case [Item(value=str() as label), Item(value=str() as name)]:
            return Entry(label, name, item.line)
        case _:
            return None


def assigns(node: ast.stmt, name: str) -> bool:
    """Whether the statement does nothing but set the attribute `name` of its class."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=target)])
            | ast.AnnAssign(target=ast.Name(id=target))
            | ast.AugAssign(target=ast.Name(id=target))
        ):
            return target == name
        case _:
            return False


def _names_set(statement: ast.stmt) -> list[str]:
    """The names or attributes that a statement sets or adds to; empty for any other."""
    match statement:
        case ast.Assign(targets=targets):
            pass
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            targets = [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=attr))) if (
            attr in _ADDING
        ):
            targets = [target]
        case _:
            return []
    return [last_name(target) for target in targets]
