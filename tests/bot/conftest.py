"""A GitHub with a pull request, our own client of it, and one where two sides collide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from remigrate.github import GitHub
from remigrate.local_github.records import Access
from remigrate.local_github.server import LocalGitHub
from tests.bot.story import BOT_MAY, HASTE, Story
from tests.local_github.client import opened
from tests.octokit.description import published


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalGitHub]:
    """A GitHub with Ada's pull request #1 from `feature` into `main`."""
    with opened(tmp_path / "github") as hub:
        yield hub


@pytest.fixture
def connect(hub: LocalGitHub) -> Callable[..., GitHub]:
    """Connects with a token of some permissions."""

    def connected(permissions: Mapping[str, Access] = BOT_MAY, login: str = "") -> GitHub:
        token = hub.token(permissions, login) if login else hub.token(permissions)
        return GitHub(hub.url, hub.api_url, "octo/shop", token, HASTE)

    return connected


@pytest.fixture
def github(connect: Callable[..., GitHub]) -> GitHub:
    """Our client, with the permissions that the README asks for."""
    return connect()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Main and a pull request that collide, as the check has told."""
    description = published()
    check = None if description is None else description.check
    with LocalGitHub("octo/shop", folder=tmp_path / "github", check=check) as hub:
        story = Story.begun(hub, tmp_path)
        story.reported()
        yield story
