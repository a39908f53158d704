"""A GitHub for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remigrate.local_github.server import LocalGitHub
from tests.local_github.client import opened


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalGitHub]:
    """A GitHub with Ada's pull request #1 from `feature` into `main`."""
    with opened(tmp_path / "github") as hub:
        yield hub
