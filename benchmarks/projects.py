"""The real projects: what to install, how to run them without services, what git sees of them."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import environments, repositories
from benchmarks.measure import Command, Failed, environment, output

DJANGO = "Django==5.2.19"


class Project(NamedTuple):
    """A published package with a history, and how to ask Django about it."""

    name: str
    package: str
    """Its folder in site-packages: what git tracks in the project's own repository."""
    requirements: tuple[str, ...]
    settings: str
    prepare: Callable[[Path, Path], None]
    """Makes, from an environment, the folder that Django runs in."""
    command: tuple[str, ...] = ("-m", "django")
    variables: tuple[tuple[str, str], ...] = ()
    inside: bool = False
    """Django runs inside of the package's folder, and not in the one that `prepare` made."""
    exits: tuple[int, ...] = (0,)
    """What ``makemigrations --check --dry-run`` ends with on the released package."""


class Prepared(NamedTuple):
    """A project that is ready to be measured."""

    makemigrations: Command
    tree: Path
    """A work tree with two branches: `repositories.BASE`, and another one checked out."""


def _nothing(env: Path, folder: Path) -> None:
    """For packages that are projects themselves."""


def _wagtail_start(env: Path, folder: Path) -> None:
    argv = (str(env / "bin" / "wagtail"), "start", "shop", str(folder))
    output(Command(argv, folder, environment(folder)))


_OSCAR_APPS = (
    ["oscar.config.Shop"]
    + [
        f"oscar.apps.{app}.apps.{app.title()}Config"
        for app in (
            *("analytics", "checkout", "address", "shipping", "catalogue", "communication"),
            *("partner", "basket", "payment", "offer", "order", "customer", "search", "voucher"),
            *("wishlists", "dashboard"),
        )
    ]
    + ["oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig"]
    + [
        f"oscar.apps.dashboard.{part}.apps.{part.title()}DashboardConfig"
        for part in (
            *("reports", "users", "orders", "catalogue", "offers", "partners", "pages", "ranges"),
            *("reviews", "vouchers", "communications", "shipping"),
        )
    ]
)

_OSCAR_SETTINGS = f"""\
from oscar.defaults import *

SECRET_KEY = "benchmark"
SITE_ID = 1
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
ROOT_URLCONF = "shop_urls"
STATIC_URL = "/static/"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}}}
HAYSTACK_CONNECTIONS = {{"default": {{"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}}}
INSTALLED_APPS = [
    *(
        f"django.contrib.{{app}}"
        for app in "admin auth contenttypes sessions messages staticfiles sites flatpages".split()
    ),
    *{_OSCAR_APPS!r},
    "widget_tweaks", "haystack", "treebeard", "sorl.thumbnail", "django_tables2",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {{"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]}},
}}]
"""


_OSCAR_URLS = """\
from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
"""


def _oscar_shop(env: Path, folder: Path) -> None:
    (folder / "shop_settings.py").write_text(_OSCAR_SETTINGS)
    (folder / "shop_urls.py").write_text(_OSCAR_URLS)


ALL = (
    Project(
        "wagtail",
        "wagtail",
        ("wagtail==8.0.1", DJANGO),
        "shop.settings.dev",
        _wagtail_start,
        ("manage.py",),
    ),
    Project(
        "django-oscar",
        "oscar",
        ("django-oscar[sorl-thumbnail]==4.2.1", DJANGO),
        "shop_settings",
        _oscar_shop,
    ),
    Project(
        "pretix",
        "pretix",
        ("pretix==2026.8.0", DJANGO),
        "pretix.settings",
        _nothing,
        ("-m", "pretix"),
        # As released, three of its fields are not as its migrations have them.
        exits=(0, 1),
    ),
    Project(
        "label-studio",
        "label_studio",
        ("label-studio==1.23.2", DJANGO),
        "core.settings.label_studio",
        _nothing,
        ("manage.py",),
        # No error reports and no question for newer versions: the network is not what is measured.
        (("SENTRY_DSN", ""), ("FRONTEND_SENTRY_DSN", ""), ("LATEST_VERSION_CHECK", "0")),
        inside=True,
    ),
)

_SEEN = """\
import json, os, sys
import django
django.setup()
from django.db.migrations.loader import MigrationLoader
loader = MigrationLoader(None, ignore_no_migrations=True)
files = {
    f"{app}.{name}": os.path.realpath(sys.modules[migration.__module__].__file__)
    for (app, name), migration in loader.disk_migrations.items()
}
with open(sys.argv[1], "w") as answer:
    json.dump(files, answer)
"""
"""Asks Django which migrations it loads; some projects print while they start, so into a file."""


def prepared(project: Project, remigrate: str) -> Prepared:
    """The project's environment and work tree; made when they are not there yet."""
    env = environments.project_environment(project.name, project.requirements)
    packages = next((env / "lib").glob("python3*")) / "site-packages"
    recipe = "\0".join((Path(__file__).read_text(), repositories.recipe(), *project.requirements))

    def make(folder: Path) -> None:
        work, tree = folder / "work", folder / "tree"
        work.mkdir()
        project.prepare(env, work)
        seen = _seen(project, env, packages, folder)
        _copy(packages / project.package, tree / project.package, seen)
        if any(work.resolve() in path.parents for path in seen.values()):
            shutil.copytree(work, tree, dirs_exist_ok=True, ignore=_IGNORED)
        repositories.commit_all(tree)
        report = repositories.report(tree, remigrate)
        count = _agreed(report, seen, (packages / project.package, work))
        (folder / "migrations").write_text(str(count))
        repositories.add_branches(tree, report)

    folder = environments.kept("projects", project.name, recipe, make)
    repositories.expect(folder / "tree", remigrate, int((folder / "migrations").read_text()) + 1)
    django = _django(project, env, packages, folder)
    argv = (*django.argv, *project.command, "makemigrations", "--check", "--dry-run")
    return Prepared(django._replace(argv=argv, exits=project.exits), folder / "tree")


_IGNORED = shutil.ignore_patterns("__pycache__", "*.sqlite3")


def _django(project: Project, env: Path, packages: Path, folder: Path) -> Command:
    """The project's interpreter, where and with what it has to run."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    variables = {
        "DJANGO_SETTINGS_MODULE": project.settings,
        "DATA_DIR": str(data),
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        **dict(project.variables),
    }
    cwd = packages / project.package if project.inside else folder / "work"
    return Command((str(env / "bin" / "python"),), cwd, {**environment(folder), **variables})


def _seen(project: Project, env: Path, packages: Path, folder: Path) -> dict[str, Path]:
    """``label.name`` to file of every migration that Django loads."""
    answer = folder / "seen.json"
    django = _django(project, env, packages, folder)
    output(django._replace(argv=(*django.argv, "-c", _SEEN, str(answer))))
    found: dict[str, str] = json.loads(answer.read_text())
    return {name: Path(path) for name, path in found.items()}


def _copy(source: Path, target: Path, seen: dict[str, Path]) -> None:
    """Copy a package without the migrations of apps in it that the project does not install."""
    used = {path.parent for path in seen.values()}

    def unwanted(folder: str, names: list[str]) -> set[str]:
        found = set(_IGNORED(folder, names))
        if Path(folder, "migrations").resolve() not in used:
            found.add("migrations")
        return found

    shutil.copytree(source, target, ignore=unwanted)


def _agreed(report: dict[str, Any], seen: dict[str, Path], places: tuple[Path, ...]) -> int:
    """How many migrations Django loads from `places`. Raises `Failed` unless Remigrate says so."""
    ours = {app["label"]: app["migrations"] for app in report["apps"] if app["migrations"]}
    resolved = {place.resolve() for place in places}
    theirs = Counter(
        name.split(".")[0] for name, path in seen.items() if resolved & set(path.parents)
    )
    if ours != theirs:
        raise Failed(f"Django counts {dict(theirs)} migrations, Remigrate {ours}")
    return theirs.total()
