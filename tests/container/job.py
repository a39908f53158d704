"""A job that runs the image for an event of our own GitHub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from remigrate.local_github import events
from tests.bot.story import BOT_MAY, Story
from tests.container import hostile
from tests.container.runner import Run, Runner

CHECKS = {"contents": "read", "pull-requests": "write"}
VARIABLES = ("ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_SECRET_ACCESS_KEY")


class Job:
    """A job on a runner, for an event of our own GitHub."""

    def __init__(self, story: Story, runner: Runner) -> None:
        self.story, self.runner = story, runner
        self.token = ""
        """Another one than that of the job."""
        for folder in runner.mounts().values():
            folder.mkdir(parents=True, exist_ok=True)

    def run(
        self,
        name: str,
        payload: dict[str, Any],
        permissions: Mapping[str, Any] = BOT_MAY,
        **inputs: str,
    ) -> Run:
        hub = self.story.hub
        more = {
            "GITHUB_SERVER_URL": hub.url,
            "GITHUB_API_URL": hub.api_url,
            "INPUT_TOKEN": self.token or hub.token(permissions),
            **dict.fromkeys(VARIABLES, hostile.PLANTED),
        }
        return self.runner.run(
            payload, sha=self.story.branch("main"), name=name, inputs=inputs, more=more
        )

    def check(self, number: int = 1, action: str = "synchronize", **inputs: str) -> Run:
        """The check of a pull request, after actions/checkout."""
        _, pull = self.story.hub.state.pull(number)
        payload = events.pull_request(self.story.hub.shapes, number, action, "ada")
        return self._checked_out(pull.test_merge).run("pull_request", payload, CHECKS, **inputs)

    def push(self, files: Mapping[str, str | None], **inputs: str) -> Run:
        """Somebody pushes to main, and the check of that, after actions/checkout."""
        state, before = self.story.hub.state, self.story.branch("main")
        after = state.push("main", files)
        payload = events.push(self.story.hub.shapes, "main", before, after, "ada")
        return self._checked_out(after).run("push", payload, CHECKS, **inputs)

    def _checked_out(self, commit: str) -> Job:
        runner = self.runner._replace(
            folder=self.runner.folder / f"check-{os.urandom(4).hex()}",
            origin=self.runner.origin._replace(folder=self.story.hub.state.repository.folder),
        )
        runner.checkout(commit)
        return Job(self.story, runner)

    def order(self, body: str, permissions: Mapping[str, Any] = BOT_MAY, **inputs: str) -> Run:
        """Ada comments."""
        return self.order_below(1, body, permissions, **inputs)

    def order_below(
        self, number: int, body: str, permissions: Mapping[str, Any], **inputs: str
    ) -> Run:
        """Ada comments below any pull request."""
        said = self.story.hub.state.comment(number, body, by="ada")
        payload = events.issue_comment(self.story.hub.shapes, said.id)
        return self.run("issue_comment", payload, permissions, **inputs)
