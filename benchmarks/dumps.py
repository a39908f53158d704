"""Two databases held against each other through what their engine's own program dumps of them.

Knows nothing of Remigrate, so that it can be its judge: statements are cut out of the text, the
parts of each table are sorted, and names that Django makes out of a hash are put aside.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_HASHED = re.compile(r'"?\b\w*_[0-9a-f]{8}(?:_\w+)?\b"?')
"""Names of indexes and constraints: made of the names that the table and its columns once had."""
_AUTOMATIC = re.compile(r'(?<=CONSTRAINT )"?\w+_(?:key|check|pkey|fkey)\d*"?')
"""Those that PostgreSQL makes in the same way."""
_INSERT = re.compile(r'^INSERT INTO (?:public\.)?"?(\w+)"?', re.MULTILINE)
_OWN = ("django_migrations", "sqlite_sequence")


class Dump(NamedTuple):
    """A database, in a form in which two can be compared."""

    statements: Counter[str]
    rows: dict[str, int]
    """Their number, by table."""


def of_sqlite(text: str) -> Dump:
    """From ``sqlite3 .dump``."""
    body = re.sub(r"^INSERT INTO .*?\);$", "", text, flags=re.MULTILINE | re.DOTALL)
    return Dump(_statements(body), _rows(text))


def of_postgresql(schema: str, data: str) -> Dump:
    """From ``pg_dump --schema-only`` and ``pg_dump --data-only --inserts``."""
    lines = [
        line for line in schema.splitlines() if not line.startswith(("--", "\\")) and line.strip()
    ]
    return Dump(_statements("\n".join(lines)), _rows(data))


def differences(old: Dump, new: Dump) -> list[str]:
    """What only one of the two has."""
    found = [f"only the old one: {each}" for each in (old.statements - new.statements).elements()]
    found += [f"only the new one: {each}" for each in (new.statements - old.statements).elements()]
    found += [
        f"{table}: {old.rows.get(table, 0)} rows became {new.rows.get(table, 0)}"
        for table in sorted({*old.rows, *new.rows})
        if old.rows.get(table, 0) != new.rows.get(table, 0)
    ]
    return sorted(found)


def _rows(text: str) -> dict[str, int]:
    found = Counter(_INSERT.findall(text))
    return {table: count for table, count in found.items() if table not in _OWN}


def _statements(text: str) -> Counter[str]:
    whole = (" ".join(each.split()) for each in re.split(r";\s*$", text, flags=re.MULTILINE))
    return Counter(
        _sorted(each) for each in whole if each and not any(name in each for name in _OWN)
    )


def _sorted(statement: str) -> str:
    """A statement with the parts of a table in the order of the alphabet."""
    statement = _AUTOMATIC.sub("#", _HASHED.sub("#", statement))
    start, end = statement.find("("), statement.rfind(")")
    if not statement.startswith("CREATE TABLE") or start < 0:
        return statement
    parts = ", ".join(sorted(_parts(statement[start + 1 : end])))
    return f"{statement[:start]}({parts}){statement[end + 1 :]}"


def _parts(text: str) -> Iterable[str]:
    """Cut at the commas that are in no brackets and in no string."""
    depth, quoted, last = 0, "", 0
    for at, sign in enumerate(text):
        if quoted:
            quoted = "" if sign == quoted else quoted
        elif sign in "'\"":
            quoted = sign
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "," and not depth:
            yield text[last:at].strip()
            last = at + 1
    yield text[last:].strip()
