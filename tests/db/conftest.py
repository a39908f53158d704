"""Counters: a project with a database of each vendor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from remigrate import servers
from tests.db.counter import SERVERS, Counter, opened, server_of, shelf
from tests.db.mortal import Mortal

__all__ = ["shelf"]


_MARKED = [pytest.param(vendor, marks=pytest.mark.needs("servers")) for vendor in SERVERS]


@pytest.fixture(params=["sqlite", *_MARKED])
def counter(request: pytest.FixtureRequest, shelf: Path, tmp_path: Path) -> Iterator[Counter]:
    """One of each vendor."""
    vendor = request.param
    with opened(vendor, shelf, tmp_path / "counter", server_of(vendor, request)) as counter:
        yield counter


@pytest.fixture(params=_MARKED)
def on_server(request: pytest.FixtureRequest, shelf: Path, tmp_path: Path) -> Iterator[Counter]:
    vendor = request.param
    with opened(vendor, shelf, tmp_path / "counter", server_of(vendor, request)) as counter:
        yield counter


@pytest.fixture
def on_sqlite(shelf: Path, tmp_path: Path) -> Iterator[Counter]:
    with opened("sqlite", shelf, tmp_path / "counter", None) as counter:
        yield counter


@pytest.fixture
def on_mysql(request: pytest.FixtureRequest, shelf: Path, tmp_path: Path) -> Iterator[Counter]:
    server = server_of("mysql", request)
    with opened("mysql", shelf, tmp_path / "counter", server) as counter:
        yield counter


@pytest.fixture
def on_postgresql(request: pytest.FixtureRequest, shelf: Path, tmp_path: Path) -> Iterator[Counter]:
    server = server_of("postgresql", request)
    with opened("postgresql", shelf, tmp_path / "counter", server) as counter:
        yield counter


@pytest.fixture(params=_MARKED)
def mortal(
    request: pytest.FixtureRequest, shelf: Path, tmp_path: Path
) -> Iterator[tuple[Mortal, Counter]]:
    """A server of its own, and a counter on it."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(servers.start(request.param, str(tmp_path), os.environ))
        except servers.NoServer as error:
            pytest.skip(error.reason)
        mortal = Mortal(server)
        stack.callback(mortal.end)
        path = tmp_path / "counter"
        counter = stack.enter_context(opened(request.param, shelf, path, server.config))
        yield mortal, counter
