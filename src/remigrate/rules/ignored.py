"""A migration file that git ignores.

Why it hurts: it can never be committed by `git add`, and nothing lists it. Everybody makes
migrations of their own with the same names and different content, until databases no longer agree.

How to fix: take the pattern out of the ignore file, or add an exception, then `git add` the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import typed
from remigrate.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM303"
NAME = "ignored"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each migration that git hides."""
    for stray in facts.strays.ignored if facts.strays else ():
        yield Finding(
            CODE,
            NAME,
            SEVERITY,
            stray.label,
            stray.path,
            1,
            1,
            f"{stray.label}.{stray.name} is ignored by git (`{stray.pattern}`): it can never be "
            "committed, and "
            "everybody makes their own.",
            "Remove the pattern (or add the exception `!**/migrations/*.py`), then `git add "
            f"{typed(stray.path)}`",
            (f"{stray.label}.{stray.name}",),
        )
