"""What a database has applied, and what it would say to another history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.labels import EXTERNAL, FIRST, LATEST, Labels
from remigrate.model import Header, Key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from remigrate.graph import Graph
    from remigrate.model import Project


def recorded(project: Project) -> set[Key]:
    """Rows of ``django_migrations`` in a database that has applied everything in `project`.

    Django records a squash together with everything that it replaces
    (``MigrationExecutor.record_migration``, ``check_replacements``). Of apps that are not in the
    tree, it has applied what migrations of the tree depend on.
    """
    labels = Labels(project)
    rows: set[Key] = set()
    for app in labels.apps.values():
        for migration in app.migrations:
            rows.add(migration.key)
            if not isinstance(migration.header, Header):
                continue
            for ref in migration.header.replaces:
                rows.add(labels.key(ref.label, ref.name, app.path))
            for ref in migration.header.dependencies:
                if not ref.swappable and ref.name not in (FIRST, LATEST):
                    key = labels.key(ref.label, ref.name, app.path)
                    if key[0].startswith(EXTERNAL):
                        rows.add(key)
    return rows


def inconsistencies(graph: Graph, applied: Collection[Key]) -> Iterator[tuple[Key, Key]]:
    """Pairs (applied, unapplied dependency) for which ``check_consistent_history`` raises."""
    covered: dict[Key, bool] = {}
    parents = {**graph.outside, **graph.parents}
    for child in sorted(key for key in applied if key in parents):
        for parent in sorted(parents[child]):
            if parent not in applied and not _covered(graph, parent, applied, covered):
                yield child, parent


def _covered(graph: Graph, key: Key, applied: Collection[Key], memo: dict[Key, bool]) -> bool:
    """``MigrationLoader.all_replaced_applied``: all that a squash replaces is applied."""
    stack = [key]
    while stack:
        top = stack[-1]
        open_keys = [k for k in graph.squashes.get(top, ()) if k not in applied]
        waiting = [k for k in open_keys if k in graph.squashes and k not in memo and k != top]
        if waiting and not set(waiting) <= set(stack):
            stack += [k for k in waiting if k not in stack]
            continue
        memo[top] = top in graph.squashes and all(memo.get(k, False) for k in open_keys)
        stack.pop()
    return memo[key]
