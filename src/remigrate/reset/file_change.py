"""What a reset does to one file: strategies make it, the proof tries it, the journal keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from remigrate.outcome import Action


class FileChange(NamedTuple):
    """One file as it is and as it will be; None where there is none."""

    path: str
    """From the top, with ``/``."""
    before: bytes | None
    """What the change was made from."""
    after: bytes | None

    @property
    def action(self) -> Action:
        if self.before is None:
            return "add"
        return "delete" if self.after is None else "change"
