"""What the tests of reading share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.reading.repositories import Content, Repository, new

Make = Callable[..., Repository]
NOBODY = 65534


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a repository with one commit of some files."""

    def make(files: Mapping[str, Content] | None = None, name: str = "project") -> Repository:
        return new(tmp_path / name, files)

    return make


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of somebody who is not root: root may read and write everything."""
    folder = Path(tempfile.mkdtemp(prefix="remigrate-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    for place, _, _ in os.walk(folder):
        os.chmod(place, 0o700)
    shutil.rmtree(folder)
