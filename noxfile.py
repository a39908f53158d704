"""The matrix: every Python that Remigrate runs on, with every Django that judges it there."""

from __future__ import annotations

import os

import nox

# https://docs.djangoproject.com/en/stable/faq/install/#what-python-version-can-i-use-with-django
DJANGO = {
    "4.2": ("3.11", "3.12"),
    "5.2": ("3.11", "3.12", "3.13", "3.14"),
    "6.0": ("3.12", "3.13", "3.14"),
    "6.1": ("3.12", "3.13", "3.14"),
}
MATRIX = [(python, django) for django, pythons in DJANGO.items() for python in pythons]


@nox.session
@nox.parametrize("python,django", MATRIX)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests. `nox -p 3.13` for one Python, `-- -k graph` for some of them."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install(f"Django~={django}.0")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    session.run("python", "-m", "pytest", *session.posargs)


# Python and Django of the projects that the probe runs in; these need not be what we run on.
# The last one is whatever is newest.
PROBED = [("3.8", "3.2"), ("3.9", "4.2"), ("3.11", "5.2"), ("3.13", "6.0"), ("3.14", "")]


@nox.session(python="3.11")
@nox.parametrize("probed,django", PROBED, ids=[f"{p}-{d or 'newest'}" for p, d in PROBED])
def probe(session: nox.Session, probed: str, django: str) -> None:
    """Run the probe's tests from this environment, in an interpreter that holds only Django."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    session.env["REMIGRATE_PROBE_PYTHON"] = _project(session, probed, django)
    session.run("python", "-m", "pytest", "tests/probe", *session.posargs)


TRAPPED = [("3.9", "4.2"), ("3.11", "5.2"), ("3.13", "6.0"), ("3.13", "")]
_TRAPS = ("tests/reset/traps", "tests/reset/test_guard.py")


@nox.session(python="3.11")
@nox.parametrize("trapped,django", TRAPPED, ids=[f"{p}-{d or 'newest'}" for p, d in TRAPPED])
def traps(session: nox.Session, trapped: str, django: str) -> None:
    """Run the tests of the traps and of the guard on projects that have that Django."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    session.env["REMIGRATE_PROBE_PYTHON"] = _project(session, trapped, django, "psycopg[binary]")
    session.run("python", "-m", "pytest", *_TRAPS, *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """Every moment of an interruption, every pair of operations, and many bad days of GitHub."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    session.env["REMIGRATE_THOROUGH"] = "1"
    session.run(
        *("python", "-m", "pytest", "tests/reset", "--ignore=tests/reset/traps"),
        *("tests/bot/test_bot_faults.py", "tests/db/test_restore_interrupted.py"),
        *("tests/db/test_sync_interrupted.py", "tests/hooks/test_pre_commit.py"),
        *session.posargs,
    )


@nox.session
def links(session: nox.Session) -> None:
    """Follow the links of the documentation that lead elsewhere. Needs the network."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    folder = session.create_tmp()
    session.run("sphinx-build", "-b", "linkcheck", "-c", "docs", ".", folder, *session.posargs)


@nox.session
def stories(session: nox.Session) -> None:
    """Every story of docs/stories.md on SQLite, PostgreSQL and MariaDB."""
    session.install("--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--no-deps", "--no-build-isolation", "--editable", ".")
    session.env["REMIGRATE_STORIES"] = "all"
    session.run("python", "-m", "pytest", "tests/db/test_stories.py", *session.posargs)


def _project(session: nox.Session, version: str, django: str, *more: str) -> str:
    """The interpreter of an environment that holds Django and `more`."""
    folder = os.path.abspath(session.create_tmp())  # the tests run it from other folders
    requirement = f"Django~={django}.0" if django else "Django"
    session.run(f"python{version}", "-m", "venv", folder, external=True)
    python = f"{folder}/bin/python"
    session.run(python, "-m", "pip", "install", "--quiet", requirement, *more, external=True)
    return python
