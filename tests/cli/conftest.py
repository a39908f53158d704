"""A project for every test, and one that two people changed at the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.project import Project


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that tests copy, and leave as it is."""
    return Project.start(tmp_path_factory.mktemp("started") / "project")


@pytest.fixture
def shop(started: Project, tmp_path: Path) -> Project:
    """A project of one app with two migrations."""
    return started.copy(tmp_path / "project")


@pytest.fixture
def collided(shop: Project) -> Project:
    """`main` counts the stock, the branch `discount` gives discounts: each is fine alone."""
    shop.git("checkout", "--quiet", "-b", "discount")
    shop.migration("0003_discount", "0002_price")
    shop.commit("Give discounts")
    shop.git("checkout", "--quiet", "main")
    shop.migration("0003_stock", "0002_price")
    shop.commit("Count the stock")
    shop.git("checkout", "--quiet", "discount")
    return shop
