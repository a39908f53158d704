"""Another open pull request adds migrations to the same app, on top of the same one.

Why it hurts: each of the two is fine alone, so both get a green check. Whichever is merged second
leaves the app with two leaves (or with two files of one name), and the branch that everybody pulls
from is broken.

How to fix: merge one of them. Then put the migrations of the other on top of it, with
`/reset-migrations strategy=rebase` below that pull request, or with `remigrate reset --strategy
rebase`. This is looked for on GitHub alone, where a token that may read pull requests is at hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of, typed
from remigrate.model import Finding, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from remigrate.facts import Facts, Rival
    from remigrate.model import Migration

CODE = "RM401"
NAME = "pull-request-collision"
SEVERITY: Severity = "warning"

_MOST = 5
"""Names that a message spells out."""


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each app that other pull requests add to as well."""
    rivals = facts.rivals or ()
    for app in dict.fromkeys(rival.app for rival in rivals):
        yield _finding(facts, app, [rival for rival in rivals if rival.app == app])


def _finding(facts: Facts, app: str, rivals: list[Rival]) -> Finding:
    label = facts.graph.apps[app].label
    ours = [migration for rival in rivals for migration in rival.ours]
    theirs = [migration for rival in rivals for migration in rival.theirs]
    pages = _first([f"#{rival.number} ({rival.url})" for rival in rivals])
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        label,
        ours[0].path,
        line_of(ours[0]),
        line_of(ours[0]),
        f"{label} gets {_names(ours)} here and {_names(theirs)} in {pages}, open as well. Each is "
        "fine alone; whichever is merged second breaks `migrate`, `makemigrations` and every test "
        "run.",
        "Merge one of them; then comment `/reset-migrations strategy=rebase` below the other, or "
        f"on its branch: `remigrate reset {typed(label)} --strategy rebase "
        f"--base origin/{typed(rivals[0].onto)}`",
        tuple(dict.fromkeys(f"{label}.{each.name}" for each in [*ours, *theirs])),
        tuple(
            Related(each.path, line_of(each), f"added by #{rival.number}")
            for rival in rivals
            for each in rival.theirs
        ),
        pull_requests=tuple(rival.number for rival in rivals),
    )


def _names(migrations: Iterable[Migration]) -> str:
    return _first(list(dict.fromkeys(each.name for each in migrations)))


def _first(items: list[str]) -> str:
    more = f" and {len(items) - _MOST} more" if items[_MOST:] else ""
    return ", ".join(items[:_MOST]) + more
