"""The flow of ``remigrate reset``: what is there, what it becomes, the proof, then the files."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from remigrate import drift, errors, git, runtime, server_home, servers
from remigrate.outcome import ChangedFile, Check, Reset
from remigrate.reset import changes, formatting, ground, keeping, squash, writing
from remigrate.reset.request import PARTS
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from remigrate.console import Console
    from remigrate.load import Cache
    from remigrate.options import Options
    from remigrate.reset.found import Found
    from remigrate.reset.ground import Ground

_PREFIX = "remigrate-reset-"
"""Of folders for scratch databases."""
_OUTPUT = 1 << 28
"""Bytes that the project's code may print, the probe's answer among them."""
_FAREWELL = 60.0
"""Seconds for dropping scratch databases."""


class Asked:
    """The project's Django, with scratch databases for it; used in a ``with`` block."""

    def __init__(
        self,
        place: runtime.Place,
        options: Options,
        environ: Mapping[str, str],
        warn: Callable[[str, str], None],
    ) -> None:
        limits = place.limits._replace(seconds=options.migrate_time_limit, output=_OUTPUT)
        self._place = place._replace(limits=limits, patience="migrate-time-limit")
        self._environ, self._warn = environ, warn
        self._token = secrets.token_hex(4)
        self._named = servers.named(options.database) if options.database else {}
        self._servers: dict[str, Any] = dict(self._named)
        self._ends = contextlib.ExitStack()
        self._asked = False
        self._lag: list[Any] = []

    def __enter__(self) -> Asked:
        try:
            held = server_home.held(tempfile.gettempdir(), _PREFIX)
            self._folder = folder = self._ends.enter_context(held)
        except servers.NoServer as error:
            raise errors.EnvironmentFailure(
                f"there is no place for scratch databases: {error}", "Name a folder: TMPDIR=…"
            ) from error
        if not self._named:
            self._servers["sqlite"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder}
        return self

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
            raise errors.EnvironmentFailure(
                f"nothing can be proved without a {vendor} server: {error}",
                "Install one, or name one where databases may be made: --database URL.",
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
    say: Console,
) -> Reset:
    """Reset the apps that `options` ask for. Files are written when the proof holds, or never."""
    # A bare repository is refused by the survey.
    if repository.top and (recovered := writing.recover(repository.top, environ)):
        say.remark(recovered)
    start = ground.survey(repository, options, cache)
    place = drift.find(repository, start.project, options._replace(drift=True), environ)
    with Asked(place, options, environ, say.warn) as asked:
        if options.finish or options.strategy in ("rebase", "merge"):
            found = keeping.run(start, options, asked, say.progress)
        else:
            found = _squashed(start, options, place, asked, environ, say)
    return _concluded(start, options, found, environ)


def _squashed(
    start: Ground,
    options: Options,
    place: runtime.Place,
    asked: Asked,
    environ: Mapping[str, str],
    say: Console,
) -> Found:
    note = ""

    def formatted(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        nonlocal note
        python = place.interpreter.argv[0]
        done, note = formatting.formatted(start.top, place.folder, python, files, environ)
        return done

    def remark(text: str) -> None:
        if options.verbose:
            say.remark(text)

    found = squash.Work(start, options, asked, formatted, say.progress, remark).run()
    if note and found.changes:
        say.remark(note)
    return found


def _concluded(start: Ground, options: Options, found: Found, environ: Mapping[str, str]) -> Reset:
    checks: tuple[Check, ...] = found.judgement.checks if found.judgement else ()
    wanted = bool(found.changes) and _may_be_written(checks, options)
    if wanted and not options.dry_run:
        writing.write(start.top, found.changes, environ)
    return Reset(
        options.strategy,  # type: ignore[arg-type]
        start.base,
        found.apps,
        tuple(ChangedFile(each.path, each.action) for each in sorted(found.changes)),
        checks,
        (*found.warnings, *start.unreached),
        found.refused,
        wanted and not options.dry_run,
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


def _may_be_written(checks: Collection[Check], options: Options) -> bool:
    """Whether a proof is good enough: a difference can be accepted, a migration that fails not."""
    bad = ("failed",) if options.accept_differences else ("failed", "differs")
    return bool(checks) and all(check.result not in bad for check in checks)


def exit_code(reset: Reset, options: Options) -> int:
    """0 when files were written, or would be; else 1."""
    good = reset.written or (reset.dry_run and _may_be_written(reset.proof, options))
    return errors.OK if good and reset.files else errors.FINDINGS
