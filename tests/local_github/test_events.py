"""The payloads of events, held to GitHub's description of them."""

from __future__ import annotations

from typing import Any

import pytest

from remigrate.local_github import events
from remigrate.local_github.repository import ZERO
from remigrate.local_github.server import LocalGitHub
from tests.octokit.description import description


@pytest.mark.needs("octokit")
def test_payloads_are_as_github_describes_them(hub: LocalGitHub) -> None:
    state, shapes = hub.state, hub.shapes
    before = state.repository.commit_id("feature")
    after = state.push("feature", {"d.py": "1\n", "c.py": None}, by="ada")
    comment = state.comment(1, "/reset-migrations", by="ada")
    issue = state.ask("A question", by="eve")
    other = state.comment(issue.number, "Why?", by="eve")
    synchronize = events.pull_request(shapes, 1, "synchronize", "ada", before=before, after=after)
    told: list[tuple[str, Any]] = [
        ("pull-request-opened", events.pull_request(shapes, 1, "opened", "ada")),
        ("pull-request-synchronize", synchronize),
        ("issue-comment-created", events.issue_comment(shapes, comment.id)),
        ("issue-comment-created", events.issue_comment(shapes, other.id)),
        ("push", events.push(shapes, "feature", before, after, "ada")),
        ("push", events.push(shapes, "feature", ZERO, after, "ada")),
        ("push", events.push(shapes, "feature", after, ZERO, "ada")),
    ]
    state.merge(1, by="ada")
    told.append(("pull-request-closed", events.pull_request(shapes, 1, "closed", "ada")))
    for name, payload in told:
        description().check_event(name, payload)
    with pytest.raises(AssertionError, match="is a required property"):
        description().check_event("push", {})


def test_a_comment_on_a_pull_request_is_told_from_one_on_an_issue(hub: LocalGitHub) -> None:
    state = hub.state
    issue = state.ask("A question", by="eve")
    [on_pull, on_issue] = [state.comment(at, "hm", by="ada").id for at in (1, issue.number)]
    assert "pull_request" in events.issue_comment(hub.shapes, on_pull)["issue"]
    assert "pull_request" not in events.issue_comment(hub.shapes, on_issue)["issue"]


def test_a_deleted_fork_is_null(hub: LocalGitHub) -> None:
    state = hub.state
    fork = state.fork("mallory")
    state.push("evil", {"x.py": "1\n"}, to=fork, onto="main")
    number = state.open("evil", "main", "Take this", by="mallory", of=fork).number
    told = events.pull_request(hub.shapes, number, "opened", "mallory")["pull_request"]
    assert told["head"]["repo"]["id"] != told["base"]["repo"]["id"] == state.repository.id
    assert told["head"]["repo"]["fork"]
    state.delete_fork(fork)
    told = events.pull_request(hub.shapes, number, "reopened", "mallory")["pull_request"]
    assert told["head"]["repo"] is None


def test_a_push_tells_which_files_it_touched(hub: LocalGitHub) -> None:
    before = hub.state.repository.commit_id("feature")
    changes: dict[str, str | None] = {"d.py": "new\n", "a.py": "other\n", "c.py": None}
    after = hub.state.push("feature", changes, by="ada")
    told = events.push(hub.shapes, "feature", before, after, "ada")
    [commit] = told["commits"]
    assert (commit["added"], commit["modified"], commit["removed"]) == (
        ["d.py"],
        ["a.py"],
        ["c.py"],
    )
    assert (told["forced"], told["created"], told["deleted"]) == (False, False, False)
    assert events.push(hub.shapes, "feature", after, before, "ada")["forced"]
