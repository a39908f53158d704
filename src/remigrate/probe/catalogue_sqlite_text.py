"""Reads what SQLite keeps as text: statements of CREATE TABLE and CREATE INDEX, and expressions.

SQLite has no catalogue of its own beside them: names of constraints, checks, collations, generated
expressions and what is deferrable are told by no pragma.
https://www.sqlite.org/lang_createtable.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

_TOKEN = re.compile(
    r"""(?P<gap>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<value>[xX]?'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<mark>->>|\|\||->|<<|>>|<=|>=|==|!=|<>|.)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN = re.compile(r"[^\W\d][\w$]*\Z")


class Token(NamedTuple):
    """A piece of SQL that means something: blanks and comments are none."""

    kind: str
    """value, name (quoted), word, number or mark."""
    text: str
    """As it stands; a name without its quotes."""

    @property
    def key(self) -> str:
        """What it is compared by where a keyword is looked for; no keyword is quoted."""
        return self.text.lower() if self.kind in ("word", "mark") else ""


class Clause(NamedTuple):
    """A constraint of a table, or of one of its columns."""

    kind: str
    """primary key, unique, check, foreign key, collate, generated, default, not null or other."""
    name: str
    """Empty where the statement gives none."""
    columns: list[list[Token]]
    """What it is on; empty for a constraint of a column."""
    body: list[Token]
    """The expression, or what it refers to."""
    extras: list[str]
    """Words that change what it does, as ``autoincrement``."""


class Column(NamedTuple):
    """A column as its table's statement declares it."""

    name: str
    clauses: list[Clause]


class Table(NamedTuple):
    """A CREATE TABLE statement, taken apart."""

    columns: list[Column]
    clauses: list[Clause]
    options: str
    """What follows the last bracket: ``strict, without rowid``."""


def tokens(sql: str) -> list[Token]:
    """The pieces of `sql`."""
    return list(_pieces(sql))


def _pieces(sql: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match.group()
        if kind == "name":
            mark = "]" if text[0] == "[" else text[0]
            yield Token(kind, text[1:-1].replace(mark * 2, mark) if mark != "]" else text[1:-1])
        elif kind != "gap":
            yield Token(kind, text)


def canonical(pieces: Sequence[Token], known: Collection[str] = (), table: str = "") -> str:
    """One way of writing `pieces`, whatever their blanks, quotes and case.

    known   names, in lower case, that are the database's own: their case says nothing. Another
            quoted name may be a string in disguise, and keeps its case.
    table   name that is left out where it only says whose column it is
    """
    parts: list[str] = []
    before = ""
    for piece in _unqualified(pieces, table):
        text = _written(piece, known)
        tight = text in (")", ",", ".") or before in ("", "(", ".")
        call = text == "(" and before not in _APART and before[-1:].isalnum()
        parts.append(text if tight or call else " " + text)
        before = text
    return "".join(parts)


_APART = frozenset(
    ("and", "as", "by", "check", "else", "in", "not", "on", "or", "over", "then", "using", "values")
).union(("when", "where"))


def _unqualified(pieces: Sequence[Token], table: str) -> list[Token]:
    if not table:
        return list(pieces)
    kept: list[Token] = []
    skip = False
    for index, piece in enumerate(pieces):
        follows = pieces[index + 1].text if index + 1 < len(pieces) else ""
        own = piece.kind in ("name", "word") and piece.text.lower() == table.lower()
        if own and follows == ".":
            skip = True
        elif skip:
            skip = False
        else:
            kept.append(piece)
    return kept


def _written(piece: Token, known: Collection[str]) -> str:
    if piece.kind == "word":
        return piece.text.lower()
    if piece.kind != "name":
        return piece.text
    if _PLAIN.match(piece.text):
        return piece.text.lower() if piece.text.lower() in known else piece.text
    return '"' + piece.text.replace('"', '""') + '"'


def bare(pieces: Sequence[Token]) -> list[Token]:
    """`pieces` without brackets around all of them."""
    rest = list(pieces)
    while len(rest) > 1 and rest[0].text == "(" and _end(rest, 0) == len(rest) - 1:
        rest = rest[1:-1]
    return rest


def _end(pieces: Sequence[Token], start: int) -> int:
    """Where the bracket that opens at `start` is closed."""
    depth = 0
    for index in range(start, len(pieces)):
        if pieces[index].kind == "mark":
            depth += {"(": 1, ")": -1}.get(pieces[index].text, 0)
            if not depth:
                return index
    return len(pieces)


def items(pieces: Iterable[Token]) -> list[list[Token]]:
    """`pieces` cut at the commas that are in no bracket."""
    found: list[list[Token]] = [[]]
    depth = 0
    for piece in pieces:
        if piece.kind == "mark":
            depth += {"(": 1, ")": -1}.get(piece.text, 0)
        if piece.kind == "mark" and piece.text == "," and not depth:
            found.append([])
        else:
            found[-1].append(piece)
    return [item for item in found if item]


def index(sql: str) -> tuple[list[list[Token]], list[Token]]:
    """What an index is on, and the condition of a partial one."""
    pieces = tokens(sql)
    start = next(n for n, piece in enumerate(pieces) if piece.kind == "mark" and piece.text == "(")
    end = _end(pieces, start)
    return items(pieces[start + 1 : end]), pieces[end + 2 :]


def table(sql: str) -> Table:
    """A CREATE TABLE statement, taken apart."""
    pieces = tokens(sql)
    start = next(n for n, piece in enumerate(pieces) if piece.kind == "mark" and piece.text == "(")
    end = _end(pieces, start)
    columns, clauses = [], []
    for item in items(pieces[start + 1 : end]):
        cursor = _Cursor(item)
        if item[0].key in _TABLE_CLAUSES:
            clauses += _clauses(cursor, whole=True)
        else:
            columns.append(_column(cursor))
    options = sorted(canonical(item) for item in items(pieces[end + 1 :]))
    return Table(columns, clauses, ", ".join(options))


_TABLE_CLAUSES = frozenset(("constraint", "primary", "unique", "check", "foreign"))
_COLUMN_CLAUSES = _TABLE_CLAUSES.union(
    ("not", "null", "default", "collate", "references", "generated", "as")
)


class _Cursor:
    """Where we are in the pieces of a definition."""

    def __init__(self, pieces: list[Token]) -> None:
        self._pieces = pieces
        self._at = 0

    @property
    def key(self) -> str:
        """The keyword or mark that comes next; empty where none does."""
        return self._pieces[self._at].key if self._at < len(self._pieces) else ""

    def more(self) -> bool:
        return self._at < len(self._pieces)

    def take(self) -> Token:
        self._at += 1
        return self._pieces[self._at - 1]

    def took(self, *words: str) -> bool:
        """Whether these words came next; they are behind us then."""
        keys = [piece.key for piece in self._pieces[self._at : self._at + len(words)]]
        if keys != list(words):
            return False
        self._at += len(words)
        return True

    def group(self) -> list[Token]:
        """What is in the brackets that come next; nothing where none do."""
        if self.key != "(":
            return []
        start, end = self._at, _end(self._pieces, self._at)
        self._at = end + 1
        return self._pieces[start + 1 : end]


def _column(cursor: _Cursor) -> Column:
    name = cursor.take().text
    while cursor.more() and cursor.key not in _COLUMN_CLAUSES:
        cursor.take()  # its type, which a pragma tells
    return Column(name, _clauses(cursor, whole=False))


def _clauses(cursor: _Cursor, whole: bool) -> list[Clause]:
    found = []
    name = ""
    while cursor.more():
        if cursor.took("constraint"):
            name = cursor.take().text
            continue
        found.append(_clause(cursor, name, whole))
        name = ""
    return found


def _clause(cursor: _Cursor, name: str, whole: bool) -> Clause:
    if cursor.took("primary", "key"):
        columns = items(cursor.group()) if whole else []
        return Clause("primary key", name, columns, [], _extras(cursor))
    if cursor.took("unique"):
        columns = items(cursor.group()) if whole else []
        return Clause("unique", name, columns, [], _extras(cursor))
    if cursor.took("check"):
        return Clause("check", name, [], bare(cursor.group()), _extras(cursor))
    if cursor.took("foreign", "key"):
        columns = items(cursor.group())
        cursor.took("references")
        return _references(cursor, name, columns)
    if cursor.took("references"):
        return _references(cursor, name, [])
    if cursor.took("generated", "always", "as") or cursor.took("as"):
        return Clause("generated", name, [], bare(cursor.group()), _extras(cursor))
    if cursor.took("collate"):
        return Clause("collate", name, [], [cursor.take()], [])
    if cursor.took("not", "null"):
        return Clause("not null", name, [], [], _extras(cursor))
    if cursor.took("default"):
        return Clause("default", name, [], _default(cursor), [])
    return Clause("other", name, [], [cursor.take()], [])


def _default(cursor: _Cursor) -> list[Token]:
    if cursor.key == "(":
        return bare(cursor.group())
    sign = [cursor.take()] if cursor.key in ("+", "-") else []
    return [*sign, cursor.take()]


def _extras(cursor: _Cursor) -> list[str]:
    """Words between one constraint and the next: what to do on conflict, and the like."""
    found = []
    while cursor.more():
        if cursor.took("on", "conflict"):
            found.append("on conflict " + cursor.take().text.lower())
        elif cursor.key in ("asc", "desc", "autoincrement", "stored", "virtual"):
            found.append(cursor.take().key)
        else:
            break
    return [word for word in found if word not in ("asc", "virtual", "on conflict abort")]


def _references(cursor: _Cursor, name: str, columns: list[list[Token]]) -> Clause:
    target = [cursor.take(), *cursor.group()]
    extras = []
    while cursor.more():
        if cursor.took("on"):
            extras.append(f"on {cursor.take().key} {_action(cursor)}")
        elif cursor.took("match"):
            extras.append("match " + cursor.take().text.lower())
        elif cursor.took("not", "deferrable"):
            cursor.took("initially", "deferred")
            cursor.took("initially", "immediate")
        elif cursor.took("deferrable"):
            cursor.took("initially", "immediate")
            deferred = cursor.took("initially", "deferred")
            extras.append("deferrable" + " initially deferred" * deferred)
        else:
            break
    # What SQLite does anyway, or does not do at all, is the same as nothing said.
    told = [text for text in extras if not text.endswith(" no action") and text[:5] != "match"]
    return Clause("foreign key", name, columns, target, sorted(told))


def _action(cursor: _Cursor) -> str:
    word = cursor.take().key
    return f"{word} {cursor.take().key}" if word in ("set", "no") else word


def names(pieces: Iterable[Token]) -> list[str]:
    """The plain names of a list of columns, without the commas."""
    return [piece.text for piece in pieces if piece.kind in ("name", "word")]


def kept(definition: dict[str, Any]) -> dict[str, Any]:
    """`definition` without what is not there."""
    return {key: value for key, value in definition.items() if value not in (None, False, "", [])}
