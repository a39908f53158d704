"""The matrix: every Python that Remigrate runs on, with every Django that judges it there."""

from __future__ import annotations

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
