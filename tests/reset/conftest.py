"""Real interpreters and servers for the tests of a reset; of servers one for the whole run.

A test that takes a server needs ``servers``: it is skipped where the machine has none,
and fails where REMIGRATE_REQUIRE names them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from remigrate import servers
from tests.reset.interpreter import Interpreter, opened

_FIXTURES = {"postgresql", "mariadb", "server"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and _FIXTURES & set(
            getattr(item, "fixturenames", ())
        ):
            item.add_marker(pytest.mark.needs("servers"))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter]:
    """A Python with a small project, one for all tests of a file."""
    with opened(tmp_path_factory.mktemp("process")) as found:
        yield found


@pytest.fixture
def django(process: Interpreter) -> Interpreter:
    """The same with an empty database, and nothing of the tests before."""
    process.forget()
    process.run("fresh()")
    return process


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    """How Django connects to a PostgreSQL server that is there for the tests."""
    yield from _started("postgresql", tmp_path_factory)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    """How Django connects to a MariaDB or MySQL server that is there for the tests."""
    yield from _started("mysql", tmp_path_factory)


def _started(vendor: servers.Vendor, factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    folder = factory.mktemp("servers")
    try:
        with servers.start(vendor, str(folder), os.environ) as server:
            yield server.config
    except servers.NoServer as error:
        pytest.skip(error.reason)
