"""Django's own answers about migrations, for projects that are not installed.

Two halves. `declared` runs real migration files (and ``apps.py``) in a fresh interpreter, where
everything that is not installed is stood in for, and says what Django would find in them.
`judge` hands such migrations to Django's own ``MigrationLoader``, of which only ``load_disk`` is
replaced, with a real ``django_migrations`` table behind it, and says what Django makes of them.
Nothing here imports Remigrate: a judge that knows the accused is none.
"""

from __future__ import annotations

import ast
import base64
import builtins
import contextlib
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Ref = tuple[str, str]
"""(app label, migration name); the label of a swappable dependency is ``settings.NAME``."""

SETTING = "settings."
NO_CLASS = "no Migration class"
Kind = Literal["", "missing", "circle", "squash circle", "no migrations"]


class Declared(NamedTuple):
    """What a migration class says, as Django would find it; or why it cannot be known."""

    dependencies: tuple[Ref, ...] = ()
    run_before: tuple[Ref, ...] = ()
    replaces: tuple[Ref, ...] = ()
    initial: bool | None = None
    error: str = ""


Tree = dict[str, dict[str, Declared]]
"""App label to migration name to what is in it: all that Django's graph depends on."""


class Verdict(NamedTuple):
    """What Django says about a project, and about one database of it."""

    error: Kind
    leaves: dict[str, tuple[str, ...]]
    parents: dict[Ref, set[Ref]]
    """Every node with its parents, after replacement. Meaningless with an error."""
    conflicts: dict[str, list[str]]
    inconsistent: bool
    """``check_consistent_history`` raised. False when the loader itself raised."""


# --- what Django makes of migrations ------------------------------------------------------------


@functools.cache
def _django() -> Any:
    """Django with nothing but an empty SQLite database; the connection to it."""
    import django
    from django.conf import settings

    if not settings.configured:
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[], USE_TZ=True)
        django.setup()
    from django.db import connections
    from django.db.migrations.recorder import MigrationRecorder

    connection = connections["default"]
    MigrationRecorder(connection).ensure_schema()
    return connection


def django_version() -> tuple[int, int]:
    """Major and minor version of the Django that judges here."""
    import django

    major, minor = django.VERSION[:2]
    return (major, minor)


def judge(
    tree: Tree, rows: Iterable[Ref] | None = None, settings: Mapping[str, str] | None = None
) -> Verdict:
    """What Django's loader makes of `tree`, for a database with `rows` when they are given.

    Labels that `tree` does not have are apps without migrations for Django, and named migrations
    of such apps are there: this is the one thing that is not known about them.
    """
    from django.db.migrations.exceptions import InconsistentMigrationHistory

    connection = _with_rows(rows) if rows is not None else None
    loader = _loader(tree, connection, settings or {})
    kind = _build(loader)
    leaves: dict[str, tuple[str, ...]] = {}
    if kind != "squash circle":
        ends = [key for key in loader.graph.leaf_nodes() if key[1] in tree.get(key[0], {})]
        leaves = {label: tuple(n for app, n in ends if app == label) for label in tree}
    if kind:
        return Verdict(kind, leaves, {}, {}, inconsistent=False)
    parents = {
        key: {parent.key for parent in node.parents}
        for key, node in loader.graph.node_map.items()
        if key[0] in tree
    }
    inconsistent = False
    if connection is not None:
        try:
            loader.check_consistent_history(connection)
        except InconsistentMigrationHistory:
            inconsistent = True
    conflicts = {a: n for a, n in loader.detect_conflicts().items() if a in tree}
    return Verdict(kind, leaves, parents, conflicts, inconsistent)


def rows_after_migrate(tree: Tree, settings: Mapping[str, str] | None = None) -> set[Ref]:
    """What ``migrate`` writes into ``django_migrations``, starting from nothing."""
    from django.db.migrations.executor import MigrationExecutor

    connection = _with_rows(())
    executor = MigrationExecutor(connection)
    executor.loader = _loader(tree, connection, settings or {})
    executor.loader.build_graph()
    executor.loader.unmigrated_apps = set()  # they are not installed, and have no models here
    executor.migrate(executor.loader.graph.leaf_nodes())
    return set(executor.recorder.applied_migrations())


def _with_rows(rows: Iterable[Ref]) -> Any:
    connection = _django()
    insert = "INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, '2024-01-01')"
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations")
        cursor.executemany(insert, list(rows))
    return connection


def _loader(tree: Tree, connection: Any, settings: Mapping[str, str]) -> Any:
    _django()
    from django.db.migrations import Migration
    from django.db.migrations.loader import MigrationLoader

    disk: dict[Ref, Declared] = {
        (label, name): found for label, names in tree.items() for name, found in names.items()
    }
    resolved = {key: _resolve(found, settings) for key, found in disk.items()}
    disk = {**resolved, **{key: Declared() for key in _outside(tree, resolved.values())}}

    class Loader(MigrationLoader):  # type: ignore[misc]
        def load_disk(self) -> None:
            self.migrated_apps = set(tree)
            named = {ref for found in disk.values() for ref in (*found[0], *found[1])}
            self.unmigrated_apps = {label for label, _ in named} - set(tree)
            self.disk_migrations = {}
            for (label, name), found in disk.items():
                attributes = {k: list(getattr(found, k)) for k in Declared._fields[:3]}
                migration = type("Migration", (Migration,), attributes)
                self.disk_migrations[label, name] = migration(name, label)

    return Loader(connection, load=False)


def _resolve(found: Declared, settings: Mapping[str, str]) -> Declared:
    def resolve(refs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        return tuple((_label(label, settings), name) for label, name in refs)

    return found._replace(
        dependencies=resolve(found.dependencies), run_before=resolve(found.run_before)
    )


def _label(label: str, settings: Mapping[str, str]) -> str:
    value = settings.get(label.removeprefix(SETTING), "") if label.startswith(SETTING) else ""
    return value.split(".", 1)[0] or label


def _outside(tree: Tree, migrations: Iterable[Declared]) -> Iterator[Ref]:
    """Migrations of apps that are not in the tree, and that somebody relies on."""
    for found in migrations:
        for label, name in (*found.dependencies, *found.run_before):
            if label not in tree and name not in ("__first__", "__latest__"):
                yield label, name


def _build(loader: Any) -> Kind:
    from django.core.management import CommandError
    from django.db.migrations.exceptions import CircularDependencyError, NodeNotFoundError

    try:
        loader.build_graph()
    except CommandError:
        return "squash circle"
    except NodeNotFoundError:
        return "missing"
    except CircularDependencyError:
        return "circle"
    except ValueError as error:
        if "no migrations" not in str(error):
            raise
        return "no migrations"
    return ""


# --- finding apps in a tree of files ------------------------------------------------------------


def packages(paths: Iterable[str]) -> dict[str, list[str]]:
    """Migration packages among `paths`, and the migration files that Django would import."""
    found: dict[str, list[str]] = {}
    inits = set()
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        if folder.rpartition("/")[2] != "migrations" or not name.endswith(".py"):
            continue
        if name == "__init__.py":
            inits.add(folder)
        elif name[0] not in "_~" and "." not in name[:-3]:
            found.setdefault(folder, []).append(path)
    return {folder: found.get(folder, []) for folder in sorted(inits)}


def apps_file(package: str) -> str:
    """Where the app's configuration stands, for a migrations package."""
    return package.removesuffix("migrations") + "apps.py"


class App(NamedTuple):
    """A migrations package in a tree of files."""

    package: str
    label: str
    migrations: dict[str, Declared]


def apps(
    paths: Iterable[str], found: Mapping[str, Declared], named: Mapping[str, str]
) -> list[App]:
    """The apps among `paths`, given what `declared` and `labels` said about those files.

    A package in which nothing has a Migration class is no app, but code about migrations. One
    without any modules is an app when it says so in ``apps.py``.
    """
    answer = []
    for package, files in packages(paths).items():
        migrations = {path.rpartition("/")[2][:-3]: found[path] for path in files}
        empty = not migrations and apps_file(package) in named
        if empty or any(one.error != NO_CLASS for one in migrations.values()):
            folder = package.removesuffix("migrations").rstrip("/").rpartition("/")[2]
            answer.append(App(package, named.get(apps_file(package)) or folder, migrations))
    return answer


def judge_apps(
    apps: Sequence[App], settings: Mapping[str, str] | None = None
) -> dict[str, Verdict]:
    """Package to verdict. Apps that share a label are judged one at a time, among all others."""
    first: dict[str, App] = {}
    for app in apps:
        first.setdefault(app.label, app)
    together = judge({label: app.migrations for label, app in first.items()}, None, settings)
    verdicts = {}
    for app in apps:
        verdicts[app.package] = together
        if first[app.label] is not app:
            tree = {label: one.migrations for label, one in {**first, app.label: app}.items()}
            verdicts[app.package] = judge(tree, None, settings)
    return verdicts


# --- what real files say, found out by running them ---------------------------------------------


def declared(sources: Mapping[str, bytes]) -> dict[str, Declared]:
    """What each migration file (path to content) declares, found by running it elsewhere."""
    return {path: Declared(*reply) for path, reply in _elsewhere("migration", sources).items()}


def labels(sources: Mapping[str, bytes]) -> dict[str, str]:
    """The app label that each ``apps.py`` gives; empty when it gives none."""
    return {path: str(reply) for path, reply in _elsewhere("label", sources).items()}


def _elsewhere(kind: str, sources: Mapping[str, bytes]) -> dict[str, Any]:
    if not sources:
        return {}
    texts = {path: base64.b64encode(source).decode() for path, source in sources.items()}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            # -I: neither the caller's folder nor this one can be imported from by accident.
            [sys.executable, "-I", "-W", "ignore", os.path.abspath(__file__)],
            input=json.dumps({"kind": kind, "sources": texts}),
            capture_output=True,
            text=True,
            cwd=folder,
        )
    if done.returncode:
        raise RuntimeError(f"the judge's interpreter failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return {
        path: [_pairs(part) if isinstance(part, list) else part for part in reply]
        if isinstance(reply, list)
        else reply
        for path, reply in answer.items()
    }


def _pairs(value: Sequence[Sequence[str]]) -> tuple[Ref, ...]:
    return tuple((label, name) for label, name in value)


class _Meta(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()


class Anything(metaclass=_Meta):
    """What a class becomes that inherits from something that is not installed."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()


class StandIn:
    """Takes the place of a name from a module that is not installed; goes along with all of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        first = next(base for base in bases if isinstance(base, StandIn))
        return (Anything,) if first is self else ()

    def __instancecheck__(self, _: object) -> bool:
        return False

    def __subclasscheck__(self, _: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __contains__(self, _: object) -> bool:
        return False

    def keys(self) -> tuple[()]:
        return ()

    def _same(self, *_: Any, **__: Any) -> StandIn:
        return StandIn()

    def _yes(self, _: object) -> bool:
        return True

    __lt__ = __le__ = __gt__ = __ge__ = _yes
    __call__ = __getitem__ = __enter__ = __exit__ = _same
    __add__ = __radd__ = __or__ = __ror__ = __and__ = __mod__ = __mul__ = __rmul__ = _same
    __sub__ = __neg__ = __invert__ = __truediv__ = __xor__ = _same


class SettingValue(str):
    """A setting of the project. Knows its own name when something asks for its app label."""

    def split(self, *_: Any, **__: Any) -> list[str]:
        return [SETTING + self, "Model"]

    def __getitem__(self, key: Any) -> Any:
        return StandIn() if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()


class Settings:
    """Every setting that anybody asks for; with Django's own default, unless it names a model."""

    def __getattr__(self, name: str) -> Any:
        from django.conf import global_settings

        default = getattr(global_settings, name, None)
        if isinstance(default, (str, bool, int)) and not name.endswith("_MODEL"):
            return default
        return SettingValue(name)


def _import(name: str, _: Any = None, __: Any = None, names: Any = (), level: int = 0) -> Any:
    """``__import__``: the real thing where there is one, `StandIn` for all the rest."""
    module: Any = StandIn()
    if not level:
        # Parts of Django also fail for want of a database driver or of installed apps.
        with contextlib.suppress(Exception):
            module = builtins.__import__(name, None, None, names or (), 0)
    if not names or "*" in names:
        return module
    view = StandIn()
    for wanted in names:
        # What this Django no longer has, the Django that the file was written for had.
        setattr(view, wanted, getattr(module, wanted, StandIn()))
    if name == "django.conf":
        setattr(view, "settings", Settings())  # noqa: B010 - not one of its own attributes
    return view


def _run(path: str, module: ast.Module) -> dict[str, Any]:
    space: dict[str, Any] = {
        "__name__": "judged",
        "__file__": path,
        "__builtins__": {**vars(builtins), "__import__": _import},
    }
    exec(compile(module, path, "exec", dont_inherit=True), space)
    return space


def _bare(module: ast.Module) -> ast.Module:
    """`module` with nothing in ``class Migration`` but what is asked about."""
    for statement in module.body:
        if isinstance(statement, ast.ClassDef) and statement.name == "Migration":
            kept = [part for part in statement.body if _assigned(part) & set(Declared._fields)]
            statement.body = kept or [ast.Pass(lineno=1, col_offset=0)]
    return module


def _assigned(statement: ast.stmt) -> set[str]:
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return names if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)) else set()


def _migration(path: str, source: bytes) -> list[Any]:
    try:
        module = ast.parse(source, path)
    except (SyntaxError, ValueError) as error:
        return list(Declared(error=f"syntax: {error}"))
    problem = ""
    # A file may have been written for another Django, or call code of its project, in its
    # operations: those are not asked about, so the second try does without them.
    for whole in (True, False):
        try:
            return list(_declared(_run(path, module if whole else _bare(module))))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
    return list(Declared(error=f"cannot be run: {problem}"))


def _declared(space: dict[str, Any]) -> Declared:
    from django.db.migrations import Migration

    found = space.get("Migration")
    if not isinstance(found, type) or not issubclass(found, (Migration, Anything)):
        return Declared(error=NO_CLASS)
    if found is Migration:  # a tool that imports it, as Django's own modules do
        return Declared(error=NO_CLASS)
    # Where the base is only stood in for, it may be what brings the dependencies (or South's).
    inherited = () if issubclass(found, Migration) else StandIn()
    dependencies = _refs(_attribute(found, "dependencies", inherited))
    run_before, replaces = (_refs(_attribute(found, n, ())) for n in ("run_before", "replaces"))
    if dependencies is None or run_before is None or replaces is None:
        return Declared(error="depends on code of the project")
    initial = _attribute(found, "initial", None)
    initial = None if initial is None else bool(initial)
    return Declared(dependencies, run_before, replaces, initial)


def _attribute(found: type, name: str, default: Any) -> Any:
    """An attribute of a class or of its bases, those excepted that are only stood in for."""
    return next((vars(base)[name] for base in found.__mro__ if name in vars(base)), default)


def _refs(value: Any) -> tuple[Ref, ...] | None:
    if isinstance(value, StandIn):
        return None
    refs = [tuple(ref) for ref in value]
    if all(len(ref) == 2 and all(isinstance(part, str) for part in ref) for ref in refs):
        return tuple((str(label), str(name)) for label, name in refs)
    return None


def _label_of(path: str, source: bytes) -> str:
    """The label by Django's rule for ``apps.py``: the only configuration, or the default one."""
    from django.apps import AppConfig

    try:
        space = _run(path, ast.parse(source, path))
    except Exception:
        return ""
    found = [
        config
        for config in space.values()
        if isinstance(config, type)
        and issubclass(config, (AppConfig, Anything))
        and isinstance(_attribute(config, "name", None), str)
        and _attribute(config, "default", True)
    ]
    if len(found) > 1:
        found = [config for config in found if _attribute(config, "default", False)]
    if len(found) != 1:
        return ""
    name = str(_attribute(found[0], "name", ""))
    return str(_attribute(found[0], "label", name.rpartition(".")[2]))


def main() -> None:
    """One question on stdin, one answer on stdout, both JSON."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    importlib.import_module("django.db.migrations")
    from django.conf import settings

    settings.configure(INSTALLED_APPS=[], USE_TZ=True)
    question = json.load(sys.stdin)
    run = {"migration": _migration, "label": _label_of}[question["kind"]]
    sources = question["sources"].items()
    json.dump({path: run(path, base64.b64decode(text)) for path, text in sources}, answer)
    answer.close()


if __name__ == "__main__":
    main()
