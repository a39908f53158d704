"""Our own clone: which git runs there, and what it tells."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from remigrate import clone
from remigrate.errors import NetworkFailure
from tests.action.conftest import SAFE, settings_seen
from tests.bot.story import Story

TOKEN = "ghs_secret"
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@pytest.mark.parametrize("secret", [TOKEN, BASIC])
def test_what_git_says_is_told_without_the_token(tmp_path: Path, secret: str) -> None:
    ours = clone.Clone(str(tmp_path / "c"), f"http://127.0.0.1:9/{secret}", TOKEN, os.environ)
    try:
        with pytest.raises(NetworkFailure, match=r"\*\*\*") as failed:
            ours.tip("main")
    finally:
        ours.close()
    assert secret not in str(failed.value)


def test_every_git_of_the_clone_runs_nothing_that_it_names(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = settings_seen(tmp_path)
    monkeypatch.setenv("PATH", path)
    with story.tools() as tools:
        settings.write_text("")
        tools.clone.fetch(story.head, story.branch("main"))
        tools.clone.merged(story.branch("main"), story.head)
    lines = [line for line in settings.read_text().splitlines() if "http-backend" not in line]
    ours = [line for line in lines if str(story.hub.state.repository.folder) not in line]
    assert len(ours) > 2
    assert {line.partition(" | ")[0] for line in ours} == {SAFE}
