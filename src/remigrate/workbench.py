"""The project's Django with scratch databases for it, on a server that is there for this run."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from remigrate import errors, runtime, server_home, servers
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from remigrate.options import Options

_PREFIX = "remigrate-reset-"
"""Of folders for scratch databases."""
_OUTPUT = 1 << 28
"""Bytes that the project's code may print, the probe's answer among them."""
_FAREWELL = 60.0
"""Seconds for dropping scratch databases."""


class Workbench:
    """The project's Django, with scratch databases for it; used in a ``with`` block."""

    def __init__(
        self,
        parts: Sequence[str],
        place: runtime.Place,
        workshop: runtime.Workshop | None,
        options: Options,
        environ: Mapping[str, str],
        warn: Callable[[str, str], None],
        alias: str | None = None,
    ) -> None:
        """`parts` are the probe's; the last of them answers, "clean" among the commands. With an
        `alias` every command is about that database of the project, which they may then reach."""
        limits = place.limits._replace(seconds=options.migrate_time_limit, output=_OUTPUT)
        self._parts, self._alias = parts, alias
        self._place = place._replace(limits=limits, patience="migrate-time-limit")
        self._environ, self._warn = environ, warn
        self._workshop = workshop
        self._token = secrets.token_hex(4)
        self._named = servers.named(options.database) if options.database else {}
        self._servers: dict[str, Any] = dict(self._named)
        self._ends = contextlib.ExitStack()
        self._asked = False
        self._lag: list[Any] = []

    def __enter__(self) -> Workbench:
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
        self._lag += [each for each in data.get("lag", ()) if each not in self._lag]
        whole = {"lag": self._lag, **data, "servers": self._servers, "token": self._token}
        if self._alias is None:
            return runtime.ask(self._place, command, view, self._parts, whole)
        whole["alias"] = self._alias
        return runtime.ask(self._place, command, view, self._parts, whole, databases="own")
