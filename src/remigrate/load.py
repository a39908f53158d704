"""Finds the migration packages of a tree, their app labels and projects, and reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from remigrate import crew, reader, surroundings
from remigrate.model import App, Broken, Header, Migration, Project, Reference, Unread, UnreadFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from remigrate.trees import Entry

    Content = tuple[Entry, bytes | Broken]


class Tree(Protocol):
    """Files of a work tree, an index or a commit."""

    @property
    def entries(self) -> tuple[Entry, ...]: ...

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | Broken]]: ...


class Cache(Protocol):
    """Remembers what was read, by kind and content."""

    def get(self, keys: list[str]) -> dict[str, object]: ...

    def put(self, values: dict[str, object]) -> None: ...


_PART = 16 * 1024 * 1024
"""Bytes of files that are held at once."""


class _Package(NamedTuple):
    """A folder that may be a migrations package."""

    path: str
    label: str | None
    """From the configuration; None when it has to be found out."""
    modules: list[Entry]
    is_package: bool
    config: Entry | None
    """The ``apps.py`` beside it."""


def load(tree: Tree, cache: Cache, modules: Mapping[str, str] | None = None) -> Project:
    """Read every app of `tree`. `modules` maps app labels to migration folders elsewhere."""
    packages = _packages(tree.entries, modules or {})
    files = [module for package in packages for module in package.modules]
    headers = _headers(tree, cache, files)
    packages = [package for package in packages if _is_django(package, headers)]
    configs = [package.config for package in packages if package.config]
    labels = _remembered(tree, cache, "label", configs)
    roots = _project_roots(tree.entries)
    apps = tuple(_app(package, headers, labels, roots) for package in packages)
    settings = _settings(tree, cache, apps, roots)
    return Project(apps, settings, _links(tree.entries), tuple(sorted(roots)))


def _packages(entries: Iterable[Entry], modules: Mapping[str, str]) -> list[_Package]:
    configured = {path.strip("/"): label for label, path in modules.items()}
    found: dict[str, list[Entry]] = {}
    inits: set[str] = set()
    configs: dict[str, Entry] = {}
    for entry in entries:
        folder, _, name = entry.path.rpartition("/")
        if name == "apps.py":
            configs[folder] = entry
        if folder.rpartition("/")[2] != "migrations" and folder not in configured:
            continue
        if name == "__init__.py":
            inits.add(folder)
            found.setdefault(folder, [])
        elif _is_module(name):
            found.setdefault(folder, []).append(entry)
    return [
        _Package(
            folder, configured.get(folder), modules_, folder in inits, configs.get(_parent(folder))
        )
        for folder, modules_ in sorted(found.items())
    ]


def _is_module(name: str) -> bool:
    """Whether Django's loader would import it (``pkgutil.iter_modules``, ``load_disk``)."""
    stem = name.removesuffix(".py")
    return stem != name and stem != "" and "." not in stem and stem[0] not in "_~"


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _headers(tree: Tree, cache: Cache, files: Collection[Entry]) -> dict[str, Header | Broken]:
    found = _remembered(tree, cache, "header", files)
    return {path: _unpacked(value) for path, value in found.items()}


def _is_django(package: _Package, headers: Mapping[str, Header | Broken]) -> bool:
    """Whether the folder holds Django's migrations, and not something else of the same name."""
    if ("/" + package.path).endswith("/django/db/migrations"):
        return False  # a copy of Django: this is the machinery itself
    if not package.modules:
        return package.is_package and package.config is not None
    return package.label is not None or any(
        header.is_migration
        if isinstance(header, Header)
        else module.path.rpartition("/")[2][0].isdigit()
        for module in package.modules
        for header in [headers[module.path]]
    )


def _project_roots(entries: Iterable[Entry]) -> list[str]:
    """Folders with a ``manage.py``, the deepest first; ``.`` for the top."""
    found = {
        _parent(entry.path) or "."
        for entry in entries
        if entry.path.rpartition("/")[2] == "manage.py"
    }
    return sorted(found, key=len, reverse=True)


def _project(path: str, roots: Iterable[str]) -> str:
    return next((root for root in roots if path.startswith(root + "/")), ".")


def _app(
    package: _Package,
    headers: Mapping[str, Header | Broken],
    labels: Mapping[str, object],
    roots: Iterable[str],
) -> App:
    migrations = tuple(
        Migration(package.path, _stem(entry.path), entry.path, entry.blob, headers[entry.path])
        for entry in sorted(package.modules)
    )
    label = package.label
    if label is None and package.config is not None:
        label = cast("str | None", labels[package.config.path])
    if label is None:
        label = _inferred_label(package.path, migrations)
    return App(package.path, label, _project(package.path, roots), migrations, package.is_package)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py")


def _inferred_label(path: str, migrations: Collection[Migration]) -> str:
    """The folder's name, unless the migrations themselves call their app something else.

    They do when an ``AppConfig`` computes its label or inherits it from another package.
    """
    folder = _parent(path).rpartition("/")[2]
    names = {migration.name for migration in migrations}
    votes: dict[str, int] = {}
    for migration in migrations:
        if isinstance(migration.header, Header):
            for ref in migration.header.dependencies:
                if ref.name in names and not ref.swappable and ref.name != migration.name:
                    votes[ref.label] = votes.get(ref.label, 0) + 1
    if folder in votes or not votes:
        return folder
    return max(sorted(votes), key=lambda label: votes[label])


def _settings(
    tree: Tree, cache: Cache, apps: Iterable[App], roots: Iterable[str]
) -> dict[tuple[str, str], str | None]:
    """What settings modules say of the settings that the migrations depend on."""
    asked = {
        ref.label
        for app in apps
        for migration in app.migrations
        if isinstance(migration.header, Header)
        for ref in migration.header.dependencies + migration.header.run_before
        if ref.swappable
    }
    if not asked:
        return {}
    files = [entry for entry in tree.entries if _is_settings(entry.path)]
    found: dict[tuple[str, str], str | None] = {}
    for path, value in _remembered(tree, cache, "settings", files).items():
        project = _project(path, roots)
        for name, model in cast("dict[str, str | None]", value).items():
            if name in asked:
                agreed = found.get((project, name), model) == model
                found[(project, name)] = model if agreed else None
    return found


def _is_settings(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return "migrations" not in folder and (
        "settings" in name or "settings" in folder.rpartition("/")[2]
    )


def _links(entries: Iterable[Entry]) -> tuple[UnreadFile, ...]:
    """Folders called ``migrations`` that are not really there."""
    why = {"link": "the folder is a symbolic link", "submodule": "the folder is a submodule"}
    return tuple(
        UnreadFile(entry.path, 1, "migrations", why[entry.kind])
        for entry in entries
        if entry.kind in why and not entry.path.endswith(".py")
    )


def _remembered(tree: Tree, cache: Cache, kind: str, files: Collection[Entry]) -> dict[str, object]:
    """What each file says as far as `kind` goes, by path: remembered by content, else read."""
    keys = {f"{kind}:{entry.blob}" for entry in files if entry.blob and entry.kind == "file"}
    known = cache.get(sorted(keys))
    fresh: dict[str, object] = {}
    found: dict[str, object] = {}
    missing = []
    for entry in files:
        key = f"{kind}:{entry.blob}"
        if entry.kind == "file" and key in known:
            found[entry.path] = known[key]
        else:
            missing.append(entry)
    for part in _parts(tree.read(missing)):
        found.update(_read(kind, part))
        for entry, content in part:
            if entry.kind == "file" and isinstance(content, bytes):
                fresh[f"{kind}:{entry.blob}"] = found[entry.path]
    if fresh:
        cache.put(fresh)
    return found


def _parts(contents: Iterable[tuple[Entry, bytes | Broken]]) -> Iterator[list[Content]]:
    """Contents in parts that fit easily into memory, all at once for all but the largest trees."""
    part, size = [], 0
    for entry, content in contents:
        part.append((entry, content))
        size += len(content) if isinstance(content, bytes) else 0
        if size > _PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def _read(kind: str, contents: list[Content]) -> dict[str, object]:
    """What each of these files says, by path."""
    readable = [(entry.path, content) for entry, content in contents if isinstance(content, bytes)]
    workers = 1 if kind == "settings" else None  # nothing is parsed: that takes less than a fork
    results = crew.spread(_READERS[kind], [content for _, content in readable], workers)
    found = dict(zip((path for path, _ in readable), results, strict=True))
    for entry, content in contents:
        if isinstance(content, Broken):
            found[entry.path] = {"header": _packed(content), "label": None, "settings": {}}[kind]
    return found


def _read_header(content: bytes) -> object:
    return _packed(reader.read(content))


_READERS = {
    "header": _read_header,
    "label": surroundings.read_config,
    "settings": surroundings.read_settings,
}


def _packed(header: Header | Broken) -> list[object]:
    """A header as the cache holds it: plain tuples where there were named ones."""
    fields = [[tuple(f) for f in x] if isinstance(x, tuple) else x for x in header]
    return [isinstance(header, Header), *fields]


def _unpacked(value: object) -> Header | Broken:
    """What was packed, perhaps with lists where there were tuples."""
    is_header, *fields = cast("list[object]", value)
    if not is_header:
        return Broken(*cast("tuple[int, int, str]", fields))
    header = Header(*cast("tuple[int]", fields))
    return header._replace(
        dependencies=tuple([Reference(*ref) for ref in header.dependencies]),
        run_before=tuple([Reference(*ref) for ref in header.run_before]),
        replaces=tuple([Reference(*ref) for ref in header.replaces]),
        unread=tuple([Unread(*unread) for unread in header.unread]),
    )
