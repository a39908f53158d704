"""Runs the probe in the project's own interpreter, and says readably why it could not.

The probe is sent over standard input: an interpreter in a container needs nothing installed.
Its reply is known by a number that only this run knows, whatever else the project prints.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar

from remigrate import bounded
from remigrate.errors import BrokenGraph, EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from remigrate.interpreters import Interpreter
    from remigrate.view import View

PROTOCOL = 1
_Read = TypeVar("_Read")
_LINES = 12
"""Lines of the project's own output that a failure shows."""
_IMPORTING = '  File "<frozen importlib.'
"""Python's own way through an import, in a traceback."""


class Runner(Protocol):
    """Runs a program within limits: `bounded.run`, or the sandbox's."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: bytes = b"",
        limits: bounded.Limits | None = None,
    ) -> bounded.Output: ...


class Place(NamedTuple):
    """Where the project's code is, and how it is run."""

    top: str
    """Absolute top of the tree."""
    folder: str
    """Folder of ``manage.py``, from the top; ``.`` for the top itself."""
    manage: str
    """``manage.py``, from the top; empty when there is none."""
    interpreter: Interpreter
    settings: str | None
    """Settings module; None for what the environment says."""
    environ: Mapping[str, str]
    limits: bounded.Limits = bounded.Limits()
    run: Runner = bounded.run
    patience: str = "time-limit"
    """The setting that the limit on time comes from."""

    @property
    def home(self) -> str:
        """Absolute folder of ``manage.py``: what the code finds as its current directory."""
        return os.path.normpath(os.path.join(self.top, self.folder))

    def typed(self, *words: str) -> str:
        """A command of the project's Django, as people type it in `home`."""
        # docker compose exec -T is for who has no terminal.
        prefix = [word for word in self.interpreter.argv if word != "-T"]
        python = prefix if self.interpreter.is_prefix else ("python",)
        settings = ("--settings", self.settings) if self.settings else ()
        manage = (os.path.basename(self.manage),) if self.manage else ("-m", "django")
        return shlex.join([*python, *manage, *words, *settings])

    def entered(self, folder: str) -> tuple[str, ...]:
        """What people type first who are in that folder, to be in `home`."""
        way = os.path.relpath(self.home, folder)
        return () if way == "." else (shlex.join(["cd", way]),)


class Workshop(NamedTuple):
    """Where the project's code runs, when that is not where the user works."""

    place: Place
    databases: str
    """Folder for SQLite's scratch databases, which the code may write to."""
    servers: str
    """Folder below which scratch servers may keep their data."""
    no_server: str
    """What to do where the machine has no server of the project's kind."""


def ask(
    place: Place,
    command: str,
    view: View,
    parts: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
    databases: Literal["scratch", "own"] = "scratch",
) -> dict[str, Any]:
    """What the probe answers to `command`. Raises `EnvironmentFailure` with the way out.

    `parts` names other files of the probe that the command needs, `about` is its data. With "own"
    databases these parts, and not the project's code, know where the project's are.
    """
    nonce = secrets.token_hex(16)
    request = {
        "protocol": PROTOCOL,
        "nonce": nonce,
        "command": command,
        "settings": place.settings,
        "manage": bool(place.manage),
        "top": os.path.relpath(place.top, place.home),
        "view": {
            "files": {path: base64.b64encode(c).decode() for path, c in view.files.items()},
            "hidden": list(view.hidden),
        },
        "memory": place.limits.memory,
        "parts": [[name, _source(name).decode()] for name in parts],
        "data": about,
        "databases": databases,
    }
    argv = [*place.interpreter.argv, "-"]
    # The probe limits itself: an interpreter in a container is out of reach of our own limits.
    limits = place.limits._replace(memory=None)
    try:
        output = place.run(
            argv, cwd=place.home, env=place.environ, stdin=_program(request), limits=limits
        )
    except OSError as error:
        raise EnvironmentFailure(
            f"{argv[0]} cannot be started: {error.strerror}",
            "Name the project's interpreter: --python, or python in [tool.remigrate].",
        ) from error
    envelope = _envelope(output.stdout, nonce)
    if envelope is None:
        raise _silence(place, output)
    if envelope.get("status") != "ok":
        raise _failure(place, envelope, output)
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise EnvironmentFailure(_FORGED, _WRONG_INTERPRETER)
    return data


_FORGED = "the project's interpreter gave an answer of another shape than the probe's"


def demand_shape(read: Callable[[dict[str, Any]], _Read], data: dict[str, Any]) -> _Read:
    """What `read` makes of an answer. Raises `EnvironmentFailure` where it is not the probe's.

    The probe runs beside the project's code, which can answer in its place.
    """
    try:
        return read(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EnvironmentFailure(_FORGED, _WRONG_INTERPRETER) from error


def _program(request: Mapping[str, object]) -> bytes:
    return _source("script") + f"\nmain({json.dumps(request)!r})\n".encode()


def _source(name: str) -> bytes:
    path = os.path.join(os.path.dirname(__file__), "probe", f"{name}.py")
    with open(path, "rb") as file:
        return file.read()


def _envelope(stdout: bytes, nonce: str) -> dict[str, Any] | None:
    """The reply among all that was printed; None when there is none, or not a whole one."""
    mark = nonce.encode() + b" "
    for line in reversed(stdout.split(b"\n")):
        if line.startswith(mark):
            try:
                found = json.loads(line[len(mark) :])
            except (ValueError, RecursionError):
                return None
            return found if isinstance(found, dict) and found.get("protocol") == PROTOCOL else None
    return None


def _silence(place: Place, output: bounded.Output) -> EnvironmentFailure:
    """Why there is no reply."""
    said = _last_lines(output.stderr)
    if output.stopped == "time":
        return EnvironmentFailure(
            f"the project's code did not come to an end in {place.limits.seconds:g} seconds",
            _told(said, place, f"More time: {place.patience} in [tool.remigrate]."),
        )
    if output.stopped == "output":
        return EnvironmentFailure(
            "the project's code printed more than "
            f"{place.limits.output // 2**20} MiB and was stopped",
            _told(said, place, "Find what its settings or apps print when they are imported."),
        )
    how = f"signal {-output.code}" if output.code < 0 else f"exit status {output.code}"
    way = _NOT_UP if place.interpreter.is_prefix else _WRONG_INTERPRETER
    return EnvironmentFailure(
        f"the project's interpreter ended without an answer ({how})", _told(said, place, way)
    )


_IN_ACTION = "In the action: the input env."
_WRONG_INTERPRETER = "Is it the right interpreter? --python, or python in [tool.remigrate]."
_NOT_UP = "Is the container up that it leads to? --python, or python in [tool.remigrate]."


def _failure(
    place: Place, envelope: Mapping[str, Any], output: bounded.Output
) -> EnvironmentFailure:
    """What the probe says went wrong, with the way out."""
    error = envelope.get("error") or {}
    kind, message = str(error.get("kind")), str(error.get("message"))
    if kind == "checks":
        return EnvironmentFailure(
            "Django's checks of the models fail", "\n".join(map(_check, error.get("checks", ())))
        )
    said = _last_lines(str(error.get("traceback") or "").encode() or output.stderr)
    variable = error.get("variable")
    if variable:
        return EnvironmentFailure(
            f"the settings want the environment variable {variable}, which is not set",
            _told(said, place, f"Set it: {variable}=… remigrate check --drift. {_IN_ACTION}"),
        )
    what, way = _KINDS.get(kind, _KINDS["other"])
    if message.startswith("ModuleNotFoundError"):
        way = f"{_WRONG_INTERPRETER}\n{way}"
    failure = BrokenGraph if kind == "graph" else EnvironmentFailure
    return failure(f"{what}: {message}", _told(said, place, way))


_KINDS = {
    "no-django": ("the project's interpreter has no Django", _WRONG_INTERPRETER),
    "settings": ("the settings cannot be used", "Name others: --settings, or --manage PATH."),
    "import": ("the project's apps cannot be loaded", "Install what is missing, or mend the code."),
    "graph": ("Django cannot load the migrations", "remigrate check --no-drift tells more."),
    "exit": ("the project's code ended the process", "Nothing may end it while it is imported."),
    "memory": (
        "the project's code needs more memory than it may have",
        "More memory: memory-limit in [tool.remigrate], in MiB.",
    ),
    "other": ("the project's code failed", "The lines above tell where."),
}


def _check(row: Mapping[str, Any]) -> str:
    place = f"{row['path']}:{row['line']}: " if row.get("path") else ""
    hint = f" {row['hint']}" if row.get("hint") else ""
    return f"{place}({row.get('id')}) {row.get('message')}{hint}"


def _told(said: str, place: Place, way: str) -> str:
    """The project's own last lines, what was tried, and what to do."""
    asked = " ".join(place.interpreter.argv)
    settings = place.settings or place.environ.get("DJANGO_SETTINGS_MODULE", "as manage.py says")
    tried = f"Tried: {asked} ({place.interpreter.why}), settings {settings}, in {place.home}"
    return "\n".join(filter(None, [said, tried, way]))


def _last_lines(text: bytes) -> str:
    said = text.decode("utf-8", "replace").strip().splitlines()
    lines = [line for line in said if line.strip(" ^~") and not line.startswith(_IMPORTING)]
    return "\n".join(f"  | {line[:300]}" for line in lines[-_LINES:])
