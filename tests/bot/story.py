"""A pull request on a GitHub of our own, and somebody who comments on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from remigrate import chatops, check, clone, event, marks, options, rehearsal
from remigrate import demo_shop as project
from remigrate.chatops import Result
from remigrate.event import Event, Grant
from remigrate.git import Repository
from remigrate.github import GitHub, Pace
from remigrate.local_github import events
from remigrate.local_github.records import BOT, Access, Comment
from remigrate.local_github.server import LocalGitHub
from remigrate.memory import NoCache
from remigrate.rehearsal import Voice
from remigrate.reset import flow
from remigrate.steps import Steps

BOT_MAY: dict[str, Access] = {"contents": "write", "pull-requests": "write"}
HASTE = Pace(0.0, (0.01, 0.02, 0.05), 5.0, 0.05)


def unboxed(
    repository: Repository, wanted: options.Options, answer: check.Answer, say: Voice
) -> flow.Worked:
    """A reset without a sandbox, in the Python of the tests: the code is our own."""
    del answer
    wanted = wanted._replace(python=sys.executable)
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **repository.env}
    return flow.worked_out(repository, wanted, environ, NoCache(), say)


class Story(NamedTuple):
    """One repository with main and a pull request #1 from `topic`, by Ada, who may write."""

    hub: LocalGitHub
    token: str
    folder: Path
    label: str = ""
    """For the bot's pull requests."""

    @classmethod
    def begun(cls, hub: LocalGitHub, folder: Path) -> Story:
        """Main has moved on since `topic` was cut: both add a third migration."""
        state = hub.state
        state.join("ada", "write")
        state.join("eve", "read")
        state.push("main", project.START, "A shop")
        state.push("topic", project.DISCOUNT, "Give discounts", by="ada", onto="main")
        state.push("main", project.STOCK, "Count the stock")
        state.open("topic", "main", "Discounts", by="ada")
        return cls(hub, hub.token(BOT_MAY), folder)

    @property
    def head(self) -> str:
        return self.branch("topic")

    def branch(self, name: str) -> str:
        """The commit of a branch; empty when there is none."""
        return self.hub.state.repository.commit_id(f"refs/heads/{name}")

    def client(self, token: str = "") -> GitHub:
        return GitHub(self.hub.url, self.hub.api_url, "octo/shop", token or self.token, HASTE)

    def reported(self) -> None:
        """The check has told about the pull request as it is."""
        self.hub.state.comment(1, f"### Found\n\n{marks.report(self.head)}\n", by=BOT)

    def says(self, body: str, by: str = "ada", number: int = 1) -> tuple[Comment, Event]:
        """Somebody comments; the event that GitHub sends."""
        said = self.hub.state.comment(number, body, by=by)
        payload = events.issue_comment(self.hub.shapes, said.id)
        return said, event.read("issue_comment", payload)

    def order(
        self,
        body: str,
        by: str = "ada",
        work: rehearsal.Work = unboxed,
        plan: str = "",
        triggered_by: str = "",
        number: int = 1,
    ) -> Result:
        """Somebody gives an order, and it is carried out."""
        _, happened = self.says(body, by, number)
        return self.carried_out(happened, work, plan, triggered_by)

    def carried_out(
        self,
        happened: Event,
        work: rehearsal.Work = unboxed,
        plan: str = "",
        triggered_by: str = "",
    ) -> Result:
        grant = event.grants(happened, triggered_by)
        assert grant.task == "command", grant
        with self.tools(work, plan) as tools:
            return chatops.carry_out(happened, grant, tools, "http://run")

    def granted(self, body: str) -> tuple[Event, Grant]:
        _, happened = self.says(body)
        return happened, event.grants(happened)

    @contextmanager
    def tools(
        self, work: rehearsal.Work = unboxed, plan: str = "", *, forks: bool = False
    ) -> Iterator[chatops.Tools]:
        """What an order is carried out with: a new clone, and a plan of another job if any."""
        folder = self.folder / f"clone-{len(list(self.folder.glob('clone-*')))}"
        ours = clone.Clone(str(folder), f"{self.hub.url}/octo/shop", self.token, os.environ)
        bench = rehearsal.Bench(ours, ".", work)
        there = rehearsal.Planned(bench, plan) if plan else bench
        try:
            rehearse, steps = there.rehearse, Steps(lambda _: None)
            yield chatops.Tools(
                self.client(), ours, rehearse, steps, self.label, forks or bool(plan)
            )
        finally:
            ours.close()

    # What is to be seen afterwards

    def answers(self, number: int = 1) -> list[str]:
        """What the bot has said, but for reports of the check."""
        said = self.hub.state.comments.values()
        ours = [each.body for each in said if (each.number, each.author) == (number, BOT)]
        return [body for body in ours if marks.REPORT not in body]

    def reactions(self) -> list[str]:
        """Those of the bot, on whatever comment."""
        found = self.hub.state.reactions.values()
        return sorted(each.content for each in found if each.author == BOT)

    def proposals(self) -> list[int]:
        """Open pull requests of the bot's."""
        return [
            issue.number
            for issue, _ in self.hub.state.pulls()
            if issue.author == BOT and issue.state == "open"
        ]

    def files(self, commit: str) -> set[str]:
        """Paths that a commit touches."""
        names = ("diff-tree", "-r", "--no-renames", "--no-commit-id", "--name-only")
        return set(self.hub.state.repository.git(*names, commit).split())

    def checkout(self, commit: str) -> Path:
        """A clean clone at a commit."""
        top = self.folder / f"checkout-{commit[:12]}"
        run("git", "clone", "--quiet", str(self.hub.state.repository.folder), str(top))
        run("git", "-C", str(top), "checkout", "--quiet", "--detach", commit)
        return top


def run(*argv: str, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
