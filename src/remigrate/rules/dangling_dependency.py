"""A migration names another one, in `dependencies` or `run_before`, that does not exist.

Why it hurts: Django cannot build the graph at all. Every command that loads migrations stops with
`NodeNotFoundError`, in development, in the tests and in the deployment.

How to fix: restore the missing file, or name the migration that took its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.model import Finding, Fix, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from remigrate.facts import Facts
    from remigrate.graph import Dangling, Graph

    Hint = Callable[[Graph, Dangling], str]

CODE = "RM102"
NAME = "dangling-dependency"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each reference that leads nowhere."""
    for reference in facts.graph.dangling:
        found = _finding(facts.graph, reference, "Django stops with NodeNotFoundError", _hint)
        yield found._replace(fix=_fix(facts.graph, reference))
    if facts.landed is not None:
        known = set(facts.graph.dangling)
        for reference in facts.landed.graph.dangling:
            if reference not in known:
                yield _finding(facts.graph, reference, _PARTIAL, _partial_hint)


_PARTIAL = (
    "on a database at base Django stops with NodeNotFoundError, as the squash that would "
    "replace it "
    "is applied only in part there and is left out"
)


def _finding(graph: Graph, found: Dangling, outcome: str, hint: Hint) -> Finding:
    origin, missing = graph.name(found.origin), graph.name(found.target)
    verb = "depends on" if found.attribute == "dependencies" else "wants to run before"
    line = found.reference.line
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        graph.apps[found.origin[0]].label,
        graph.files[found.origin].path,
        line,
        line,
        f"{origin} {verb} {missing}, which does not exist: {outcome}.",
        hint(graph, found),
        (origin, missing),
    )


def _fix(graph: Graph, found: Dangling) -> Fix | None:
    """The one migration that has the number or the words of the missing one: it was renamed."""
    number, _, words = found.target[1].partition("_")
    names = []
    for key in graph.files:
        other, _, said = key[1].partition("_")
        if key[0] == found.target[0] and key != found.origin and (other == number or said == words):
            names.append(key[1])
    ref = found.reference
    return Fix((ref.label, ref.name), (ref.label, names[0])) if len(names) == 1 else None


def _hint(graph: Graph, found: Dangling) -> str:
    import difflib

    names = [migration.name for migration in graph.apps[found.target[0]].migrations]
    near = difflib.get_close_matches(found.target[1], names, n=1)
    leaves = [key[1] for key in graph.leaves(found.target[0])]
    number = [name for name in names if name.split("_")[0] == found.target[1].split("_")[0]]
    meant = (near or number or leaves)[:1]
    if not meant:
        return "Restore the file, or remove the reference."
    label = graph.apps[found.target[0]].label
    return f'Restore the file, or name the one that is meant: `("{label}", "{meant[0]}")`?'


def _partial_hint(graph: Graph, found: Dangling) -> str:
    return (
        "Let the squash replace only migrations that base has, and put the new ones on top of it."
    )
