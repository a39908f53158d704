"""Small projects that pin Django 5.2.4, each in the words of another tool."""

from __future__ import annotations

import json

PINS = {"asgiref": "3.9.1", "django": "5.2.4", "sqlparse": "0.5.3"}

PYPROJECT = """\
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["Django==5.2.4"]
"""
POETRY = """
[tool.poetry]
package-mode = false

[tool.poetry.group.dev.dependencies]
sqlparse = "*"
"""
POETRY_PACKAGE = """
[[package]]
name = "{name}"
version = "{version}"
description = ""
optional = false
python-versions = ">=3.10"
groups = ["main"]
files = []
"""
POETRY_END = """
[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "{content_hash}"
"""
CONTENT_HASH = "2a516f111e9192c7e3c283fc8988fd333c40fe3ec6fc314969b4b9d940f118e3"
"""Poetry's own, of `PYPROJECT` and `POETRY`."""
PDM_START = """\
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:0"

[[metadata.targets]]
requires_python = ">=3.11"
"""
PDM_PACKAGE = """
[[package]]
name = "{name}"
version = "{version}"
requires_python = ">=3.10"
summary = ""
groups = ["default"]
files = []
"""
PIPFILE = """\
[packages]
django = "==5.2.4"
"""


def _packages(template: str) -> str:
    return "".join(template.format(name=name, version=version) for name, version in PINS.items())


def _pipenv() -> str:
    meta = {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {}, "sources": []}
    pins = {name: {"version": f"=={version}"} for name, version in PINS.items()}
    return json.dumps({"_meta": meta, "default": pins, "develop": {}})


PROJECTS: dict[str, dict[str, str]] = {
    "poetry.lock": {
        "pyproject.toml": PYPROJECT + POETRY,
        "poetry.lock": _packages(POETRY_PACKAGE) + POETRY_END.format(content_hash=CONTENT_HASH),
    },
    "pdm.lock": {"pyproject.toml": PYPROJECT, "pdm.lock": PDM_START + _packages(PDM_PACKAGE)},
    "Pipfile.lock": {"Pipfile": PIPFILE, "Pipfile.lock": _pipenv()},
    "requirements/base.txt": {"requirements/base.txt": "Django==5.2.4\n"},
    "pyproject.toml": {"pyproject.toml": PYPROJECT},
    "setup.py": {
        "setup.py": "from setuptools import setup\n"
        "setup(name='shop', packages=[], install_requires=['Django==5.2.4'])\n"
    },
}
"""By what the environment is made from."""
