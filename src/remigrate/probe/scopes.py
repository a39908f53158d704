"""Which names of a module's source mean something of that module, and where exactly they stand.

A part of the probe: Python 3.8, standard library only. Positions are (line from 1, column in UTF-8
bytes), as in `ast`.
"""

from __future__ import annotations

import ast
import io
import itertools
import sys
import tokenize
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Place = tuple[int, int]

MODULE, MIGRATION = "", "Migration"
"""Layers: what is bound at the top of the module, and what is bound in ``class Migration``."""
POSITIONS_IN_F_STRINGS = sys.version_info >= (3, 12)
"""Before, `ast` only guessed where the names in an f-string stand."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Lost(ValueError):
    """A name of which the place in the source cannot be told."""


class Ref(NamedTuple):
    """One use, or one binding, of a name of the module or of its ``class Migration``."""

    name: str
    layer: str
    node: ast.AST
    part: int
    """Of the alias, for an import; else 0."""


class Token(NamedTuple):
    """A token and where it starts."""

    text: str
    place: Place
    kind: int


class _Scope:
    """One block of the source: what it binds."""

    def __init__(self, kind: str, parent: _Scope | None, name: str = "") -> None:
        self.kind = kind
        self.parent = parent
        self.name = name
        self.names: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.unbound: set[str] = set()
        """Of a class: bound further down only, so that reading them finds the module's."""

    def bind(self, nodes: Sequence[ast.AST]) -> None:
        """Take note of every name that these statements bind here."""
        for name, node in bindings(nodes):
            if isinstance(node, ast.Global):
                self.globals.add(name)
            elif isinstance(node, ast.Nonlocal):
                self.nonlocals.add(name)
            else:
                self.names.add(name)

    def mangled(self, name: str) -> str:
        """What Python makes of a private name inside a class."""
        if self.parent is None or not name.startswith("__") or name.endswith("__"):
            return name
        if self.kind == "class":
            return f"_{self.name.lstrip('_')}{name}"
        return self.parent.mangled(name)

    def owner(self, name: str, *, read: bool) -> _Scope:
        """The block that this name belongs to here."""
        if self.parent is None:
            return self
        if name in self.globals:
            return self._outermost()
        if name in self.names - self.nonlocals and not (read and name in self.unbound):
            return self
        around = self.parent
        # What a class binds is not seen by the functions in it.
        while around.kind == "class" and around.parent is not None:
            if name in around.globals:
                break
            around = around.parent
        return around.owner(name, read=read)

    def _outermost(self) -> _Scope:
        return self if self.parent is None else self.parent._outermost()


def alias_name(node: ast.AST, alias: ast.alias) -> str:
    """What this part of an import binds."""
    name = alias.asname or alias.name
    return name if isinstance(node, ast.ImportFrom) or alias.asname else name.split(".")[0]


def _own_names(node: ast.AST) -> Iterator[str]:
    """Names that this node binds by itself, written as plain strings in the tree."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias_name(node, alias) for alias in node.names if alias.name != "*")
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, ast.ExceptHandler) or type(node).__name__ in ("MatchAs", "MatchStar"):
        yield from filter(None, [getattr(node, "name", None)])
    elif type(node).__name__ == "MatchMapping":
        yield from filter(None, [getattr(node, "rest", None)])


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]


def _same_block(node: ast.AST) -> list[ast.AST]:
    """Parts of a node that run in the block in which it stands."""
    if isinstance(node, _FUNCTIONS):
        return [*node.decorator_list, *_defaults(node.args)]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    if isinstance(node, ast.Lambda):
        return list(_defaults(node.args))
    if isinstance(node, _COMPREHENSIONS):
        return [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
    return list(ast.iter_child_nodes(node))


def bindings(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every name that these statements bind in their own block, with the node that does."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, node
        for name in _own_names(node):
            yield name, node
        waiting += _same_block(node)


def running(node: ast.AST) -> Iterator[ast.AST]:
    """This node and all of it that runs when the module is imported."""
    yield node
    if isinstance(node, ast.ClassDef):
        parts: list[ast.AST] = [*_same_block(node), *node.body]
    elif isinstance(node, _COMPREHENSIONS):
        parts = list(ast.iter_child_nodes(node))
    else:
        parts = _same_block(node)
    for part in parts:
        yield from running(part)


class Scopes:
    """The names of one source, each put down to the block that it belongs to."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.refs: dict[int, list[Ref]] = {}
        self._lines = _lines(source)
        self._tokens = list(_tokens(source))
        self._in_f_string: dict[int, Place] = {}
        self.module = _Scope("module", None)
        self.module.bind(tree.body)
        self._main: ast.AST | None = None
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == MIGRATION:
                self._main = node
        self._main_scope: _Scope | None = None
        for node in tree.body:
            self._visit(node, self.module)
        if not POSITIONS_IN_F_STRINGS:
            self._find_in_f_strings(tree)

    def within(self, node: ast.AST) -> list[Ref]:
        """Every use of a name of the module, or of ``class Migration``, in a piece of source."""
        return [ref for each in ast.walk(node) for ref in self.refs.get(id(each), ())]

    # --- to which block a name belongs -----------------------------------------------------------

    def _record(self, node: ast.AST, name: str, scope: _Scope, index: int = 0) -> None:
        read = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        name = scope.mangled(name)
        owner = scope.owner(name, read=read)
        if owner is self.module:
            self.refs.setdefault(id(node), []).append(Ref(name, MODULE, node, index))
        elif owner is self._main_scope:
            self.refs.setdefault(id(node), []).append(Ref(name, MIGRATION, node, index))

    def _visit(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, ast.Name):
            self._record(node, node.id, scope)
        for index, name in enumerate(_own_names(node)):
            self._record(node, name, scope, index)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            self._definition(node, scope)
        elif isinstance(node, ast.Lambda):
            self._visit_all(_defaults(node.args), scope)
            self._function(node.args, [node.body], scope)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node, scope)
        else:
            self._visit_all(list(ast.iter_child_nodes(node)), scope)

    def _visit_all(self, nodes: Sequence[ast.AST], scope: _Scope) -> None:
        for node in nodes:
            self._visit(node, scope)

    def _definition(self, node: Any, scope: _Scope) -> None:
        self._visit_all(node.decorator_list, scope)
        parameters = getattr(node, "type_params", [])
        around = scope
        if parameters:
            around = _Scope("function", scope)
            around.names |= {each.name for each in parameters}
            self._visit_all(parameters, around)
        if isinstance(node, ast.ClassDef):
            self._visit_all([*node.bases, *node.keywords], around)
            self._class(node, around)
            return
        self._visit_all(_defaults(node.args), scope)
        arguments = [each for each in ast.walk(node.args) if isinstance(each, ast.arg)]
        notes = [each.annotation for each in arguments if each.annotation]
        self._visit_all([*notes, *([node.returns] if node.returns else [])], around)
        self._function(node.args, node.body, around)

    def _function(self, arguments: ast.arguments, body: Sequence[ast.AST], scope: _Scope) -> None:
        inner = _Scope("function", scope)
        inner.names |= {each.arg for each in _parameters(arguments)}
        inner.bind(body)
        self._visit_all(body, inner)

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        inner = _Scope("class", scope, node.name)
        if node is self._main:
            self._main_scope = inner
        inner.bind(node.body)
        inner.unbound = set(inner.names)
        for statement in node.body:
            bound = {name for name, _ in bindings([statement])}
            # `size = size` in a class reads the module's; a loop's body reads what the loop bound.
            if isinstance(statement, (ast.For, ast.With, ast.Try, ast.If, ast.While)):
                inner.unbound -= bound
            self._visit(statement, inner)
            inner.unbound -= bound

    def _comprehension(self, node: Any, scope: _Scope) -> None:
        inner = _Scope("function", scope)
        first = node.generators[0]
        self._visit(first.iter, scope)
        inner.bind([each.target for each in node.generators])
        # A walrus binds in the block around.
        inner.names -= {name for name, _ in bindings([node])}
        for each in node.generators:
            parts = [each.target, *each.ifs, *([] if each is first else [each.iter])]
            self._visit_all(parts, inner)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            self._visit(part, inner)

    # --- where a name stands ---------------------------------------------------------------------

    def place(self, ref: Ref) -> list[tuple[Place, str]]:
        """Where the name is written, and what the new name is written after there, if anything."""
        node: Any = ref.node
        if isinstance(node, ast.Name):
            place = self._in_f_string.get(id(node), (node.lineno, node.col_offset))
            self._check(place, node.id)
            if node.id != ref.name:
                raise Lost(f"{node.id} is a private name inside a class")
            return [(place, "")]
        tokens = self.tokens(node)
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            return [(_after(tokens, ("def", "class")).place, "")]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return [_alias(tokens, node, ref.part)]
        if isinstance(node, ast.ExceptHandler):
            return [(_after(tokens, ("as",)).place, "")]
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return [(each.place, "") for each in tokens if each.text == ref.name]
        return [([each for each in tokens if each.text == ref.name][-1].place, "")]

    def tokens(self, node: Any) -> list[Token]:
        """The tokens of a node."""
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        return [each for each in self._tokens if start <= each.place < end]

    def inside_strings(self) -> set[int]:
        """Lines that begin inside a string, so that their indentation is content."""
        found: set[int] = set()
        depth, begun = 0, 0
        for each in self._tokens:
            kind = tokenize.tok_name[each.kind]
            if kind == "STRING":
                found.update(range(each.place[0] + 1, each.place[0] + each.text.count("\n") + 1))
            elif kind in ("FSTRING_START", "TSTRING_START"):
                begun = each.place[0] if depth == 0 else begun
                depth += 1
            elif kind in ("FSTRING_END", "TSTRING_END"):
                depth -= 1
                found.update(range(begun + 1, each.place[0] + 1) if depth == 0 else ())
        return found

    def _check(self, place: Place, name: str) -> None:
        line = self._lines[place[0] - 1].encode()
        if line[place[1] : place[1] + len(name.encode())] != name.encode():
            raise Lost(f"{name} stands in a string")

    def _find_in_f_strings(self, node: ast.AST) -> None:
        if not isinstance(node, ast.JoinedStr):
            for child in ast.iter_child_nodes(node):
                self._find_in_f_strings(child)
            return
        names = list(_names(node))
        strings = [each for each in self.tokens(node) if each.kind == tokenize.STRING]
        found = [place for each in strings for place in self._f_string(each)]
        if [each.id for each in names] == [name for name, _ in found]:
            self._in_f_string.update((id(each), place) for each, (_, place) in _pairs(names, found))
        else:
            self._in_f_string.update((id(each), (each.lineno, 0)) for each in names)

    def _f_string(self, token: Token) -> Iterator[tuple[str, Place]]:
        for name, offset in names_in_f_string(token.text):
            before = token.text[:offset]
            line = token.place[0] + before.count("\n")
            column = len(before.rpartition("\n")[2].encode())
            yield name, (line, column + (0 if "\n" in before else token.place[1]))


def _pairs(one: Sequence[Any], other: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return ((one[index], other[index]) for index in range(min(len(one), len(other))))


def _lines(source: str) -> list[str]:
    return io.StringIO(source).readlines()


def _tokens(source: str) -> Iterator[Token]:
    lines = _lines(source)
    for each in tokenize.generate_tokens(io.StringIO(source).readline):
        line, column = each.start
        text = lines[line - 1] if line <= len(lines) else ""
        yield Token(each.string, (line, len(text[:column].encode())), each.type)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    several = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [*several, *filter(None, [arguments.vararg, arguments.kwarg])]


def _after(tokens: Sequence[Token], words: tuple[str, ...]) -> Token:
    for before, each in _pairs(tokens, tokens[1:]):
        if before.text in words:
            found: Token = each
            return found
    raise Lost(f"no {' or '.join(words)} here")


def _alias(tokens: Sequence[Token], node: Any, index: int) -> tuple[Place, str]:
    """Where an import is given its name, and what goes before a new one."""
    alias = node.names[index]
    start = next(number for number, each in enumerate(tokens) if each.text == "import")
    groups: list[list[Token]] = [[]]
    for each in tokens[start + 1 :]:
        if each.text == ",":
            groups.append([])
        elif each.text.isidentifier():
            groups[-1].append(each)
    if alias.asname:
        return groups[index][-1].place, ""
    if "." in alias.name:
        raise Lost(f"import {alias.name} cannot have another name")
    return groups[index][0].place, f"{alias.name} as "


def _names(node: ast.AST) -> Iterator[ast.Name]:
    """Names in the order of the tree's fields."""
    if isinstance(node, ast.Name):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _names(child)


# --- f-strings, before Python 3.12 ----------------------------------------------------------------


def names_in_f_string(text: str) -> Iterator[tuple[str, int]]:
    """Names in the expressions of one f-string, in the order of its tree, with their offsets."""
    quote = min(text.find(mark) for mark in "'\"" if mark in text)
    if "f" not in text[:quote].lower():
        return
    size = 3 if text[quote : quote + 3] in ("'''", '"""') else 1
    yield from _in_text(text, quote + size, len(text) - size)


def _in_text(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    """Names between two offsets of a text in which braces hold expressions."""
    at = start
    while at < end:
        if text[at] == "{" and text[at : at + 2] != "{{":
            stop = _end_of_expression(text, at + 1, end)
            yield from _in_expression(text[at + 1 : stop], at + 1)
            at = _end_of_field(text, stop, end)
            colon = text.find(":", stop, at)
            if colon >= 0:
                yield from _in_text(text, colon + 1, at)
        elif text[at] == "{":
            at += 1
        at += 1


def _end_of_expression(text: str, start: int, end: int) -> int:
    depth, quote, at = 0, "", start
    while at < end:
        mark = text[at]
        if quote:
            if text.startswith(quote, at):
                at, quote = at + len(quote) - 1, ""
        elif mark in "'\"":
            quote = mark * 3 if text.startswith(mark * 3, at) else mark
            at += len(quote) - 1
        elif mark in "([{":
            depth += 1
        elif depth and mark in ")]}":
            depth -= 1
        elif not depth and (mark in ":}" or mark == "!" and text[at + 1] != "="):
            return at
        at += 1
    return end


def _end_of_field(text: str, start: int, end: int) -> int:
    depth = 0
    for at in range(start, end):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}" and depth:
            depth -= 1
        elif text[at] == "}":
            return at
    return end


def _in_expression(code: str, offset: int) -> Iterator[tuple[str, int]]:
    bare = code.rstrip()
    if bare.endswith("=") and not bare.endswith(("==", "!=", "<=", ">=")):
        code = bare[:-1]
    try:
        tree = ast.parse(f"({code})", mode="eval")
    except SyntaxError:
        return
    starts = [0, *itertools.accumulate(len(line) for line in _lines(f"({code})"))]
    yield from _in_tree(tree, f"({code})", starts, offset - 1)


def _in_tree(node: Any, code: str, starts: list[int], offset: int) -> Iterator[tuple[str, int]]:
    if type(node) in (ast.Name, ast.JoinedStr):
        line = code[starts[node.lineno - 1] :].encode()
        at = starts[node.lineno - 1] + len(line[: node.col_offset].decode())
        if type(node) is ast.Name:
            yield node.id, at + offset
            return
        end = starts[node.end_lineno - 1]
        end += len(code[end:].encode()[: node.end_col_offset].decode())
        for name, inside in names_in_f_string(code[at:end]):
            yield name, inside + at + offset
        return
    for child in ast.iter_child_nodes(node):
        yield from _in_tree(child, code, starts, offset)
