"""Models that no migration describes.

Why it hurts: the code believes in tables and columns that no database has. The first query that
names one fails, and it fails where the change is deployed, not where it was made.

How to fix: `python manage.py makemigrations`, then `git add` what it wrote. `remigrate check
--drift --fix` does the same for what Django would write without a question. Drift of an app that
is installed, not in the repository, is a notice: mostly a setting such as `DEFAULT_AUTO_FIELD`
differs from what its migrations were made with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import typed
from remigrate.model import Finding, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Change, Drift, Facts, Stray

CODE = "RM301"
NAME = "drift"
SEVERITY: Severity = "error"

_MOST = 5
"""Operations that a message spells out."""


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each app that ``makemigrations`` would write a migration for."""
    if facts.drift is None:
        return
    for change in facts.drift.changes:
        strays = [stray for stray in facts.left_behind if stray.label == change.label]
        yield _finding(facts.drift, change, strays)


def _finding(drift: Drift, change: Change, strays: list[Stray]) -> Finding:
    hint, source = _hint(drift, change, strays)
    places = [moved for moved in change.operations if moved.path]
    path, line = (places[0].path, places[0].line) if places else (drift.manage or ".", 1)
    texts = [moved.text for moved in change.operations]
    more = f" and {len(texts) - _MOST} more" if texts[_MOST:] else ""
    missing = f"{'; '.join(texts[:_MOST])}{more}"
    return Finding(
        CODE,
        NAME,
        SEVERITY if change.first_party else "notice",
        change.label,
        path,
        line,
        line,
        _message(change, missing),
        hint,
        (f"{change.label}.{change.name}",),
        tuple(Related(moved.path, moved.line, moved.text) for moved in places[1:]),
        source=source,
    )


def _message(change: Change, missing: str) -> str:
    if change.first_party:
        return (
            f"The models of {change.label} are ahead of its migrations: {missing}. No migration "
            "brings this to a database, and queries that need it fail."
        )
    return (
        f"The installed app {change.label} would get a migration: {missing}. Its code is not in "
        "this repository; a setting such as DEFAULT_AUTO_FIELD often is the reason."
    )


def _hint(drift: Drift, change: Change, strays: list[Stray]) -> tuple[str, str]:
    """What to do, and the text of the migration where that is all that is missing."""
    program = f"python {typed(drift.manage)}" if drift.manage else "python -m django"
    make = f"{program} makemigrations {change.label}"
    asked = [question.text for question in drift.questions if question.label == change.label]
    if strays:
        paths = " ".join(typed(stray.path) for stray in strays)
        force = "-f " if any(stray.pattern for stray in strays) else ""
        return f"The commit lacks a migration that is on disk: `git add {force}{paths}`", ""
    if not change.first_party:
        return f"Set it in the app's AppConfig or in the settings. Do not run `{make}`.", ""
    if asked:
        return f"`{make}`, in a terminal: Django asks. {' '.join(asked)}", ""
    if not change.source:
        return f"`{make}`" + (f" ({change.why_no_source})" if change.why_no_source else ""), ""
    return f"`{make}` writes {change.path or change.name}:", change.source
