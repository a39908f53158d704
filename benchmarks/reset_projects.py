"""The real projects that are reset: their packages in a work tree, and an engine under them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import environments, projects, repositories
from benchmarks.measure import Command, environment, output

SETTINGS = "reset_settings"
"""The module that every work tree gets: the project's own settings on the wanted database."""
DATABASE = "RESET_BENCH_DATABASE"
"""The variable in which that module finds it."""

_SQLITE = "psycopg2-binary==2.9.13"


_POSTGRESQL = "psycopg2-binary==2.9.13"


class Project(NamedTuple):
    """Published packages whose apps are reset."""

    name: str
    packages: tuple[str, ...]
    """Their folders in site-packages: they become the work tree."""
    requirements: tuple[str, ...]
    settings: str
    """What the module `SETTINGS` begins with."""
    prepare: Callable[[Path, Path], None] = lambda env, tree: None
    """Adds to the work tree what the packages are not: a project around them."""
    module: str = ""
    """The project's own module of settings, where another one cannot take its place: what
    `settings` says is put at its end."""
    home: str = "."
    """Where in the work tree the project's code starts."""
    variables: tuple[tuple[str, str], ...] = ()
    engines: tuple[str, ...] = ("sqlite",)
    environment: str = ""
    """Name of the environment, where projects share one."""


class Tree(NamedTuple):
    """A work tree that is ready to be reset."""

    top: Path
    home: Path
    """Where ``manage.py`` is."""
    python: str
    env: dict[str, str]
    settings: str
    """The module of settings."""

    def django(self, *words: str, database: dict[str, Any] | None = None) -> Command:
        """``manage.py`` with these words, on `database`."""
        env = {**self.env, DATABASE: json.dumps(database)} if database else self.env
        return Command((self.python, str(self.home / "manage.py"), *words), self.home, env)


def of(engine: str, folder: Path) -> dict[str, Any]:
    """What the settings say of a database that nobody has to connect to."""
    if engine == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "unused.sqlite3")}
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": "unused",
        "HOST": "nowhere.invalid",
        "USER": "nobody",
        "PASSWORD": "",
    }


def tree(project: Project, engine: str, folder: Path) -> Tree:
    """Make the work tree of a project below `folder`, everything in it committed."""
    env = environments.project_environment(
        project.environment or project.name, project.requirements
    )
    if engine == "postgresql":
        environments.pip(env, _POSTGRESQL)
    packages = next((env / "lib").glob("python3*")) / "site-packages"
    top = folder / "tree"
    for package in project.packages:
        shutil.copytree(packages / package, top / package, ignore=_IGNORED)
    home = top / project.home
    module = project.module or SETTINGS
    with (home / f"{module.replace('.', '/')}.py").open("a") as file:
        file.write(project.settings + _DATABASES)
    (home / "manage.py").write_text(_MANAGE.format(module=module))
    project.prepare(env, top)
    variables = {**_variables(project, engine, folder), "PYTHONPATH": str(top)}
    found = Tree(top, home, str(env / "bin" / "python"), variables, module)
    repositories.commit_all(top)
    _settle(found)
    return found


_IGNORED = shutil.ignore_patterns("__pycache__", "*.sqlite3", "node_modules", "*.map")
_DATABASES = f"""
import json
import os

DATABASES = {{"default": json.loads(os.environ["{DATABASE}"])}}
"""
_MANAGE = """\
import os
import sys

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "{module}"
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""


def _variables(project: Project, engine: str, folder: Path) -> dict[str, str]:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    return {
        **environment(data),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATA_DIR": str(data),
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "NAUTOBOT_ROOT": str(data),
        "PULP_DB_ENCRYPTION_KEY": str(folder / "tree" / _PULP_KEY),
        "PULP_FILE_UPLOAD_TEMP_DIR": str(data),
        **dict(project.variables),
        DATABASE: json.dumps(of(engine, data)),
    }


def _settle(made: Tree) -> None:
    """Some packages are released with models that their migrations do not have: write those."""
    check = made.django("makemigrations", "--check", "--dry-run", "--noinput")
    if subprocess.run(check.argv, cwd=check.cwd, env=check.env, capture_output=True).returncode:
        output(made.django("makemigrations", "--noinput"))
        repositories.git(made.top, "add", "--all", "--force")
        repositories.git(made.top, "commit", "--quiet", "--message", "what the release lacks")
        output(check)


def _wagtail_start(env: Path, top: Path) -> None:
    argv = (str(env / "bin" / "wagtail"), "start", "shop", str(top))
    manage = (top / "manage.py").read_text()
    (top / "manage.py").unlink()
    output(Command(argv, top, environment(top.parent)))
    (top / "manage.py").write_text(manage)


def _oscar_urls(env: Path, top: Path) -> None:
    (top / "shop_urls.py").write_text(projects._OSCAR_URLS)


_ALL_OF_WAGTAIL = [
    "wagtail.contrib.settings",
    "wagtail.contrib.search_promotions",
    "wagtail.contrib.simple_translation",
]
_WAGTAIL = f"""\
from shop.settings.dev import *

INSTALLED_APPS += {_ALL_OF_WAGTAIL!r}
"""
_BOTH = f"""\
{projects._OSCAR_SETTINGS}
INSTALLED_APPS += [
    "taggit", "modelcluster", "django_tasks", "rest_framework",
    *(
        f"wagtail{{app}}"
        for app in ["", ".admin", ".users", ".images", ".documents", ".embeds", ".search",
                    ".sites", ".snippets", ".contrib.forms", ".contrib.redirects", ".locales"]
    ),
    *{_ALL_OF_WAGTAIL!r},
]
WAGTAIL_SITE_NAME = "shop"
WAGTAILADMIN_BASE_URL = "http://localhost"
"""
_NAUTOBOT = """\
from nautobot.core.settings import *

SECRET_KEY = "benchmark"
CACHES = {"default": {"BACKEND": "reset_cache.Cache"}}
CONSTANCE_DATABASE_CACHE_BACKEND = None
"""
_CACHE = """\
from django.core.cache.backends.locmem import LocMemCache


class Cache(LocMemCache):
    def delete_pattern(self, pattern, **options):
        self.clear()
"""
"""Stands for the server that nautobot's caches are on: Django's own ones delete by no pattern."""


def _nautobot_cache(env: Path, top: Path) -> None:
    (top / "reset_cache.py").write_text(_CACHE)


_PULP_KEY = "database_fields.key"
"""A file that pulpcore's settings demand."""
_PULP = """
settings.set("DATABASES", DATABASES)
"""
"""What stands in that module counts no more: dynaconf has taken the place of Django's settings."""


def _pulp(env: Path, top: Path) -> None:
    (top / _PULP_KEY).write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
    with (top / "pulpcore/app/settings.py").open("a") as file:
        file.write(_PULP)


def _requirements(name: str) -> tuple[str, ...]:
    return next(each.requirements for each in projects.ALL if each.name == name)


ALL = (
    Project(
        "django-oscar",
        ("oscar",),
        _requirements("django-oscar"),
        projects._OSCAR_SETTINGS,
        _oscar_urls,
        engines=("sqlite", "postgresql"),
    ),
    Project(
        "wagtail",
        ("wagtail",),
        _requirements("wagtail"),
        _WAGTAIL,
        _wagtail_start,
        engines=("sqlite", "postgresql"),
    ),
    Project(
        "wagtail + django-oscar",
        ("wagtail", "oscar"),
        (*_requirements("wagtail"), *_requirements("django-oscar")[:-1]),
        _BOTH,
        _oscar_urls,
        engines=("sqlite", "postgresql"),
        environment="wagtail-oscar",
    ),
    Project("pretix", ("pretix",), _requirements("pretix"), "from pretix.settings import *\n"),
    Project(
        "label-studio",
        ("label_studio",),
        _requirements("label-studio"),
        "",
        module="core.settings.label_studio",
        home="label_studio",
        variables=(("SENTRY_DSN", ""), ("FRONTEND_SENTRY_DSN", ""), ("LATEST_VERSION_CHECK", "0")),
    ),
    Project(
        "nautobot",
        ("nautobot",),
        ("nautobot==3.2.7", projects.DJANGO, "psycopg2-binary==2.9.13"),
        _NAUTOBOT,
        _nautobot_cache,
        engines=("postgresql",),
    ),
    Project(
        "pulpcore",
        ("pulpcore", "pulp_file", "pulp_certguard"),
        ("pulpcore==3.123.1", projects.DJANGO),
        "",
        _pulp,
        module="pulpcore.app.settings",
        engines=("postgresql",),
    ),
)
