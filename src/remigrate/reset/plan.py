"""What a reset makes of a history: which migrations become one, what goes, what is pointed anew.

Nothing here runs or writes anything. Landed and new migrations of an app are kept apart: a
database at base has applied the former and none of the latter, and must be able to move on. What
the migrations of a segment have in common is decided in `remigrate.reset.segments`.

A segment of one migration needs no new file: the migration stays as it is, except that what it
depends on is pointed anew. Three things make it a written segment all the same. Its app would get a
second root or leaf, because it depends on nothing inside the app. It has to depend on something
that it does not name. Or it has landed, and follows a squash whose replaced files are deleted, and
a guard is wanted: a database that is behind on that squash must be stopped before it (rule RM204
sees it the same way).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from remigrate.reset import refusals, segments
from remigrate.reset.layout import Layout
from remigrate.reset.old import Old, edges
from remigrate.reset.planned import Name, Plan, Refusal, Repoint, Segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from remigrate.graph import Graph
    from remigrate.model import Key

__all__ = ["Name", "Plan", "Refusal", "Repoint", "Segment", "make"]


def make(
    graph: Graph,
    landed: Collection[Key],
    targets: Iterable[str],
    *,
    strategy: Literal["squash", "fresh"] = "squash",
    keep_replaced: bool = False,
    guard: bool = True,
    nested: bool = True,
    outside: Mapping[Key, Collection[Key]] | None = None,
    cuts: Collection[Key] = (),
    fixed: Collection[Key] = (),
    needed: Mapping[Key, Collection[Key]] | None = None,
) -> Plan:
    """The plan for the apps with these package paths.

    `landed` are the migrations that base has. `nested` says whether the project's Django knows
    squashes of squashes (6.0). `outside` adds what files do not show: parents of migrations as
    Django has resolved them, by key, for apps that are not in the tree (``("@auth", "0001_…")``)
    and for what they ask to run after; without it, circles through such apps are not seen. A new
    segment begins at each of `cuts`; what is `fixed` stays as it is, but for what it depends on,
    and must follow another migration of its app or be the only one that does not. `needed` are
    dependencies that a migration has and does not name: what becomes of it will name them. With
    the strategy ``fresh`` everything is deleted, and landed and new are one.
    """
    fresh = strategy == "fresh"
    keep = keep_replaced and not fresh
    old = Old(graph, landed)
    wanted = sorted(set(targets))
    needed = needed or {}
    before = edges(old, outside or {}, needed)
    order = segments.django_order(before, lambda key: _rank(graph, key))
    new = {} if fresh else segments.late(order, before, old.landed)
    order.sort(key=new.__contains__)
    refused = refusals.found(old, wanted, nested=nested, keep=keep, fresh=fresh)
    if not fresh:
        refused = refusals.late(old, new, set(wanted) - set(refused)) | refused
    while True:
        rest = {app for app in wanted if app not in refused}
        collapsed = segments.collapse(order, before, rest, new, cuts, () if fresh else fixed)
        layout = Layout(old, collapsed, needed, fresh=fresh, keep=keep, guard=guard)
        idle = [app for app in sorted(rest) if not layout.shortens(app)]
        if not idle:
            break
        refused |= {app: refusals.nothing_to_shorten(old, app) for app in idle}
    return Plan(
        tuple(layout.segments()),
        tuple(layout.deleted()),
        tuple(layout.repoints()),
        tuple(layout.guarded()),
        tuple(Refusal(app, refused[app]) for app in wanted if app in refused),
        tuple(layout.marked()),
        tuple(segments.interrupted(collapsed, order, before)),
    )


def _rank(graph: Graph, key: Key) -> tuple[str, str, str]:
    """Django sorts by label; two apps of one repository may share it."""
    return (graph.name(key).partition(".")[0], key[1], key[0])
