"""A folder of migrations has no `__init__.py`.

Why it hurts: Django does not load it and says nothing. `migrate` skips the app; its tables are made
without any history, as for an app that never had migrations, or not at all.

How to fix: add an empty `__init__.py` and commit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of, typed
from remigrate.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM107"
NAME = "not-a-package"
SEVERITY: Severity = "warning"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each folder that Django passes over."""
    for app in facts.folders:
        first = app.migrations[0]
        init = typed(f"{app.path}/__init__.py")
        yield Finding(
            CODE,
            NAME,
            SEVERITY,
            app.label,
            first.path,
            line_of(first),
            line_of(first),
            f"{app.path} has no `__init__.py`: Django passes over its "
            f"{len(app.migrations)} migration{'s' if len(app.migrations) > 1 else ''} in silence.",
            f"`touch {init} && git add {init}`",
            tuple(f"{app.label}.{migration.name}" for migration in app.migrations),
        )
