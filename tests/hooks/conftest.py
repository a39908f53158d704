"""This project as pre-commit would get it, and what it takes to install it without a network."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.project import Project, run
from tests.drift.store import Store

_PACKAGE = ("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", ".pre-commit-hooks.yaml")


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that tests copy, and leave as it is."""
    return Project.start(tmp_path_factory.mktemp("started") / "project")


@pytest.fixture
def shop(started: Project, tmp_path: Path) -> Project:
    """A project of one app with two migrations."""
    return started.copy(tmp_path / "project")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A project whose code can be run."""
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="session")
def published(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose only commit is the tree under test."""
    place = tmp_path_factory.mktemp("published") / "remigrate"
    for folder in ("hooks", "src"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / folder, place / folder, symlinks=True, ignore=ignore)
    for name in _PACKAGE:
        shutil.copy(root / name, place)
    project = Project(place)
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("The hooks as they are now")
    return place


@pytest.fixture(scope="session")
def offline(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings with which pip finds the locked packages on disk: they are downloaded once."""
    wheels = tmp_path_factory.mktemp("wheels")
    locks = [f"--requirement={root}/requirements/{name}.txt" for name in ("runtime", "build")]
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    done = run(*pip, "download", "--no-deps", "--require-hashes", *locks, "-d", wheels, cwd=root)
    assert done.code == 0, done.err
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
