"""The strategy ``rebase``: what has landed stays, what is new is put on top of it.

Inside the new part every order is kept: only its roots get another parent, the landed leaf. Where
the new part has several leaves itself, it becomes a chain in the order in which Django would run
it. All else in the files stays as its author wrote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from remigrate import circles, reader
from remigrate import graph as graphs
from remigrate.model import Broken, Header, Project
from remigrate.reset import edits
from remigrate.reset.file_change import FileChange
from remigrate.reset.page import Uneditable
from remigrate.reset.placing import Place, ends, listed, moving_of, place_of, standing
from remigrate.reset.planned import Refusal
from remigrate.reset.strategy import Question, Rewrite, only, pinned
from remigrate.values import LISTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.graph import Graph
    from remigrate.model import App, Key, Migration, Reference
    from remigrate.reset.page import Ref

_CODE = ("RunPython", "RunSQL")


class _Blamed(Exception):
    """Apps that stand in the way of all, each with the reason."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        super().__init__()
        self.refusals = tuple(refusals)


def rebase(asked: Question) -> Rewrite:
    """Put the new migrations of the targets on top of the landed ones.

    An app for which that cannot be done safely is refused, and left as it is.
    """
    base = graphs.build(only(asked.graph, set(asked.landed)))
    refused: dict[str, Refusal] = {}
    while True:
        places: list[Place] = []
        for app in asked.targets:
            found = refused.get(app) or place_of(asked.graph, base, asked.landed, app)
            if isinstance(found, Refusal):
                refused[app] = found
            else:
                places.append(found)
        try:
            return _rewrite(asked, places)._replace(refused=tuple(refused.values()))
        except _Blamed as blamed:
            refused.update((refusal.app, refusal) for refusal in blamed.refusals)


# What becomes of the files


def _rewrite(asked: Question, places: Iterable[Place]) -> Rewrite:
    places = list(places)
    by_app = {place.app: place for place in places}
    contents: dict[Key, bytes] = {}
    for migration in asked.graph.files.values():
        if migration.key not in asked.landed and isinstance(migration.header, Header):
            content = asked.read(migration)
            edited = _edited(asked.graph, by_app, migration, migration.header, content)
            if edited != content or migration.name in _names(by_app, migration.app):
                contents[migration.key] = edited
    _verify(asked, by_app, contents)
    renames = tuple((p.app, old, new) for p in places for old, new in sorted(p.names.items()))
    notes = tuple(note for place in places for note in _notes(asked, place, contents))
    file_edits = (*_file_edits(asked, by_app, contents), *_pins(asked, places))
    return Rewrite(tuple(sorted(file_edits)), renames, (), notes)


def _names(by_app: Mapping[str, Place], app: str) -> dict[str, str]:
    return by_app[app].names if app in by_app else {}


def _edited(
    graph: Graph, by_app: Mapping[str, Place], migration: Migration, header: Header, content: bytes
) -> bytes:
    moves: dict[Ref, Ref | None] = {}
    wanted: dict[str, str] = {}
    for ref in _all_references(graph, by_app, header):
        app, name = graph.labels.key(ref[0], ref[1], migration.app)
        if name in _names(by_app, app):
            moves[ref] = (ref[0], by_app[app].names[name])
            wanted[app] = name
    try:
        if moves:
            content = edits.repointed(content, moves, LISTS)
        return _reparented(graph, by_app.get(migration.app), migration, content)
    except Uneditable as error:
        why = f"{migration.path} cannot be edited: {error}"
        blamed = wanted or {migration.app: ""}
        raise _Blamed(
            Refusal(app, why) for app in {*blamed, migration.app} & by_app.keys()
        ) from error


def _all_references(graph: Graph, by_app: Mapping[str, Place], header: Header) -> Iterator[Ref]:
    """What the file refers to; all renamed ones as well when some of it could not be read."""
    references: tuple[Reference, ...] = header.dependencies + header.run_before + header.replaces
    for ref in references:
        if not ref.swappable:
            yield ref.label, ref.name
    if header.unread:
        for place in by_app.values():
            yield from ((graph.apps[place.app].label, name) for name in place.names)


def _reparented(graph: Graph, place: Place | None, migration: Migration, content: bytes) -> bytes:
    if place is None or migration.name not in place.parents:
        return content
    label, parent = graph.apps[place.app].label, place.parents[migration.name]
    return edits.with_dependencies(content, label, [(label, place.names.get(parent, parent))])


def _path(migration: Migration, name: str) -> str:
    return f"{migration.app}/{name}.py"


def _file_edits(
    asked: Question, by_app: Mapping[str, Place], contents: Mapping[Key, bytes]
) -> Iterator[FileChange]:
    """One for each path: a name that one file leaves may be taken by another."""
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    for key, content in contents.items():
        migration = asked.graph.files[key]
        before[migration.path] = asked.read(migration)
        after[_path(migration, _names(by_app, key[0]).get(key[1], key[1]))] = content
    for path in before.keys() | after.keys():
        yield FileChange(path, before.get(path), after.get(path))


def _pins(asked: Question, places: Iterable[Place]) -> Iterator[FileChange]:
    for place in places:
        leaf = _leaf(asked, place)
        if leaf is not None:
            yield from pinned(asked, place.app, leaf)


def _leaf(asked: Question, place: Place) -> str | None:
    """The one leaf that the app will have, by its new name."""
    moving = moving_of(asked.graph, asked.landed, place.app)
    found = [n for n in ends(asked.graph, place.app, moving) if n not in place.parents.values()]
    if found:
        return place.names.get(found[0], found[0])
    return standing(asked.graph, place.tip)[1] if place.tip else None


# What is checked, and what is said


def _verify(asked: Question, by_app: Mapping[str, Place], contents: Mapping[Key, bytes]) -> None:
    """Raise `_Blamed` unless Django would load the result with one leaf in each app."""
    after = graphs.build(_project(asked.graph, by_app, contents))
    touched = {p.app for p in by_app.values() if p.names or p.parents}
    for circle in circles.cycles(after):
        guilty = {key[0] for key in circle} & touched
        names = " → ".join(after.name(key) for key in (*circle, circle[0]))
        why = f"on top of the landed leaf its new migrations would close a circle: {names}"
        if guilty:
            raise _Blamed(Refusal(app, why) for app in sorted(guilty))
    for app in sorted(touched):
        leaves = after.leaves(app)
        if len(leaves) != 1:
            names = listed(key[1] for key in leaves)
            raise _Blamed([Refusal(app, f"it would still have several leaves: {names}")])
    known = {(d.origin, d.target) for d in asked.graph.dangling}
    for dangling in after.dangling:
        if dangling.target[0] in touched and (dangling.origin, dangling.target) not in known:
            why = (
                f"{after.name(dangling.origin)} would depend on {dangling.target[1]}, which is gone"
            )
            raise _Blamed([Refusal(dangling.target[0], why)])


def _project(graph: Graph, by_app: Mapping[str, Place], contents: Mapping[Key, bytes]) -> Project:
    def changed(app: App) -> App:
        found = []
        for migration in app.migrations:
            if migration.key in contents:
                name = _names(by_app, app.path).get(migration.name, migration.name)
                header = reader.read(contents[migration.key])
                migration = migration._replace(
                    name=name, path=_path(migration, name), header=header
                )
            found.append(migration)
        return app._replace(migrations=tuple(found))

    return Project(tuple(map(changed, graph.apps.values())), graph.labels.settings)


def _notes(asked: Question, place: Place, contents: Mapping[Key, bytes]) -> Iterator[str]:
    graph = asked.graph
    label = graph.apps[place.app].label
    landed = sorted(k[1] for k in place.passed if k in graph.files and _code(asked, graph.files[k]))
    moving = moving_of(graph, asked.landed, place.app)
    new = sorted(n for n, migration in moving.items() if _code(asked, migration))
    if landed and new:
        yield (
            f"{label}: {listed(place.names.get(n, n) for n in new)} will run after "
            f"{listed(landed)}, which landed meanwhile; both change data: see that the order is "
            f"right"
        )
    for key, content in contents.items():
        for old, renamed in place.names.items():
            if re.search(rb"migrations\.%b\b" % re.escape(old.encode()), content):
                yield f"{graph.name(key)} names the module {old} in its code, now {renamed}"


def _code(asked: Question, migration: Migration) -> bool:
    """Whether the migration runs code or SQL of its own."""
    tree = reader.parse(asked.read(migration))
    if isinstance(tree, Broken):
        return False
    return any(operation.name in _CODE for operation in reader.operations(tree))
