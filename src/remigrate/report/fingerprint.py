"""The identity of a finding, by which one run recognises what an earlier one reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remigrate.model import Finding


def fingerprint(finding: Finding) -> str:
    """32 hexadecimal digits made of code, app and migrations: moved lines do not change it."""
    from hashlib import sha256

    identity = (finding.code, finding.app, *sorted(finding.migrations))
    return sha256(ascii(identity).encode("ascii")).hexdigest()[:32]
