"""The flow of ``remigrate reset``: what is there, what it becomes, the proof, then the files."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from remigrate import drift, errors, git, runtime, servers
from remigrate.outcome import ChangedFile, Check, Reset
from remigrate.reset import changes, formatting, ground, keeping, squash, writing
from remigrate.reset.request import PARTS
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.console import Console
    from remigrate.load import Cache
    from remigrate.options import Options
    from remigrate.reset.found import Found
    from remigrate.reset.ground import Ground

_OUTPUT = 1 << 28
"""Bytes that the project's code may print, the probe's answer among them."""


class Asked:
    """The project's Django, with scratch databases for it; used in a ``with`` block."""

    def __init__(self, place: runtime.Place, options: Options, environ: Mapping[str, str]) -> None:
        limits = place.limits._replace(seconds=options.migrate_time_limit, output=_OUTPUT)
        self._place = place._replace(limits=limits)
        self._environ = environ
        self._url = options.database
        self._token = secrets.token_hex(4)
        self._servers: dict[str, Any] = {}
        self._ends = contextlib.ExitStack()
        self._asked = False
        self._lag: Any = ()

    def __enter__(self) -> Asked:
        folder = self._ends.enter_context(
            tempfile.TemporaryDirectory(prefix="remigrate-reset-", ignore_cleanup_errors=True)
        )
        self._folder = folder
        self._servers["sqlite"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder}
        if self._url:
            config = servers.from_url(self._url)
            self._servers[servers.vendor(str(config["ENGINE"]))] = servers.beside(config, "")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._url and self._asked:  # a server of ours goes with all that is on it
                self._once("clean", View(), {"lag": self._lag})
        finally:
            self._ends.close()

    def __call__(self, command: str, view: View, data: Mapping[str, Any]) -> dict[str, Any]:
        """What the probe answers; a server is started when it asks for one.

        Raises `EnvironmentFailure`, and `servers.NoServer` where the machine has no such server.
        """
        found = self._once(command, view, data)
        vendor = found.get("needs")
        if vendor:
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
        self._lag = data.get("lag", self._lag)
        whole = {**data, "servers": self._servers, "token": self._token}
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
    with Asked(place, options, environ) as asked:
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
    def formatted(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return formatting.formatted(
            start.top, place.folder, place.interpreter.argv[0], files, environ
        ).files

    def remark(text: str) -> None:
        if options.verbose:
            say.remark(text)

    return squash.Work(start, options, asked, formatted, say.progress, remark).run()


def _concluded(start: Ground, options: Options, found: Found, environ: Mapping[str, str]) -> Reset:
    checks: tuple[Check, ...] = found.judgement.checks if found.judgement else ()
    holds = found.judgement is not None and found.judgement.holds
    wanted = bool(found.changes) and (holds or options.accept_differences)
    if wanted and not options.dry_run:
        writing.write(start.top, found.changes, environ)
    return Reset(
        options.strategy,  # type: ignore[arg-type]
        start.base,
        found.apps,
        tuple(ChangedFile(each.path, each.action) for each in sorted(found.changes)),
        checks,
        found.warnings,
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
    )


def exit_code(reset: Reset) -> int:
    """0 when files were written, or would be; else 1."""
    good = reset.written or (reset.dry_run and all(c.result != "differs" for c in reset.proof))
    return errors.OK if good and reset.files else errors.FINDINGS
