"""What a reset came to: plain values, for every report about it.

`schemas/reset-v1.json` describes the part that other programs read; the rest is for people.
"""

from typing import Literal, NamedTuple

Strategy = Literal["squash", "rebase", "merge", "fresh"]
How = Literal["compact", "compact+tail", "faithful"]
Action = Literal["add", "change", "delete"]
CheckName = Literal["graph", "state", "drift", "fresh-schema", "fresh-data", "upgrade", "lagging"]
Verdict = Literal["proved", "differs", "skipped", "failed"]


class AppReset(NamedTuple):
    """An app whose history was rewritten."""

    label: str
    before: int
    """Migrations that it had."""
    after: int
    how: How
    landed: str = ""
    """The app's last landed migration under its old name; ``zero`` when none had landed."""
    renewed: bool = False
    """Whether new migrations got other names or contents: a database that applied the old ones has
    to go back to `landed` first."""


class ChangedFile(NamedTuple):
    """A file of the work tree that a reset writes or deletes."""

    path: str
    """From the top of the repository, with ``/``."""
    action: Action


class Check(NamedTuple):
    """One check of the proof, on one database."""

    check: CheckName
    database: str | None
    """Vendor and version, as in ``postgresql 15.18``; None where no database has a part in it."""
    result: Verdict
    why: str = ""
    """Why it was skipped or failed; what was seen."""
    seconds: float = 0.0
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was put aside, in words: columns in another order, cells that are never the same."""


class HandWritten(NamedTuple):
    """Operations that no autodetector writes, and what became of them."""

    app: str
    migration: str
    """Name of the old migration."""
    operation: str
    """As in ``RunPython(fill_prices)``."""


class MigrateTime(NamedTuple):
    """Seconds of processor time that ``migrate`` takes on an empty database, a server's aside."""

    database: str
    before: float
    after: float


class Refused(NamedTuple):
    """An app that was left as it is."""

    app: str
    why: str


class Reset(NamedTuple):
    """The outcome of a reset, ready to be rendered."""

    strategy: Strategy
    base: str | None
    """Commit id of base; None where everything in the work tree counts as landed."""
    apps: tuple[AppReset, ...] = ()
    files: tuple[ChangedFile, ...] = ()
    proof: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    written: bool = False
    """Whether the work tree holds the new files now."""
    dry_run: bool = False
    start: str | None = None
    """Commit that the work tree stood at: what to deploy first where there is no base."""
    guarded: bool = False
    """Whether a guard against lagging databases is in the new files."""
    kept: bool = False
    """Whether the files that the squashes replace stay (``--keep-replaced``)."""
    finished: bool = False
    """Whether this was ``--finish``: replaced files and ``replaces`` go."""
    carried: tuple[HandWritten, ...] = ()
    left_out: tuple[HandWritten, ...] = ()
    """Hand-written operations that did nothing on an empty database."""
    times: tuple[MigrateTime, ...] = ()
    advice: tuple[str, ...] = ()
    """What teammates and deployers have to know about this reset beside what is always told."""
    diff: str = ""
    """Unified, for a dry run."""
    idle: tuple[str, ...] = ()
    """Labels of apps that have several migrations and would not get shorter, where all were asked
    for; one that was named is refused."""
