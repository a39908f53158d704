"""The payloads that GitHub sends for what happens: what a runner finds in its event file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remigrate.local_github.repository import ZERO

if TYPE_CHECKING:
    from remigrate.local_github.repository import Commit
    from remigrate.local_github.shapes import Json, Shapes


def pull_request(shapes: Shapes, number: int, action: str, sender: str, **more: Any) -> Json:
    """Of the event ``pull_request``. What some actions add, as ``before``, is given as `more`."""
    issue, pull = shapes.state.pull(number)
    shown = {"number": number, "pull_request": shapes.full_pull(issue, pull)}
    return _event(shapes, sender, action=action, **shown, **more)


def issue_comment(shapes: Shapes, comment: int, action: str = "created", sender: str = "") -> Json:
    """Of the event ``issue_comment``; its sender is the author unless somebody else is named."""
    said = shapes.state.said(comment)
    issue = shapes.state.issue(said.number)
    shown = {"issue": shapes.issue(issue), "comment": shapes.comment(said)}
    return _event(shapes, sender or said.author, action=action, **shown)


def push(shapes: Shapes, branch: str, before: str, after: str, sender: str) -> Json:
    """Of the event ``push``: a branch that was at `before` and is at `after`."""
    git = shapes.state.repository
    is_new, is_gone = before == ZERO, after == ZERO
    ids = [] if is_new or is_gone else git.since(before, after)
    commits = [_commit(shapes, each) for each in git.read(ids)]
    head = [_commit(shapes, each) for each in git.read([] if is_gone else [after])]
    page = shapes.page("compare", f"{before[:12]}...{after[:12]}")
    user = shapes.state.user(sender)
    return {
        "ref": f"refs/heads/{branch}",
        **{"before": before, "after": after, "base_ref": None},
        "created": is_new,
        "deleted": is_gone,
        "forced": not (is_new or is_gone or git.is_ancestor(before, after)),
        "compare": page,
        "commits": commits,
        "head_commit": head[0] if head else None,
        "pusher": {"name": user.login, "email": f"{user.login}@users.noreply.github.com"},
        **_event(shapes, sender),
    }


def schedule(shapes: Shapes, cron: str) -> Json:
    """Of the event ``schedule``."""
    return {"schedule": cron, "repository": shapes.repository(shapes.state.repository)}


def _event(shapes: Shapes, sender: str, **what: Any) -> Json:
    repository = shapes.repository(shapes.state.repository)
    return {**what, "repository": repository, "sender": shapes.named(sender)}


def _commit(shapes: Shapes, commit: Commit) -> Json:
    git = shapes.state.repository
    first = commit.parents[0] if commit.parents else ""
    changes = git.changes(first, commit.sha) if first else []
    told = shapes.commit(commit)["commit"]
    paths = {
        key: [each.path for each in changes if each.status == status]
        for key, status in (("added", "added"), ("removed", "removed"), ("modified", "modified"))
    }
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": told["author"]["date"],
        "url": shapes.page("commit", commit.sha),
        "author": told["author"],
        "committer": told["committer"],
        **paths,
    }
