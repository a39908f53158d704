"""A migration file that git does not track.

Why it hurts: the commit will not hold it. It works on this machine, where Django finds the file,
and fails on every other one; `makemigrations --check` passes all the same, as it looks at the disk.

How to fix: `git add` it, or delete it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import typed
from remigrate.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM302"
NAME = "untracked"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each migration that would be left behind."""
    for stray in facts.strays.untracked if facts.strays else ():
        yield Finding(
            CODE,
            NAME,
            SEVERITY,
            stray.label,
            stray.path,
            1,
            1,
            f"{stray.label}.{stray.name} is not tracked by git: the commit will not hold it, "
            "and nobody "
            "else will have it.",
            f"`git add {typed(stray.path)}`",
            (f"{stray.label}.{stray.name}",),
        )
