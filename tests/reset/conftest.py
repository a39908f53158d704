"""Real interpreters for the tests of a reset; a test with the fixture ``server`` needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reset.interpreter import Interpreter, opened


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        is_here = Path(__file__).parent in item.path.parents
        if is_here and "server" in getattr(item, "fixturenames", ()):
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
