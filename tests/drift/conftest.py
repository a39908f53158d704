from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.drift.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of its own for each test; no byte code is written into it."""
    return Store.open(tmp_path / "store")


@pytest.fixture(autouse=True)
def _no_byte_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PYTHONDONTWRITEBYTECODE", "1")
