"""A squash lands together with the deletion of what it replaces.

Why it hurts: on a database that has applied only some of the replaced migrations, Django drops the
squash from the graph in silence. `migrate` and `migrate --check` both return 0, and the missing
tables and columns never come.

How to fix: keep the replaced files until every database has applied them, and delete them in a
later release. Or let the migration after the squash begin with a check of `django_migrations` that
stops a database which is behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import GUARD, line_of
from remigrate.model import Broken, Finding, Key, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM204"
NAME = "unguarded-squash"
SEVERITY: Severity = "warning"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each new squash that leaves no way for a database that is behind."""
    if facts.landed is None:
        return
    for squash, replaced in facts.graph.squashes.items():
        deleted = [k for k in replaced if k in facts.landed.files and k not in facts.graph.files]
        if deleted and facts.side(squash) == "new" and not _guarded(facts, squash):
            yield _finding(facts, squash, deleted)


def _guarded(facts: Facts, squash: Key) -> bool:
    from remigrate.reader import operations, parse

    after = sorted(k for k in facts.graph.children.get(squash, ()) if k[0] == squash[0])
    for key in after:
        tree = parse(facts.read(facts.graph.files[key]))
        found = () if isinstance(tree, Broken) else operations(tree)
        if not found or found[0].code != GUARD:
            return False
    return bool(after)


def _finding(facts: Facts, squash: Key, deleted: list[Key]) -> Finding:
    migration = facts.graph.files[squash]
    name = facts.graph.name(squash)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        facts.graph.apps[squash[0]].label,
        migration.path,
        line_of(migration),
        line_of(migration),
        f"{name} comes together with the deletion of {len(deleted)} of the migrations that it "
        "replaces: "
        "a database that has applied only some of them skips the rest in silence.",
        "Keep the replaced files until every database has applied them; delete them in a later "
        "release.",
        facts.names(squash, *deleted),
    )
