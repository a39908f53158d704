"""Hidden marks in our comments and pull requests, by which a later run knows them again. Pure.

A mark alone proves nothing, as anybody can write one: who wrote the comment has to be asked, too.
"""

from __future__ import annotations

import re

REFUSED = "<!-- remigrate:refused -->"
"""In the one answer to those who may not give orders."""
_REPORT = "<!-- remigrate:report head={} -->"
_REPORTED = re.compile(r"<!-- remigrate:report head=([0-9a-f]{40}) -->")
REPORT = "<!-- remigrate:report "
"""How the mark of the check's comment begins."""
SUGGESTION = "<!-- remigrate:suggestion "
"""How the mark of a suggestion begins."""
_FOR_FINDINGS = "<!-- remigrate:for-findings -->"


def report(head: str) -> str:
    """Mark of the check's comment: which commit of the pull request it is about."""
    return _REPORT.format(head)


def reported(body: str) -> str:
    """The commit that a comment of the check is about; empty for another comment."""
    found = _REPORTED.search(body)
    return found[1] if found else ""


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
