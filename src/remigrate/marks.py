"""Hidden marks in our comments and pull requests, by which a later run knows them again. Pure.

A mark alone proves nothing, as anybody can write one: who wrote the comment has to be asked, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

REFUSED = "<!-- remigrate:refused -->"
"""In the one answer to those who may not give orders."""
_REPORTED = re.compile(
    r"<!-- remigrate:report head=([0-9a-f]{40})(?: said=([0-9a-f]{32}))?(?: drift=([\w,]+))? -->"
)
REPORT = "<!-- remigrate:report "
"""How the mark of the check's comment begins."""
SUGGESTION = "<!-- remigrate:suggestion "
"""How the mark of a suggestion begins."""
_FOR_FINDINGS = "<!-- remigrate:for-findings -->"


class Reported(NamedTuple):
    """What the mark of the check's comment tells."""

    head: str = ""
    """The commit of the pull request that it is about."""
    said: str = ""
    """The same for comments that say the same of the migrations."""
    drift: tuple[str, ...] = ()
    """Labels of the apps whose models were ahead of their migrations."""


def report(head: str, said: str = "", drift: Iterable[str] = ()) -> str:
    """Mark of the check's comment, as `Reported` tells it. Labels that Django would not take are
    left out."""
    labels = ",".join(label for label in drift if label.isidentifier())
    told = f"{f' said={said}' if said else ''}{f' drift={labels}' if labels else ''}"
    return f"{REPORT}head={head}{told} -->"


def reported(body: str) -> Reported:
    """What the mark of a comment of the check tells; nothing for another comment."""
    found = _REPORTED.search(body)
    return Reported(found[1], found[2] or "", _labels(found[3])) if found else Reported()


def _labels(found: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (found or "").split(",")))


def reply(comment: int) -> str:
    """Mark of the answer to the command in a comment."""
    return f"<!-- remigrate:reply comment={comment} -->"


def suggestion(path: str, before: str, after: str) -> str:
    """Mark of the suggestion to write one line of a file in another way, wherever it stands."""
    from hashlib import sha256

    identity = sha256(ascii((path, before, after)).encode("ascii")).hexdigest()
    return f"{SUGGESTION}{identity[:32]} -->"


def closing(number: int) -> str:
    """Mark of the last word on a pull request of ours, which was for the one with this number."""
    return f"<!-- remigrate:closing for={number} -->"


def proposal(*, for_findings: bool) -> str:
    """Mark of the text of a pull request of ours; with `for_findings`, it is of no more use when
    there are none."""
    return _FOR_FINDINGS if for_findings else ""


def is_for_findings(body: str) -> bool:
    """Whether a pull request of ours was made because something was wrong."""
    return _FOR_FINDINGS in body
