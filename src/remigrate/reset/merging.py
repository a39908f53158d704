"""The strategy ``merge``: a migration that names all leaves of an app, as ``makemigrations
--merge`` writes it, where either order of the two sides gives the same database.

What the operations' arguments can tell is judged here (`commuting`). Where they cannot, the caller
may run both orders in scratch databases, and name the apps for which they came out equal.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from remigrate import circles, reader
from remigrate import graph as graphs
from remigrate.graph import uncertain
from remigrate.model import Broken, Header, Migration, Project
from remigrate.reset import names
from remigrate.reset.commuting import Branch, commutes
from remigrate.reset.file_change import FileChange
from remigrate.reset.planned import Refusal
from remigrate.reset.strategy import Question, Rewrite, pinned

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from remigrate.graph import Graph
    from remigrate.model import Key

_LONGEST = 47
"""Characters of the leaves' names that Django puts into the name of a merge migration."""


class Conflict(NamedTuple):
    """An app with several leaves, and whether their order can matter."""

    app: str
    """Path of the migrations package."""
    leaves: tuple[str, ...]
    why: str
    """Why either order may not give the same; empty when it does."""


def merge(asked: Question, stamp: str, proved: Collection[str] = ()) -> Rewrite:
    """A merge migration for each target with several leaves that can be ordered safely.

    `stamp` stands in names that would be too long, as in ``20240131_1200``. `proved` are packages
    for which both orders were run, with the same result.
    """
    edits: list[FileChange] = []
    refused: list[Refusal] = []
    for app in asked.targets:
        why = _obstacle(asked.graph, app)
        found = None if why else conflict(asked, app)
        if found is not None and not why:
            why = "" if app in proved else found.why
            why = why or _no_ancestor(asked.graph, found)
        if why:
            refused.append(Refusal(app, why))
        elif found is not None:
            edits += _merged(asked, found, stamp)
        else:
            edits += _already(asked, app)
    made = [edit for edit in edits if edit.path.endswith(".py")]
    for refusal in _circles(asked.graph, made):
        refused.append(refusal)
        edits = [edit for edit in edits if not edit.path.startswith(refusal.app + "/")]
    return Rewrite(tuple(sorted(edits)), (), tuple(refused))


def conflict(asked: Question, app: str) -> Conflict | None:
    """The leaves of `app` and what is known of their order; None when it has but one."""
    leaves = asked.graph.leaves(app)
    if len(leaves) < 2:
        return None
    label = asked.graph.apps[app].label
    settings = _settings(asked.graph, app)
    reasons = (
        commutes(_side(asked, one, other), _side(asked, other, one), label, settings)
        for one, other in combinations(leaves, 2)
    )
    why = next((reason for reason in reasons if reason), "")
    return Conflict(app, tuple(leaf[1] for leaf in leaves), why)


def _settings(graph: Graph, app: str) -> dict[str, str]:
    """What settings that name a model say, for the project of `app`."""
    found: dict[str, str] = {}
    for root in (".", graph.apps[app].project):
        known = graph.labels.settings.items()
        found |= {name: value for (place, name), value in known if place == root and value}
    return found


def _side(asked: Question, leaf: Key, other: Key) -> Branch:
    """What comes before `leaf` in its app, and not before `other`."""
    graph = asked.graph
    mine = (graph.ancestors(leaf) | {leaf}) - graph.ancestors(other) - {other}
    trees = []
    for key in sorted(key for key in mine if key[0] == leaf[0]):
        tree = reader.parse(asked.read(graph.files[key]))
        assert not isinstance(tree, Broken), "its header was read"
        trees.append((key[1], tree))
    return Branch(leaf[1], tuple(trees))


def _obstacle(graph: Graph, app: str) -> str:
    for key in uncertain(graph, app):
        header = graph.files[key].header
        if isinstance(header, Broken):
            return f"{key[1]} cannot be read: {header.why}"
        doubt = next(u for u in header.unread if u.what in ("dependencies", "replaces"))
        return f"the {doubt.what} of {key[1]} cannot be read: {doubt.why}"
    return ""


def _no_ancestor(graph: Graph, found: Conflict) -> str:
    """Django merges only what has grown from one root (``Command.handle_merge``)."""
    lines = [graph.ancestors((found.app, leaf)) | {(found.app, leaf)} for leaf in found.leaves]
    if any(key[0] == found.app for key in set.intersection(*lines)):
        return ""
    listed = " and ".join(found.leaves)
    return f"{listed} have no common ancestor, so that no merge can join them; use rebase"


def _merged(asked: Question, found: Conflict, stamp: str) -> Iterator[FileChange]:
    name = _name(asked.graph, found, stamp)
    label = asked.graph.apps[found.app].label
    model = asked.read(asked.graph.files[found.app, found.leaves[-1]])
    yield FileChange(f"{found.app}/{name}.py", None, _source(label, found.leaves, model))
    yield from pinned(asked, found.app, name)


def _already(asked: Question, app: str) -> Iterator[FileChange]:
    for leaf in asked.graph.leaves(app):
        yield from pinned(asked, app, leaf[1])


def _name(graph: Graph, found: Conflict, stamp: str) -> str:
    """As ``Command.handle_merge`` names it."""
    numbers = [number for leaf in found.leaves if (number := names.number(leaf)) is not None]
    joined = "_".join(sorted(found.leaves))
    words = joined if len(joined) <= _LONGEST else stamp
    taken = {key[1].casefold() for key in (*graph.files, *graph.replaced_by) if key[0] == found.app}
    return names.free(f"{max(numbers, default=1) + 1:04}_merge_{words}", taken)


def _source(label: str, leaves: Collection[str], model: bytes) -> bytes:
    """A merge migration in Django's form, with the quotes and line ends of `model`."""
    quote = '"' if model.count(b'"') > model.count(b"'") else "'"
    lines = [
        "from django.db import migrations",
        "",
        "",
        "class Migration(migrations.Migration):",
        "",
        "    dependencies = [",
        *(f"        ({quote}{label}{quote}, {quote}{leaf}{quote})," for leaf in sorted(leaves)),
        "    ]",
        "",
        "    operations = []",
        "",
    ]
    newline = "\r\n" if b"\r\n" in model else "\n"
    return newline.join(lines).encode()


def _circles(graph: Graph, made: Collection[FileChange]) -> list[Refusal]:
    """Merges that would depend on themselves."""
    new: dict[str, Migration] = {}
    for edit in made:
        app, _, file = edit.path.rpartition("/")
        header = reader.read(edit.after or b"")
        assert isinstance(header, Header)
        new[app] = Migration(app, file.removesuffix(".py"), edit.path, "", header)
    apps = (
        app._replace(migrations=(*app.migrations, new[path])) if path in new else app
        for path, app in graph.apps.items()
    )
    after = graphs.build(Project(tuple(apps), graph.labels.settings))
    guilty = {key[0] for circle in circles.cycles(after) for key in circle} & new.keys()
    why = "its migrations depend on themselves: no merge can order them"
    return [Refusal(app, why) for app in sorted(guilty)]
