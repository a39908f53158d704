"""A migration has changes that are not staged.

Why it hurts: the commit will hold an older version of the file than the one that was tried out.

How to fix: `git add` it, or undo the change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import typed
from remigrate.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM304"
NAME = "unstaged"
SEVERITY: Severity = "warning"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each migration that is committed otherwise than it stands on disk."""
    for stray in facts.strays.unstaged if facts.strays else ():
        yield Finding(
            CODE,
            NAME,
            SEVERITY,
            stray.label,
            stray.path,
            1,
            1,
            f"{stray.label}.{stray.name} has changes that are not staged: the commit will hold "
            "another version.",
            f"`git add {typed(stray.path)}`",
            (f"{stray.label}.{stray.name}",),
        )
