"""The probe: asks a project's own Django, in the project's own interpreter; changes nothing.

One file, standard library and Django only, Python 3.8 and Django 3.2 or newer. It is not imported:
``<interpreter> -`` gets on stdin this source, followed by one last line ``main("<request>")``, in
the folder of ``manage.py``. The request is JSON in an ASCII string literal.

Request
    protocol    1
    nonce       word that the reply starts with, so that nothing a project prints is taken for it
    command     "drift", or one that the last of the parts answers
    parts       [[name, source]] of other files beside this one, in the order in which they import
                each other as ``from remigrate.probe import name``; none for "drift"
    data        what such a command wants to know; see the header of that part
    settings    dotted name of the settings module; null for DJANGO_SETTINGS_MODULE as it is
    manage      whether to go through manage.py of the working directory, as far as where it hands
                over to Django: some extend sys.path or read a .env file. Default: false.
    top         top of the repository, absolute or relative to the working directory
    view        {"files": {path: base64 of the content}, "hidden": [path]}, paths relative to `top`
                with "/". Python imports `files` as given here, on disk or not; files in `hidden`
                are neither imported nor listed (`pkgutil.iter_modules`, `os.listdir`). A folder of
                which the view leaves no file is not there. Other ways of reading see the disk.
    memory      limit of the address space in bytes, or null
    databases   "own" to keep how the project's databases are reached, for the parts; the project's
                code does not get to them either way. Default: "scratch".

Reply
    One line ``<nonce> <json>`` on the stdout that we were started with, after a line's end and
    before one, ASCII; then the process ends with 0, whatever threads and exit hooks are left. What
    the project prints goes to stderr. No reply means that the process was ended by something else.

    protocol, python ("3.11.7"), django ("5.2.1" or null), status "ok" or "failed",
    data        null when failed
    error       null when ok, else
        kind        no-django   Django cannot be imported
                    settings    none named, not found, not importable, or not usable
                    import      apps, models or migrations cannot be imported
                    checks      Django's system checks of models found errors (see checks)
                    graph       the migrations do not make a graph or a state, in Django's words
                    exit        the project called sys.exit
                    memory      MemoryError
                    other       anything else
        message     one line: type, text and, in brackets, file:line of the project's last frame
        traceback   its last 30 lines, without frames of this file
        variable    name of the environment variable that is missing, when the exception says so
        checks      for that kind only: [{id, message, hint, object, path, line}]

Data of "drift": what ``makemigrations --check --dry-run`` decides, and no database is asked
    apps        [{label, name, path, first_party, module, folder}], every installed app.
                module: dotted name of its migrations, null where MIGRATION_MODULES says None;
                folder: where they are, null where there is no such package.
                first_party: its code, or its migrations, are below `top`, and not in
                site-packages, dist-packages or a virtual environment there.
    conflicts   {label: [leaf, leaf]}. Where there are any, Django stops: changes is empty then,
                and nothing is known about drift.
    changes     [{app, first_party, migration, path, source, unwritable, operations}]
                migration: name that Django gives it; path: file that makemigrations would write,
                or null; source: what would be in it; null with a reason in unwritable, as when a
                default would have to be asked for, or a value cannot be written.
                operations: [{text, model, field, path, line}]. path and line: the assignment of
                the field, in the class that declares it, or else the model's class statement; the
                models module, line 1, of a model that is gone; both null when not found.
    questions   [{app, model, field, kind, text}]: what Django would have asked a person. kind:
                rename-field and rename-model (answered no: such a source drops and adds, so do not
                write it without asking), not-null-addition, not-null-alteration, auto-now-add,
                unique-callable-default (the migration needs to be edited by hand).
    settings    name of the settings module that was used
    urls        null, or why the URLs could not be imported, in one line. Django imports them
                before it compares, so models that nothing else imports were not seen.
    read        what this answer rests on, for remembering it
        files       that existed, of modules and otherwise opened for reading; those of the
                    standard library, of site-packages and bytecode excepted
        missing     files that were asked for in vain: opened, or only looked for
        links       folders of `files` that are reached through a symbolic link, as they were named
        folders     listed or searched for modules, and those of first-party apps and migrations
        variables   names of environment variables that were looked up
        executable  sys.executable
        path        sys.path
        all_variables   somebody looked at all of them: any code but the few modules of the
                        standard library that only hand the environment on

Paths in data are relative to `top` with "/" when below it, else absolute.

Every database alias is pointed at a place where no server is (SQLite: at memory) as soon as the
settings are there, before apps are loaded. A project's own ``makemigrations`` command is used:
its autodetector, and what its ``handle`` does before it calls Django's.
"""

from __future__ import annotations

import ast
import binascii
import contextlib
import copy
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import linecache
import os
import pkgutil
import re
import signal
import sys
import traceback
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PROTOCOL = 1
LINES = 30
"""Of a traceback."""
LONGEST = 600
"""Characters of a message."""


# --- the way back -------------------------------------------------------------------------------


class Channel:
    """A private copy of stdout; the project's own prints go to stderr from here on."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._process = os.getpid()
        self._copy = os.dup(1)  # not inherited by programs
        try:
            os.dup2(2, 1)
        except OSError:  # stderr is closed
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def send(self, envelope: dict[str, Any]) -> NoReturn:
        """Reply, and end this process whatever is still running in it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        if os.getpid() == self._process:  # not a copy that the project made with fork
            line = f"\n{self._nonce} {json.dumps(envelope, default=str)}\n"
            rest = memoryview(line.encode("ascii"))
            os.set_blocking(self._copy, True)
            while rest:
                rest = rest[os.write(self._copy, rest) :]
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the project's: closed, replaced, None
                stream.flush()
        os._exit(0)


# --- where things are ---------------------------------------------------------------------------


class Places:
    """Knows what belongs to the repository, and how its paths are written in a reply."""

    def __init__(self, top: str) -> None:
        self._lexical = _absolute(top)
        self.top = os.path.realpath(top)
        self._folders: dict[str, str] = {}
        library = os.path.dirname(os.path.realpath(os.__file__))
        prefix = os.path.realpath(sys.prefix)
        apart = [library] if sys.prefix == sys.base_prefix else [library, prefix]
        if _below(prefix, self.top):  # a virtual environment in the repository
            apart.append(prefix)
        self._apart = [place for place in apart if not _below(self.top, place)]

    def real_folder(self, path: str) -> str:
        """Without links; remembered."""
        if path not in self._folders:
            self._folders[path] = os.path.realpath(path)
        return self._folders[path]

    def real(self, path: str) -> str:
        """Without links on the way to the file."""
        folder, name = os.path.split(path)
        return os.path.join(self.real_folder(folder), name)

    def relative(self, path: str) -> str | None:
        """To the top, with slashes; None outside of it."""
        for place, top in ((self.real(path), self.top), (_absolute(path), self._lexical)):
            if _below(place, top):
                return os.path.relpath(place, top).replace(os.sep, "/")
        return None

    def shown(self, path: str | None) -> str | None:
        """As the reply has it."""
        return path and (self.relative(path) or _absolute(path))

    def installed(self, path: str) -> bool:
        """Whether it is of the standard library, of an environment, or of an installed package."""
        real = self.real(path)
        if any(_below(real, place) for place in self._apart):
            return True
        parts = (self.relative(path) or path).replace(os.sep, "/").split("/")
        return "site-packages" in parts or "dist-packages" in parts

    def first_party(self, path: str) -> bool:
        """Whether it is the repository's own."""
        return self.relative(path) is not None and not self.installed(path)


_START = os.getcwd()


def _absolute(path: str) -> str:
    """As `os.path.abspath`, also when the project is in a folder that is gone."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return os.path.normpath(os.path.join(_START, path))


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip(os.sep) + os.sep)


# --- the files as the request has them ----------------------------------------------------------


class View:
    """Files that are there, or not there, whatever the disk says."""

    def __init__(self, places: Places, view: dict[str, Any]) -> None:
        self._places = places
        self.files = {
            self._full(path): binascii.a2b_base64(text) for path, text in view["files"].items()
        }
        self.hidden = {self._full(path) for path in view["hidden"]}
        self._names = {os.path.basename(path) for path in [*self.files, *self.hidden]}
        self.folders: dict[str, set[str]] = {}
        """Every folder on the way to such a file, with the names in it that lead there."""
        for path in [*self.files, *self.hidden]:
            while path != places.top:
                path, name = os.path.split(path)
                self.folders.setdefault(path, set()).add(name)

    def _full(self, path: str) -> str:
        return os.path.join(self._places.top, *path.split("/"))

    def key(self, path: str) -> str | None:
        """The path by which `files` and `hidden` would know it, if they could."""
        return self._places.real(path) if os.path.basename(path) in self._names else None

    def is_file(self, path: str) -> bool:
        key = self.key(path)
        return key in self.files or key not in self.hidden and os.path.isfile(path)

    def is_folder(self, path: str) -> bool:
        """Whether it is there; one on the way to our files is when it holds any file."""
        real = self._places.real_folder(path)
        if real not in self.folders:
            return os.path.isdir(path)
        if any(_below(file, real) for file in self.files):
            return True
        return any(
            os.path.join(folder, name) not in self.hidden
            for folder, _, names in os.walk(real)
            if os.path.basename(folder) != "__pycache__"
            for name in names
        )

    def names(self, folder: str, listed: Iterable[str]) -> list[str]:
        """What a listing of such a folder has to say."""
        doubtful = self.folders[folder]
        sure = [name for name in listed if name not in doubtful]
        paths = ((name, os.path.join(folder, name)) for name in sorted(doubtful))
        return sure + [name for name, path in paths if self.is_file(path) or self.is_folder(path)]

    def read(self, path: str) -> bytes:
        key = self.key(path)
        if key in self.files:
            return self.files[key]
        with open(path, "rb") as file:
            return file.read()

    def install(self) -> None:
        """Make Python's imports and listings see it."""
        if not self.folders:
            return
        self._override_source()
        self._override_listing()
        self._override_lines()
        pkgutil.iter_importer_modules.register(ViewFinder, _listed_modules)  # type: ignore[attr-defined]
        sys.path_hooks.insert(0, self._finder)
        sys.path_importer_cache.clear()

    def _finder(self, path: str) -> ViewFinder:
        folder = _absolute(path)
        if self._places.real_folder(folder) not in self.folders:
            raise ImportError("nothing here is ours", path=path)
        return ViewFinder(folder, self)

    def _override_source(self) -> None:
        """For every loader of source, also those that editable installations make."""
        kind: Any = importlib.machinery.SourceFileLoader
        get_code, get_data = kind.get_code, kind.get_data

        def viewed_code(loader: Any, fullname: str) -> Any:
            key = self.key(loader.path)
            if key in self.hidden:
                raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            if key in self.files:  # and no bytecode is read or written
                return loader.source_to_code(self.files[key], loader.path)
            return get_code(loader, fullname)

        def viewed_data(loader: Any, path: str) -> Any:
            key = self.key(path)
            return self.files[key] if key in self.files else get_data(loader, path)

        kind.get_code, kind.get_data = viewed_code, viewed_data

    def _override_listing(self) -> None:
        """Django looks by itself whether a migrations package is empty."""
        listdir: Any = os.listdir

        def viewed(path: Any = ".") -> Any:
            if not isinstance(path, (str, os.PathLike)):
                return listdir(path)
            folder = self._places.real_folder(_absolute(os.fspath(path)))
            if folder not in self.folders or not self.is_folder(folder):
                return listdir(path)
            return self.names(folder, listdir(path) if os.path.isdir(folder) else ())

        os.listdir = viewed

    def _override_lines(self) -> None:
        """An entry without a time is kept; see `linecache.checkcache`."""
        for path, content in self.files.items():
            if path.endswith(".py"):
                try:
                    text = importlib.util.decode_source(content)
                except (SyntaxError, UnicodeDecodeError):
                    continue  # importing it will say so
                linecache.cache[path] = (len(text), None, text.splitlines(True), path)


_LOADERS: tuple[tuple[Any, list[str]], ...] = (
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)


class ViewFinder(importlib.machinery.FileFinder):
    """Finds modules in a folder on the way to files of the view."""

    def __init__(self, path: str, view: View) -> None:
        super().__init__(path, *_LOADERS)
        self.view = view
        real = os.path.realpath(path)
        self._doubtful = {name.partition(".")[0] for name in view.folders[real]}

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> Any:
        name = fullname.rpartition(".")[2]
        if name not in self._doubtful:
            return super().find_spec(fullname, target)
        base = os.path.join(self.path, name)
        package = self._spec(fullname, os.path.join(base, "__init__"), [base])
        found = package or self._spec(fullname, base, None)
        if found is None and self.view.is_folder(base):
            found = importlib.machinery.ModuleSpec(fullname, None)
            found.submodule_search_locations = [base]
        return found

    def _spec(self, fullname: str, stem: str, locations: list[str] | None) -> Any:
        for loader, suffixes in _LOADERS:
            for path in (stem + suffix for suffix in suffixes):
                if self.view.is_file(path):
                    return importlib.util.spec_from_file_location(
                        fullname,
                        path,
                        loader=loader(fullname, path),
                        submodule_search_locations=locations,
                    )
        return None


def _listed_modules(finder: ViewFinder, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """As `pkgutil` lists the modules of a folder, packages before modules of the same name."""
    view = finder.view
    found: dict[str, bool] = {}
    real = os.path.realpath(finder.path)
    for name in sorted(view.names(real, os.listdir(real) if os.path.isdir(real) else ())):
        path = os.path.join(real, name)
        module = inspect.getmodulename(name)
        if module and module != "__init__" and view.is_file(path):
            found.setdefault(module, False)
        elif "." not in name and view.is_file(os.path.join(path, "__init__.py")):
            found[name] = True
    for name, package in found.items():
        if "." not in name:
            yield prefix + name, package


# --- what the answer rests on -------------------------------------------------------------------


class WatchedStat:
    """``os.stat`` that remembers what was asked for.

    No function: `pathlib` of Python 3.9 and older keeps it in a class, where one would be a method.
    """

    def __init__(self, seen: set[str]) -> None:
        self._seen, self._stat = seen, os.stat

    def __call__(self, path: Any, *args: Any, **options: Any) -> os.stat_result:
        _remember(self._seen, path)
        return self._stat(path, *args, **options)


class Trace:
    """Remembers what was opened, listed and looked up while the project ran."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.listed: set[str] = set()
        self.looked_for: set[str] = set()
        self.replaceable = True
        """Whether the project may put another program in the place of this one."""
        self.variables: set[str] = set()
        self.all_variables = False
        self.lookup: CodeType | None = None
        """The code that raises KeyError for a variable that is not set."""

    def start(self) -> None:
        sys.addaudithook(self._audit)
        self._watch_stat()
        self._watch_variables(type(os.environ))

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        # Called for every event of the interpreter: the first comparison is what it costs.
        if event == "open":
            if not args[2] & os.O_WRONLY:
                _remember(self.opened, args[0])
        elif event in ("os.listdir", "os.scandir"):
            _remember(self.listed, args[0])
        elif event == "os.exec" and not self.replaceable:
            raise RuntimeError("manage.py starts another program in its place: name that one")

    def _watch_stat(self) -> None:
        """No event tells of ``os.path.exists`` and its like."""
        watched = WatchedStat(self.looked_for)
        for able in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
            if os.stat in able:
                able.add(watched)
        os.stat = watched

    def _watch_variables(self, kind: Any) -> None:
        get, iterate = kind.__getitem__, kind.__iter__
        self.lookup = get.__code__

        def watched_get(environ: Any, name: Any) -> Any:
            if isinstance(name, (str, bytes)):
                self.variables.add(os.fsdecode(name))
            return get(environ, name)

        def watched_iterate(environ: Any) -> Any:
            if _only_handed_on(sys._getframe(1)):
                return self._unwatched(iterate(environ))
            self.all_variables = True
            return iterate(environ)

        kind.__getitem__, kind.__iter__ = watched_get, watched_iterate

    def _unwatched(self, names: Iterable[Any]) -> Iterator[Any]:
        """Who gets a name here looks it up before the next one, and that is not remembered."""
        for name in names:
            decoded = os.fsdecode(name)
            known = decoded in self.variables
            yield name
            if not known:
                self.variables.discard(decoded)


_MAPPINGS = {"os", "collections", "collections.abc", "_collections_abc"}
_HANDING_ON = {"ctypes.util", "platform", "subprocess", "uuid", "wsgiref.handlers"}


def _only_handed_on(frame: FrameType | None) -> bool:
    """Whether who iterates over the environment is known to do no more than run a program."""
    while frame and frame.f_globals.get("__name__") in _MAPPINGS:
        frame = frame.f_back
    return frame is not None and frame.f_globals.get("__name__") in _HANDING_ON


def _remember(seen: set[str], path: Any) -> None:
    """An exception here would be raised where the project opens its file."""
    try:
        path = os.fsdecode("." if path is None else path)
        seen.add(path if path[:1] == "/" else _absolute(path))
    except (TypeError, OSError):
        pass  # a file descriptor, or a working directory that is gone


class Reading:
    """Turns a trace into the reply's ``read``."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._view, self._places = probe.view, probe.places

    def describe(self, apps: list[dict[str, Any]]) -> dict[str, Any]:
        trace = self._probe.trace
        opened = {*map(_source_of, tuple(trace.opened)), *_module_files()}
        own = [path for path in opened if self._counts(path)]
        there = {path for path in own if self._view.is_file(path)}
        asked = {path for path in tuple(trace.looked_for) if self._counts(path)}
        vain = {path for path in (*own, *asked) if path not in there and not os.path.exists(path)}
        folders = {os.path.dirname(path) for path in there}
        return {
            "files": self._sorted(there),
            "missing": self._sorted(vain),
            "links": sorted(path for path in folders if os.path.realpath(path) != path),
            "folders": self._sorted(self._folders(apps)),
            "variables": sorted(trace.variables),
            "all_variables": trace.all_variables,
            "executable": sys.executable,
            "path": list(sys.path),
        }

    def _folders(self, apps: list[dict[str, Any]]) -> Iterator[str]:
        for app in apps:
            if app["first_party"]:
                named = (app["path"], app["folder"] or _folder_to_be(app))
                yield from (os.path.join(self._places.top, path) for path in named if path)
        for path in {*self._probe.trace.listed, *sys.path_importer_cache}:
            if self._counts(path) and self._view.is_folder(path):
                yield path

    def _counts(self, path: str) -> bool:
        if path.startswith(("/dev/", "/proc/", "/sys/")) or path.endswith(".pyc"):
            return False
        name = os.path.basename(path)
        return name != "__pycache__" and name[:1] != "<" and not self._places.installed(path)

    def _sorted(self, paths: Iterable[str]) -> list[str]:
        return sorted({str(self._places.shown(path)) for path in paths})


def _folder_to_be(app: dict[str, Any]) -> str | None:
    """Where Django would look for the migrations of an app that has none yet."""
    package, _, name = (app["module"] or "").rpartition(".")
    return f"{app['path']}/{name}" if package == app["name"] else None


def _source_of(path: str) -> str:
    if path.endswith(".pyc"):
        try:
            return importlib.util.source_from_cache(path)
        except ValueError:
            pass  # bytecode without source
    return path


def _module_files() -> Iterator[str]:
    for module in tuple(sys.modules.values()):
        # By its type, because some objects only say that they are modules; and not by getattr,
        # because a lazy module would be loaded by that.
        if issubclass(type(module), ModuleType):
            file = object.__getattribute__(module, "__dict__").get("__file__")
            if isinstance(file, str):
                yield _absolute(file)


# --- databases ----------------------------------------------------------------------------------

_KEPT_OPTIONS = {
    *("application_name", "assume_role", "autocommit", "charset", "client_encoding", "collation"),
    *("connect_timeout", "driver", "isolation_level", "server_side_binding", "sql_mode", "sslmode"),
    *("threaded", "timeout", "transaction_mode", "use_pure", "use_returning_into", "use_unicode"),
}
"""Of ``OPTIONS``: none of them says where a server or a file is. Nothing else is kept."""
_KEPT = {"ENGINE", "ATOMIC_REQUESTS", "AUTOCOMMIT", "CONN_HEALTH_CHECKS", "CONN_MAX_AGE"} | {
    "DISABLE_SERVER_SIDE_CURSORS",
    "TIME_ZONE",
}
LEADING_ELSEWHERE = ("PGHOSTADDR", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE")
"""Variables that PostgreSQL's client prefers to the host that it is given."""


def _scratch(config: dict[str, Any]) -> dict[str, Any]:
    """The same kind of database, at a place where there is none."""
    kept = {name: value for name, value in config.items() if name in _KEPT}
    options = config.get("OPTIONS") or {}
    kept["OPTIONS"] = {name: value for name, value in options.items() if name in _KEPT_OPTIONS}
    engine = str(config.get("ENGINE") or "")
    if "sqlite" in engine or "spatialite" in engine:
        return {**kept, "NAME": ":memory:"}
    if not engine or engine == "django.db.backends.dummy":
        return kept
    # Port 9 is "discard"; nothing listens there.
    place = {"NAME": "remigrate_scratch", "HOST": "127.0.0.1", "PORT": "9"}
    return {**kept, **place, "USER": "", "PASSWORD": ""}


def _use_scratch_databases(settings: Any) -> None:
    """In place, because `django.db.connections` may already hold on to these dictionaries."""
    databases = settings.DATABASES
    for alias in list(databases):
        config = databases[alias]
        scratch = _scratch(config)
        config.clear()
        config.update(scratch)
    from django.db import connections

    list(connections)  # says that "default" is missing, as every command of Django would


def _without_variables_that_lead_elsewhere() -> dict[str, str]:
    """What they were."""
    return {name: os.environ.pop(name) for name in LEADING_ELSEWHERE if name in os.environ}


def _use_cache_keys_of_our_own(settings: Any) -> None:
    """What is cached of a scratch database must not be found by the project's own processes, nor
    what they cached be found, or deleted, here. Another backend in the place of the project's would
    lack what its code asks for."""
    word = "remigrate" + os.urandom(4).hex()
    for config in settings.CACHES.values():
        config["KEY_PREFIX"] = "{}:{}".format(word, config.get("KEY_PREFIX") or "")


# --- Django -------------------------------------------------------------------------------------


class ModelErrors(Exception):
    """System checks of models found errors."""

    def __init__(self, messages: list[Any]) -> None:
        super().__init__("; ".join(f"{each.id}: {each.msg}" for each in messages))
        self.messages = messages


class Judged(BaseException):
    """Ends the project's own command: what we wanted to know is known."""


class Probe:
    """One run inside the project's interpreter."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.stage = "other"
        """What an exception would mean now."""
        self.places = Places(os.path.join(os.getcwd(), request["top"]))
        self.view = View(self.places, request["view"])
        self.trace = Trace()
        self.sources = Sources(self.view)
        self._settings = request["settings"]
        self._manage = bool(request.get("manage"))
        self.own_databases: dict[str, Any] = {}
        """By alias, as the settings have them, with VARIABLES as `scratch` knows them; empty unless
        the request asks for them."""
        self._request = request

    def answer(self) -> dict[str, Any]:
        self.view.install()
        self.trace.start()
        self.stage = "no-django"
        import django.core.management  # before any project code, as manage.py does  # noqa: F401

        self.stage = "settings"
        self._choose_settings()
        return self._through_manage() if self._manage else self._answer()

    def _choose_settings(self) -> None:
        if self._settings is not None:
            os.environ["DJANGO_SETTINGS_MODULE"] = self._settings

    def _through_manage(self) -> dict[str, Any]:
        """Run manage.py, and answer where it hands over to Django; or after it, if it does not."""
        from django.core import management

        path = os.path.join(os.getcwd(), "manage.py")
        reached: list[dict[str, Any] | BaseException] = []

        def execute(*_: Any) -> NoReturn:
            self._choose_settings()
            try:
                reached.append(self._answer())
            except BaseException as error:
                reached.append(error)  # manage.py may have an opinion of its own about it
                raise
            raise Judged

        management.execute_from_command_line = execute
        management.ManagementUtility.execute = execute
        code = compile(self.view.read(path), path, "exec", dont_inherit=True)
        self.trace.replaceable = False
        main = ModuleType("__main__")
        main.__dict__.update(__file__=path, __builtins__=__builtins__)
        sys.modules["__main__"], ours = main, sys.modules["__main__"]
        try:
            exec(code, main.__dict__)  # noqa: S102 # as Python does with a script
        except BaseException:
            if not reached:
                raise
        finally:
            sys.modules["__main__"] = ours
        found = reached[0] if reached else self._answer()
        if isinstance(found, BaseException):
            raise found
        return found

    def _answer(self) -> dict[str, Any]:
        self._start_django()
        self.stage = "other"
        if self._request["command"] != "drift":
            answers = _loaded(self._request["parts"])
            return answers(self, self._request["command"], self._request["data"])  # type: ignore[no-any-return]
        found = self.drift()
        found["read"] = Reading(self).describe(found["apps"])
        return found

    def drift(self) -> dict[str, Any]:
        """What ``makemigrations --check`` would say; the reply's ``read`` is left out."""
        command = own_command()
        urls = self._import_urls(command)
        found = _in_place_of_handle(command, self._judge)
        found["settings"] = os.environ.get("DJANGO_SETTINGS_MODULE")
        found["urls"] = urls
        return found

    def _start_django(self) -> None:
        self.stage = "settings"
        import django
        from django.conf import settings

        databases = dict(settings.DATABASES)  # loads the settings: they may read variables, and set
        variables = _without_variables_that_lead_elsewhere()
        if self._request.get("databases") == "own":
            self.own_databases = {
                alias: {**copy.deepcopy(config), "VARIABLES": variables}
                for alias, config in databases.items()
            }
        _use_scratch_databases(settings)
        _use_cache_keys_of_our_own(settings)
        _mend_streams()
        self.stage = "setup"
        django.setup()
        _mend_streams()
        self.stage = "checks"
        _check_models()

    def _import_urls(self, command: Any) -> str | None:
        """As the checks do that ``makemigrations`` starts with; the reason why it was not possible.

        Some models are in modules that nothing else imports.
        """
        from django.conf import settings
        from django.core.checks import Tags
        from django.urls import get_resolver

        wanted = command.requires_system_checks
        everything = wanted is True or wanted == "__all__"
        if not getattr(settings, "ROOT_URLCONF", None) or not (
            everything or wanted and Tags.urls in wanted
        ):
            return None
        try:
            list(get_resolver().url_patterns)
        except Exception as error:  # noqa: BLE001 # whatever the project's modules raise
            return Failures(self).message(error)
        return None

    def _judge(self, command: Any, labels: set[str], name: str | None) -> dict[str, Any]:
        """What ``makemigrations`` decides between its consistency checks and its writing."""
        from django.apps import apps
        from django.core.management.commands import makemigrations as stock
        from django.utils import translation

        translation.deactivate_all()
        self.stage = "migrations"
        loader = stock.MigrationLoader(None, ignore_no_migrations=True)
        conflicts = {
            app: sorted(names)
            for app, names in sorted(loader.detect_conflicts().items())
            if not labels or app in labels
        }
        self.stage = "other"
        apps_found = [self._app(config) for config in apps.get_app_configs()]
        found = {"apps": apps_found, "conflicts": conflicts, "changes": [], "questions": []}
        if conflicts:
            return found
        self.stage = "graph"
        before = loader.project_state()
        after = stock.ProjectState.from_apps(apps)
        self.stage = "other"
        asking = questioner(labels)
        autodetector = getattr(command, "autodetector", None) or stock.MigrationAutodetector
        with Swappables() as undefined:
            changes = autodetector(before, after, asking).changes(
                graph=loader.graph,
                trim_to_apps=labels or None,
                convert_apps=labels or None,
                migration_name=name,
            )
            described = Changes(self, before, asking.asked, undefined)
            found["changes"] = described.describe(changes)
            found["questions"] = described.questions(changes)
        return found

    def _app(self, config: Any) -> dict[str, Any]:
        from django.db.migrations.loader import MigrationLoader

        module, _ = MigrationLoader.migrations_module(config.label)
        return {
            "label": config.label,
            "name": config.name,
            "path": self.places.shown(config.path),
            "first_party": self.is_first_party(config),
            "module": module,
            "folder": self.places.shown(_package_folder(module)),
        }

    def is_installed(self, label: str, folder: str) -> bool:
        """Whether the app that has its migrations in `folder`, from the top, is of that label."""
        config = _config(label)
        return bool(config) and self._app(config)["folder"] == folder

    def is_first_party(self, config: Any) -> bool:
        """Whether a migration of the app would be the repository's."""
        from django.db.migrations.loader import MigrationLoader

        folder = _package_folder(MigrationLoader.migrations_module(config.label)[0])
        return any(path and self.places.first_party(path) for path in (config.path, folder))


def _mend_streams() -> None:
    """Django asks a stream whether it is a terminal, which a closed one does not survive."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 # stays open


def _package_folder(module: str | None) -> str | None:
    """Folder of a package that Django's loader has imported and takes for one."""
    found = sys.modules.get(module) if module else None
    if found is None or not hasattr(found, "__path__"):
        return None
    file = getattr(found, "__file__", None)
    if file:
        return os.path.dirname(_absolute(str(file)))
    return str(found.__path__[0]) if isinstance(found.__path__, list) else None


def _check_models() -> None:
    """The checks that ``makemigrations`` starts with, as far as they concern it."""
    from django.core import checks

    messages = checks.run_checks(tags=[checks.Tags.models])
    serious = [each for each in messages if each.is_serious() and not each.is_silenced()]
    if serious:
        raise ModelErrors(serious)


Judge = Any  # a method of Probe; Python 3.8 cannot say more at run time


def own_command() -> Any:
    """The project's ``makemigrations``, or else Django's."""
    from django.core.management import get_commands, load_command_class

    command = get_commands()["makemigrations"]
    return load_command_class(command, "makemigrations") if isinstance(command, str) else command


def _in_place_of_handle(command: Any, judge: Judge) -> dict[str, Any]:
    """Judge where Django's ``handle`` would; projects put their own around it."""
    from django.core.management.commands import makemigrations as stock

    kind = type(command)
    if not issubclass(kind, stock.Command) or kind.handle is stock.Command.handle:
        return judge(command, set(), None)  # type: ignore[no-any-return]
    reached: list[dict[str, Any]] = []

    def handle(self: Any, *labels: str, **options: Any) -> NoReturn:
        reached.append(judge(self, set(labels), options.get("name")))
        raise Judged

    stock.Command.handle = handle
    parser = command.create_parser("manage.py", "makemigrations")
    options = vars(parser.parse_args(["--check", "--dry-run", "--noinput"]))
    with contextlib.suppress(Judged):
        command.handle(*options.pop("args", ()), **options)
    return reached[0] if reached else judge(command, set(), None)


class Swappables:
    """Defines, for a while, the settings of swappable models that the project does not define.

    The autodetector looks such a setting up for every dependency on the model, and raises.
    """

    def __enter__(self) -> list[str]:
        from django.apps import apps
        from django.conf import settings

        self._undefined: list[str] = []
        for model in apps.get_models(include_auto_created=True, include_swapped=True):
            name = model._meta.swappable
            if name and not hasattr(settings, name):
                setattr(settings, name, model._meta.label)
                self._undefined.append(name)
        return self._undefined

    def __exit__(self, *_: object) -> None:
        from django.conf import settings

        for name in self._undefined:
            delattr(settings, name)


# --- questions ----------------------------------------------------------------------------------


class Question(NamedTuple):
    """Something that ``makemigrations`` would have asked."""

    app: str
    model: str
    field: str | None
    kind: str
    text: str


def questioner(labels: set[str]) -> Any:
    """A questioner of Django's that writes down what it is asked, and never ends the process."""
    from django.db.migrations.questioner import NonInteractiveMigrationQuestioner
    from django.db.models import NOT_PROVIDED

    class Questioner(NonInteractiveMigrationQuestioner):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(specified_apps=labels, dry_run=True)
            self.asked: list[Question] = []

        def _ask(self, model: str, field: str | None, kind: str, text: str) -> None:
            app = _asking_app(sys._getframe(2))
            self.asked.append(Question(app, model, field, kind, text))

        def ask_rename(self, model_name: str, old_name: str, new_name: str, field: Any) -> bool:
            kind = type(field).__name__
            text = f"Was the field {model_name}.{old_name} renamed to {new_name} (a {kind})?"
            self._ask(model_name, new_name, "rename-field", text)
            return False

        def ask_rename_model(self, old: Any, new: Any) -> bool:
            text = f"Was the model {old.app_label}.{old.name} renamed to {new.name}?"
            self._ask(new.name, None, "rename-model", text)
            return False

        def ask_not_null_addition(self, field_name: str, model_name: str) -> None:
            text = f"Which value do existing rows of {model_name} get in the field {field_name}?"
            self._ask(model_name, field_name, "not-null-addition", text)

        def ask_auto_now_add_addition(self, field_name: str, model_name: str) -> None:
            text = f"Which time do existing rows of {model_name} get in the field {field_name}?"
            self._ask(model_name, field_name, "auto-now-add", text)

        def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
            text = f"Which value do rows of {model_name} get where {field_name} is NULL by now?"
            self._ask(model_name, field_name, "not-null-alteration", text)
            return NOT_PROVIDED

        def ask_unique_callable_default_addition(self, field_name: str, model_name: str) -> None:
            text = f"The default of {model_name}.{field_name} is called once for all existing rows"
            text += ", but the field is unique. Will you write what fills it?"
            self._ask(model_name, field_name, "unique-callable-default", text)

    return Questioner()


def _asking_app(frame: FrameType | None) -> str:
    """The autodetector does not say of which app its question is, but it knows."""
    while frame:
        label = frame.f_locals.get("app_label")
        if isinstance(label, str):
            return label
        frame = frame.f_back
    return ""


_UNANSWERED = {"not-null-addition", "auto-now-add"}


# --- changes ------------------------------------------------------------------------------------


class Changes:
    """Puts what the autodetector found into words."""

    def __init__(
        self, probe: Probe, before: Any, asked: list[Question], undefined: list[str]
    ) -> None:
        self._probe, self._before = probe, before
        self._asked, self._undefined = asked, undefined
        self._open = {
            (each.app, each.model.lower(), each.field) for each in asked if each.kind in _UNANSWERED
        }

    def questions(self, changes: dict[str, list[Any]]) -> list[dict[str, Any]]:
        """Those about apps that get a migration, names as the models have them."""
        return [
            each._replace(model=self._model_name(each.app, each.model))._asdict()
            for each in self._asked
            if each.app in changes
        ]

    def describe(self, changes: dict[str, list[Any]]) -> list[dict[str, Any]]:
        return [
            self._migration(label, migration)
            for label, migrations in sorted(changes.items())
            for migration in migrations
        ]

    def _migration(self, label: str, migration: Any) -> dict[str, Any]:
        from django.db.migrations.writer import MigrationWriter

        config = _config(label)
        writer = MigrationWriter(migration, include_header=False)
        source, unwritable = self._source(label, migration, writer)
        return {
            "app": label,
            "first_party": bool(config) and self._probe.is_first_party(config),
            "migration": migration.name,
            "path": self._probe.places.shown(_written_to(config, writer)),
            "source": source,
            "unwritable": unwritable,
            "operations": [self._operation(label, each) for each in migration.operations],
        }

    def _source(self, label: str, migration: Any, writer: Any) -> tuple[str | None, str | None]:
        for operation in migration.operations:
            model, field = _target(operation)
            if (label, str(model).lower(), field) in self._open:
                return None, f"{model}.{field} needs a default for existing rows"
        try:
            source = str(writer.as_string())
        except Exception as error:  # noqa: BLE001 # also from the project's own deconstruct()
            return None, _said(error)
        for name in self._undefined:
            if re.search(rf"\bsettings\.{re.escape(name)}\b", source):
                return None, f"it refers to settings.{name}, which the settings do not define"
        return source, None

    def _operation(self, label: str, operation: Any) -> dict[str, Any]:
        model, field = _target(operation)
        path, line = self._place(label, model, field)
        return {
            "text": str(operation.describe()),
            "model": model and self._model_name(label, model),
            "field": field,
            "path": self._probe.places.shown(path),
            "line": line,
        }

    def _model_name(self, label: str, name: str) -> str:
        """As written; the autodetector has many of them in lower case."""
        model = _model(label, name)
        if model is not None:
            return str(model._meta.object_name)
        state = self._before.models.get((label, name.lower()))
        return str(state.name) if state else name

    def _place(self, label: str, name: str | None, field: str | None) -> Place:
        if name is None:
            return None, None
        model = _model(label, name)
        if model is not None:
            return self._probe.sources.place(model, field, self._probe.places.first_party)
        config = _config(label)
        for module in (config and config.models_module, config and config.module):
            file = getattr(module, "__file__", None)
            if file:
                return file, 1
        return None, None


Place = Any  # tuple[str | None, int | None]; Python 3.8 cannot say it at run time


def _config(label: str) -> Any:
    from django.apps import apps

    try:
        return apps.get_app_config(label)
    except LookupError:
        return None


def _model(label: str, name: str) -> Any:
    from django.apps import apps

    try:
        return apps.get_model(label, name)
    except LookupError:
        return None


def _target(operation: Any) -> tuple[str | None, str | None]:
    """Names of the model and of the field that an operation is about, as after it."""
    from django.db.migrations.operations.fields import FieldOperation
    from django.db.migrations.operations.models import ModelOperation

    new = getattr(operation, "new_name", None)
    if isinstance(operation, FieldOperation):
        return operation.model_name, new or operation.name
    if isinstance(operation, ModelOperation):
        return new or operation.name, None
    return getattr(operation, "model_name", None), None


def _written_to(config: Any, writer: Any) -> str | None:
    """The file; None where Django would have to make other packages first, which asking does."""
    from django.db.migrations.loader import MigrationLoader

    if config is None:
        return None
    module, _ = MigrationLoader.migrations_module(config.label)
    if module is None:
        return None
    folder = _package_folder(module)
    if folder is None and module.rpartition(".")[0] == config.name:
        folder = os.path.join(config.path, module.rpartition(".")[2])
    return os.path.join(folder, writer.filename) if folder else None


# --- lines --------------------------------------------------------------------------------------


class Sources:
    """Finds classes and fields in the text of modules."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._trees: dict[str, ast.Module | None] = {}

    def place(self, model: Any, field: str | None, own: Callable[[str], bool]) -> Place:
        """Path and line of the field's assignment in `own` code, else of the class statement."""
        if field is not None:
            for kind in model.__mro__:
                path = _module_file(kind)
                if path and own(path):
                    line = _assigned(self._statement(kind, path), field)
                    if line is not None:
                        return path, line
        path = _module_file(model)
        statement = self._statement(model, path) if path else None
        return (path, statement.lineno) if statement else (None, None)

    def _statement(self, kind: type, path: str) -> ast.ClassDef | None:
        tree = self._tree(path)
        found = [
            node
            for node in (ast.walk(tree) if tree else ())
            if isinstance(node, ast.ClassDef) and node.name == kind.__name__
        ]
        first = vars(kind).get("__firstlineno__")  # Python 3.13; of the decorator if there is one
        exact = [node for node in found if first in {node.lineno, *map(_line, node.decorator_list)}]
        return next(iter(exact or found), None)

    def _tree(self, path: str) -> ast.Module | None:
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(self._view.read(path))
            except (OSError, SyntaxError, ValueError):
                self._trees[path] = None
        return self._trees[path]


def _line(node: ast.expr) -> int:
    return node.lineno


def _module_file(kind: type) -> str | None:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return _absolute(file) if file else None


def _assigned(statement: ast.ClassDef | None, name: str) -> int | None:
    """Line of the last assignment to a name in the body of a class, also below if, try and with."""
    found = None
    for node in _body(statement):
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        names = (each for target in targets if target for each in ast.walk(target))
        if any(isinstance(each, ast.Name) and each.id == name for each in names):
            found = node.lineno
    return found


def _body(node: Any) -> Iterator[Any]:
    for part in ("body", "handlers", "orelse", "finalbody"):
        for child in getattr(node, part, ()):
            if isinstance(child, (ast.Assign, ast.AnnAssign)):
                yield child
            elif isinstance(child, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
                yield from _body(child)


# --- what went wrong ----------------------------------------------------------------------------


class Failures:
    """Turns an exception into the reply's ``error``."""

    def __init__(self, probe: Probe | None) -> None:
        self._probe = probe

    def describe(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, MemoryError):
            traceback.clear_frames(error.__traceback__)
        described: dict[str, Any] = {
            "kind": self._kind(error),
            "message": self.message(error),
            "traceback": _traceback(error),
            "variable": self._variable(error),
        }
        if isinstance(error, ModelErrors):
            described["checks"] = [self._check(message) for message in error.messages]
        return described

    def message(self, error: BaseException) -> str:
        """One line, with the place in the project."""
        return _said(error) + self._where(error)

    def _kind(self, error: BaseException) -> str:
        if isinstance(error, SystemExit):
            return "exit"
        if any(isinstance(each, MemoryError) for each in _chain(error)):
            return "memory"
        stage = self._probe.stage if self._probe else "other"
        if stage == "setup":
            return "import" if _while_populating(error) else "settings"
        if stage == "migrations":
            # Django's words about the graph; all else was raised by a module of migrations.
            return "graph" if _django_says(error) else "import"
        if stage == "checks":
            return "checks" if isinstance(error, ModelErrors) else "import"
        return stage

    def _where(self, error: BaseException) -> str:
        """File and line of the project's last frame, in brackets."""
        if self._probe is None:
            return ""
        places = self._probe.places
        found = [(frame.f_code.co_filename, line) for frame, line in _frames(error)]
        if isinstance(error, SyntaxError) and error.filename:
            found.append((error.filename, error.lineno or 1))
        own = [
            place for place in found if os.path.isabs(place[0]) and not places.installed(place[0])
        ]
        return f" ({places.shown(own[-1][0])}:{own[-1][1]})" if own else ""

    def _variable(self, error: BaseException) -> str | None:
        for each in _chain(error):
            frames = _frames(each)
            lookup = self._probe.trace.lookup if self._probe else None
            if isinstance(each, KeyError) and frames and frames[-1][0].f_code is lookup:
                return str(each.args[0])
            name = _said_variable(each) or _pydantic_variable(each, frames)
            if name:
                return name
        return None

    def _check(self, message: Any) -> dict[str, Any]:
        from django.db.models import Field
        from django.db.models.base import ModelBase

        place, item = (None, None), message.obj
        if self._probe and isinstance(item, ModelBase):
            place = self._probe.sources.place(item, None, self._probe.places.first_party)
        elif self._probe and isinstance(item, Field) and hasattr(item, "model"):
            place = self._probe.sources.place(item.model, item.name, self._probe.places.first_party)
        shown = self._probe.places.shown(place[0]) if self._probe else None
        return {
            "id": message.id,
            "message": str(message.msg),
            "hint": message.hint and str(message.hint),
            "object": item._meta.label if isinstance(item, ModelBase) else item and str(item),
            "path": shown,
            "line": place[1],
        }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Frames and lines of a traceback, innermost last, without those of this file."""
    walked = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in walked if not _ours(frame.f_code.co_filename)]


def _ours(filename: str) -> bool:
    return filename == _ours.__code__.co_filename or filename.startswith(_PART)


def _while_populating(error: BaseException) -> bool:
    """Whether apps were being loaded, and not a setting looked up that is unusable."""
    files = [(frame.f_code.co_name, frame.f_code.co_filename) for frame, _ in _frames(error)]
    conf = os.path.join("django", "conf", "__init__.py")
    return any(name == "populate" for name, _ in files) and not files[-1][1].endswith(conf)


def _django_says(error: BaseException) -> bool:
    return type(error).__module__ == "django.db.migrations.exceptions"


def _said(error: BaseException) -> str:
    """Type and text on one line."""
    text = error.msg if isinstance(error, SyntaxError) else _text(error)
    said = f"{type(error).__name__}: {' '.join(text.split())}".rstrip(": ")
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 # the exception is the project's, and so is its __str__
        return ""


def _traceback(error: BaseException) -> str:
    described = traceback.TracebackException(type(error), error, error.__traceback__)
    todo: list[Any] = [described]
    while todo:
        each = todo.pop()
        if each.stack and each.stack[-1].filename.startswith(_PART):
            continue  # a bug of ours
        each.stack[:] = [frame for frame in each.stack if not _ours(frame.filename)]
        todo += [other for other in (each.__cause__, each.__context__) if other is not None]
    return "\n".join("".join(described.format()).splitlines()[-LINES:])


_NAMED = re.compile(
    r"""\b[Ee]nvironment\ variable:?\ ["'`]?([A-Za-z_]\w*)["'`]?  # Django, environs, hand-written
      | \b[Ss]et\ (?:the\ )?["'`]?([A-Za-z_]\w*)["'`]?\ environment\ variable  # django-environ
      | ^([A-Za-z_]\w*)\ not\ found\.\ Declare\ it\ as\ envvar  # python-decouple""",
    re.VERBOSE,
)


def _said_variable(error: BaseException) -> str | None:
    found = _NAMED.search(_text(error)) if not isinstance(error, KeyError) else None
    return next(filter(None, found.groups()), None) if found else None


def _pydantic_variable(error: BaseException, frames: list[tuple[FrameType, int]]) -> str | None:
    """Of the first field that a ``BaseSettings`` misses."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
        return None
    missing = [each["loc"][0] for each in error.errors() if each.get("type") == "missing"]
    for frame, _ in frames:
        for value in frame.f_locals.values():
            config = getattr(type(value), "model_config", None)
            if missing and isinstance(config, dict) and "env_prefix" in config:
                return f"{config['env_prefix']}{missing[0]}".upper()
    return None


# --- parts --------------------------------------------------------------------------------------

_PART = "<probe: "
_THIS = sys.modules[__name__]


def _loaded(parts: list[list[str]]) -> Any:
    """The function ``answer`` of the last part.

    They know each other by the names that they have at home; a package of that name that is
    installed beside the project is out of the way for that while.
    """
    ours = ModuleType("remigrate"), ModuleType("remigrate.probe")
    apart = {name: sys.modules.pop(name) for name in list(sys.modules) if _named_as_we(name)}
    try:
        for package in ours:
            package.__path__ = []
            sys.modules[package.__name__] = package
        modules = [("script", _THIS)]
        modules += [(name, ModuleType(f"remigrate.probe.{name}")) for name, _ in parts]
        for name, module in modules:
            sys.modules[f"remigrate.probe.{name}"] = module
            setattr(ours[1], name, module)
        for name, source in parts:
            code = compile(source, f"{_PART}{name}>", "exec", dont_inherit=True)
            exec(code, sys.modules[f"remigrate.probe.{name}"].__dict__)  # noqa: S102 # our own
        return modules[-1][1].answer
    finally:
        for name in [name for name in sys.modules if _named_as_we(name)]:
            del sys.modules[name]
        sys.modules.update(apart)


def _named_as_we(module: str) -> bool:
    return module == "remigrate" or module.startswith("remigrate.")


# --- main ---------------------------------------------------------------------------------------


def _limit_memory(size: int) -> None:
    """For this process and what it starts."""
    # Not left in sys.modules: in the working directory there may be an app of that name.
    known = "resource" in sys.modules
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    if not known:
        del sys.modules["resource"]


def _look_like_manage(memory: int | None) -> None:
    """What Python's start would be with ``manage.py makemigrations --check --dry-run``."""
    sys.argv[:] = ["manage.py", "makemigrations", "--check", "--dry-run"]
    relative = bool(sys.path) and sys.path[0] == ""
    if relative:
        del sys.path[0]
    if memory is not None:
        _limit_memory(memory)
    if relative:
        sys.path.insert(0, os.getcwd())


def _django_version() -> str | None:
    django = sys.modules.get("django")
    get_version = getattr(django, "get_version", None)
    return get_version() if get_version else None


def main(text: str) -> NoReturn:
    """Answer a request, and end the process."""
    request = json.loads(text)
    channel = Channel(str(request["nonce"]))
    envelope: dict[str, Any] = {
        "protocol": PROTOCOL,
        "python": ".".join(map(str, sys.version_info[:3])),
        "status": "failed",
        "data": None,
        "error": None,
    }
    probe = None
    reserve = [bytearray(1 << 22)]  # so that running out of memory can still be said
    try:
        if request["protocol"] != PROTOCOL:
            raise ValueError(f"this probe speaks protocol {PROTOCOL}")
        _look_like_manage(request["memory"])
        probe = Probe(request)
        envelope.update(data=probe.answer(), status="ok")
    except BaseException as error:  # noqa: BLE001 # whatever the project does, we have to answer
        reserve.clear()
        envelope["error"] = Failures(probe).describe(error)
    envelope["django"] = _django_version()
    channel.send(envelope)
