"""A pull request from a fork: one job runs nothing of it, two answer with a patch."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from remigrate import chatops, clone, event, handover, rehearsal
from remigrate import demo_shop as project
from remigrate.chatops import Result
from remigrate.errors import Failure, NetworkFailure
from remigrate.local_github import events
from remigrate.local_github.repository import Repository
from remigrate.outcome import AppReset, Reset
from remigrate.report import replies
from tests.bot.story import Story, run, unboxed
from tests.bot.test_chatops import errors
from tests.bot.test_threats import never

READS: dict[str, Any] = {"contents": "read", "pull-requests": "read"}


@pytest.fixture
def fork(story: Story) -> Repository:
    """Mallory's, with pull request #2, which collides as #1 does."""
    made = story.hub.state.fork("mallory")
    story.hub.state.push("gift", project.DISCOUNT, "Gift", by="mallory", onto="topic~", to=made)
    assert story.hub.state.open("gift", "main", "Gift", by="mallory", of=made).number == 2
    return made


class Orders:
    """Orders below #2, carried out in two jobs."""

    def __init__(self, story: Story) -> None:
        self._story = story

    @property
    def head(self) -> str:
        return self._story.hub.state.pull(2)[1].head

    def planned(
        self,
        words: str | None = None,
        by: str = "ada",
        work: rehearsal.Work = unboxed,
        permissions: Any = None,
    ) -> tuple[event.Event, handover.Handover | None]:
        """The job that may not write."""
        words = f"sha={self.head[:12]}" if words is None else words
        said = self._story.hub.state.comment(2, f"/reset-migrations {words}", by=by)
        payload = events.issue_comment(self._story.hub.shapes, said.id)
        happened = event.read("issue_comment", payload)
        reader = self._story._replace(token=self._story.hub.token(permissions or READS))
        with reader.tools(work, forks=True) as tools:
            return happened, chatops.plan(happened, event.grants(happened), tools)

    def applied(self, happened: event.Event, plan: handover.Handover | None) -> Result:
        """The job that may write."""
        path = self._story.folder / "plan.json"
        if plan is not None:
            path.write_text(handover.encoded(plan))
        return self._story.carried_out(happened, never, str(path))

    def nothing_was_pushed(self) -> bool:
        return not self._story.branch("remigrate/pr-2") and not self._story.proposals()


@pytest.fixture
def orders(story: Story, fork: Repository) -> Orders:
    return Orders(story)


def patch_in(answer: str) -> str:
    """The patch, as somebody copies it from the page."""
    [text] = [
        each.content
        for each in MarkdownIt().parse(answer)
        if (each.type, each.info) == ("fence", "diff")
    ]
    return text


def patched(story: Story, answer: str) -> Path:
    """The fork's branch after ``git apply``, as the answer says it."""
    top = story.folder / "fork"
    [fork] = story.hub.state.forks.values()
    run("git", "clone", "--quiet", "--branch=gift", str(fork.folder), str(top))
    (top / "reset.patch").write_text(patch_in(answer))
    run("git", "apply", "--index", "reset.patch", cwd=top)
    return top


def test_two_jobs_answer_with_a_patch_that_makes_the_check_green(
    story: Story, orders: Orders
) -> None:
    assert errors(story, orders.head) == ["RM101"]
    result = orders.applied(*orders.planned())
    assert (result.decision, result.reason) == ("rehearsed", "patch")
    assert orders.nothing_was_pushed()
    assert story.reactions() == ["+1"]
    [answer] = story.answers(2)
    assert answer.startswith("👍 This pull request comes from another repository")
    assert "### ✅ The new migrations of 1 app are on top of base" in answer

    top = patched(story, answer)
    changed = run("git", "diff", "--cached", "--no-renames", "--name-only", cwd=top).split()
    assert sorted(changed) == [
        "shop/migrations/0003_discount.py",
        "shop/migrations/0003_stock.py",
        "shop/migrations/0004_discount.py",
    ]
    run("git", "-c", "user.name=m", "-c", "user.email=m@x", "commit", "-qm", "Reset", cwd=top)
    there = str(story.hub.state.repository.folder)
    run("git", "push", "--quiet", there, "HEAD:refs/heads/patched", cwd=top)
    assert errors(story, story.branch("patched")) == []
    run(sys.executable, "manage.py", "migrate", "--verbosity=0", cwd=top)


def test_attributes_of_the_fork_do_not_spoil_the_patch(
    story: Story, fork: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, str | None] = {".gitattributes": "*.py binary\n"}
    head = story.hub.state.push("gift", files, "Hide", by="mallory", to=fork)
    with story.tools() as tools:
        tools.clone.fetch(head, story.branch("main"))
        top = tools.clone.look(head).top
        assert top
        monkeypatch.chdir(top)  # where git reads them
        assert b"+x = 1\n" in tools.clone.patch(tools.clone.commit(head, {"a.py": b"x = 1\n"}, ""))


# What must not happen


def test_a_job_whose_token_may_write_runs_nothing_of_a_fork(story: Story, orders: Orders) -> None:
    writes = {"contents": "write", "pull-requests": "read"}
    happened, plan = orders.planned(work=never, permissions=writes)
    assert plan is not None
    assert plan.failed is not None
    with pytest.raises(Failure, match="has a token that may write"):
        orders.applied(happened, plan)
    assert "`contents: read`" in story.answers(2)[0]
    assert orders.nothing_was_pushed()


def test_one_job_runs_nothing_of_a_fork(story: Story, orders: Orders) -> None:
    result = story.order(f"/reset-migrations sha={orders.head[:12]}", number=2, work=never)
    assert result.reason == "fork"


def test_the_author_of_the_fork_gives_no_orders(story: Story, orders: Orders) -> None:
    happened, plan = orders.planned(by="mallory", work=never)
    assert plan is None
    assert orders.applied(happened, plan).reason == "no-permission"


def test_a_right_that_is_taken_back_meanwhile_gets_no_patch(story: Story, orders: Orders) -> None:
    happened, plan = orders.planned()
    story.hub.faults.when(
        lambda: story.hub.state.join("ada", "read"), "GET", "*/permission", after=1
    )
    assert orders.applied(happened, plan).reason == "no-permission"
    assert "```diff" not in "".join(story.answers(2))


@pytest.mark.parametrize(("words", "reason"), [("", "which-commit"), ("sha=" + "0" * 40, "moved")])
def test_a_commit_of_a_fork_that_nobody_has_looked_at_is_not_run(
    orders: Orders, words: str, reason: str
) -> None:
    happened, plan = orders.planned(words, work=never)
    assert plan is None
    assert orders.applied(happened, plan).reason == reason


@pytest.mark.parametrize("after", [0, 1], ids=["before it is asked for", "between both looks"])
def test_a_fork_that_moves_on_meanwhile_gets_no_patch(
    story: Story, fork: Repository, orders: Orders, after: int
) -> None:
    def push() -> None:
        story.hub.state.push("gift", {"evil.py": "1"}, "Evil", by="mallory", to=fork)

    happened, plan = orders.planned()
    story.hub.faults.when(push, "GET", "*/pulls/2", after=after)
    assert orders.applied(happened, plan).reason == "moved"


def test_a_fork_that_is_gone_gets_no_patch(story: Story, fork: Repository, orders: Orders) -> None:
    story.hub.state.delete_fork(fork)
    happened, plan = orders.planned(work=never)
    assert plan is None
    assert orders.applied(happened, plan).reason == "fork"


def test_a_hostile_plan_gets_no_other_file_into_the_patch(story: Story, orders: Orders) -> None:
    happened, plan = orders.planned()
    assert plan is not None
    evil = handover.packed({".github/workflows/ci.yml": b"on: push\n"})
    with pytest.raises(Failure, match="is not committed"):
        orders.applied(happened, plan._replace(files=(*plan.files, *evil)))
    assert "```diff" not in "".join(story.answers(2))


# What the token may do


@pytest.mark.parametrize(("contents", "may"), [("read", False), ("write", True)])
def test_github_is_asked_whether_the_token_may_write(
    story: Story, contents: Any, may: bool
) -> None:
    token = story.hub.token({"contents": contents, "pull-requests": "write"})
    before = story.hub.state.repository.refs()
    with story._replace(token=token).tools() as tools:
        assert tools.clone.may_push() is may
    assert story.hub.state.repository.refs() == before


def test_without_an_answer_nobody_knows_whether_the_token_may_write(tmp_path: Path) -> None:
    ours = clone.Clone(str(tmp_path / "c"), "http://127.0.0.1:9/octo/403", "ghs_x", os.environ)
    with pytest.raises(NetworkFailure, match="cannot be asked"):
        ours.may_push()
    ours.close()


# What a comment can show

RESET = Reset("rebase", "b" * 40, (AppReset("shop", 4, 4, "faithful"),))
PATCH = "diff --git a/m/a.py b/m/a.py\n+x\n"


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ("", True),
        ("+````` </details> @octo/all\n", True),
        ("+\r\n", False),
        ("+\u202e\n", False),
        ("+\t\n", False),
        ("+\udcff\n", False),
        ("+x\n" * 20_000, False),
    ],
    ids=["plain", "fences", "CR", "bidi", "tab", "latin-1", "long"],
)
def test_a_patch_is_shown_whole_or_not_at_all(more: str, shown: bool) -> None:
    patch = (PATCH + more).encode(errors="surrogateescape")
    said = replies.patched(RESET, "a" * 40, patch, "remigrate reset shop")
    assert len(said) < replies.LIMIT
    if shown:
        assert patch_in(said).encode() == patch
        assert "<details><summary>The patch</summary>" in said
    else:
        assert "diff --git" not in said
        assert "remigrate reset shop" in said
