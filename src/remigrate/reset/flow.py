"""The flow of ``remigrate reset``: what is there, what it becomes, the proof, then the files."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from remigrate import drift, errors, git, runtime, server_home, servers
from remigrate.outcome import ChangedFile, Check, Reset
from remigrate.reset import changes, formatting, ground, keeping, squash, writing
from remigrate.reset.request import PARTS
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from remigrate.load import Cache
    from remigrate.options import Options
    from remigrate.reset.file_change import FileChange
    from remigrate.reset.found import Found
    from remigrate.reset.ground import Ground

_PREFIX = "remigrate-reset-"
"""Of folders for scratch databases."""
_OUTPUT = 1 << 28
"""Bytes that the project's code may print, the probe's answer among them."""
_FAREWELL = 60.0
"""Seconds for dropping scratch databases."""


class Voice(Protocol):
    """Where the flow says what it does."""

    def progress(self, text: str) -> None: ...
    def remark(self, text: str) -> None: ...
    def warn(self, text: str, hint: str = "") -> None: ...


class Worked(NamedTuple):
    """What a reset comes to, before anything is written."""

    reset: Reset
    changes: tuple[FileChange, ...]
    """What may be written; nothing where the proof is not good enough."""


class Asked:
    """The project's Django, with scratch databases for it; used in a ``with`` block."""

    def __init__(
        self,
        place: runtime.Place,
        workshop: runtime.Workshop | None,
        options: Options,
        environ: Mapping[str, str],
        warn: Callable[[str, str], None],
    ) -> None:
        limits = place.limits._replace(seconds=options.migrate_time_limit, output=_OUTPUT)
        self._place = place._replace(limits=limits, patience="migrate-time-limit")
        self._environ, self._warn = environ, warn
        self._workshop = workshop
        self._token = secrets.token_hex(4)
        self._named = servers.named(options.database) if options.database else {}
        self._servers: dict[str, Any] = dict(self._named)
        self._ends = contextlib.ExitStack()
        self._asked = False
        self._lag: list[Any] = []

    def __enter__(self) -> Asked:
        if self._workshop:
            databases, self._folder = self._workshop.databases, self._workshop.servers
        else:
            databases = self._folder = self._held()
        if not self._named:
            self._servers["sqlite"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": databases}
        return self

    def _held(self) -> str:
        try:
            held = server_home.held(tempfile.gettempdir(), _PREFIX)
            return self._ends.enter_context(held)
        except servers.NoServer as error:
            raise errors.EnvironmentFailure(
                f"there is no place for scratch databases: {error}", "Name a folder: TMPDIR=…"
            ) from error

    def __exit__(self, _: object, error: BaseException | None, *__: object) -> None:
        try:
            if self._named and self._asked:  # a server of ours goes with all that is on it
                self._clean(str(error))
        finally:
            self._ends.close()

    def _clean(self, said: str) -> None:
        """Drop what was made on a server of the user. What ended this run, and said `said`, is told
        all the same; a server that nobody can reach is told of once."""
        limits = self._place.limits._replace(seconds=_FAREWELL)
        self._place = self._place._replace(limits=limits)
        try:
            self._once("clean", View(), {})
        except errors.EnvironmentFailure as failure:
            if str(failure) != said:
                names = f"remigrate_{self._token}_*"
                self._warn(
                    f"the scratch databases {names} could not be dropped: {failure}",
                    "Drop them yourself; no other run uses them.",
                )

    def __call__(self, command: str, view: View, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the probe answers; a server is started when it asks for one.

        Raises `EnvironmentFailure`, also where the machine has no such server, and `UsageFailure`
        where the one that was named is of another kind.
        """
        found = self._once(command, view, data)
        vendor = found.get("needs")
        if vendor:
            for named in self._named:
                raise errors.UsageFailure(
                    f"--database names one of {named}, and the project's is one of {vendor}",
                    "Name one of the same kind, or leave --database out.",
                )
            server = self._started(vendor)
            self._servers[vendor] = server.config
            found = self._once(command, view, data)
        return found

    def _started(self, vendor: Any) -> servers.Server:
        try:
            return self._ends.enter_context(servers.start(vendor, self._folder, self._environ))
        except servers.NoServer as error:
            cure = "Install one, or name one where databases may be made: --database URL."
            raise errors.EnvironmentFailure(
                f"nothing can be proved without a {vendor} server: {error}",
                self._workshop.no_server if self._workshop else cure,
            ) from error

    def _once(self, command: str, view: View, data: Mapping[str, Any]) -> dict[str, Any]:
        self._asked = True
        if command == "record":
            self._lag += [each for each in data["lag"] if each not in self._lag]
        whole = {"lag": self._lag, **data, "servers": self._servers, "token": self._token}
        return runtime.ask(self._place, command, view, PARTS, whole)


def run(
    repository: git.Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Voice,
) -> Reset:
    """Reset the apps that `options` ask for. Files are written when the proof holds, or never."""
    # A bare repository is refused by the survey.
    if repository.top and (recovered := writing.recover(repository.top, environ)):
        say.remark(recovered)
    reset, changes = worked_out(repository, options, environ, cache, say)
    if options.dry_run or not changes:
        return reset
    assert repository.top
    writing.write(repository.top, changes, environ)
    return reset._replace(written=True)


def worked_out(
    repository: git.Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Voice,
    workshop: runtime.Workshop | None = None,
) -> Worked:
    """The reset that `options` ask for, proved; nothing is written.

    The project's code runs in the `workshop`, or else as the user's own.
    """
    start = ground.survey(repository, options, cache)
    if workshop:
        place = workshop.place
    else:
        place = drift.find(repository, start.project, options._replace(drift=True), environ)
    with Asked(place, workshop, options, environ, say.warn) as asked:
        if options.finish or options.strategy in ("rebase", "merge"):
            found = keeping.run(start, options, asked, say.progress)
        else:
            # What formats is run as the user, so the environment must be the user's.
            python = None if workshop else place.interpreter.argv[0]
            found = _squashed(start, options, (place.folder, python), asked, environ, say)
    return _concluded(start, options, found)


def _squashed(
    start: Ground,
    options: Options,
    project: tuple[str, str | None],
    asked: Asked,
    environ: Mapping[str, str],
    say: Voice,
) -> Found:
    """`project` is its folder, and the interpreter beside which its formatter may be."""
    note = ""

    def formatted(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        nonlocal note
        done, note = formatting.formatted(start.top, *project, files, environ)
        return done

    def remark(text: str) -> None:
        if options.verbose:
            say.remark(text)

    found = squash.Work(start, options, asked, formatted, say.progress, remark).run()
    if note and found.changes:
        say.remark(note)
    return found


def _concluded(start: Ground, options: Options, found: Found) -> Worked:
    checks: tuple[Check, ...] = found.judgement.checks if found.judgement else ()
    wanted = bool(found.changes) and _may_be_written(checks, options)
    reset = Reset(
        options.strategy,  # type: ignore[arg-type]
        start.base,
        found.apps,
        tuple(ChangedFile(each.path, each.action) for each in sorted(found.changes)),
        checks,
        (*found.warnings, *start.unreached),
        found.refused,
        False,
        options.dry_run,
        start.start,
        options.guard and not options.keep_replaced and options.strategy == "squash",
        options.keep_replaced,
        options.finish,
        found.carried,
        found.left_out,
        found.times,
        (),
        changes.diff(found.changes) if options.dry_run else "",
        found.idle,
    )
    return Worked(reset, tuple(found.changes) if wanted else ())


def _may_be_written(checks: Collection[Check], options: Options) -> bool:
    """Whether a proof is good enough: a difference can be accepted, a migration that fails not."""
    bad = ("failed",) if options.accept_differences else ("failed", "differs")
    return bool(checks) and all(check.result not in bad for check in checks)


def exit_code(reset: Reset, options: Options) -> int:
    """0 when files were written, or would be; else 1."""
    good = reset.written or (reset.dry_run and _may_be_written(reset.proof, options))
    return errors.OK if good and reset.files else errors.FINDINGS
