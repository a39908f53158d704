"""What a GitHub remembers, each as a value: people, tokens, pull requests, what was said."""

from __future__ import annotations

from typing import Literal, NamedTuple

Role = Literal["admin", "maintain", "write", "triage", "read", "none"]
Access = Literal["none", "read", "write"]

BOT = "github-actions[bot]"
"""Whom the token of a job stands for."""
LONGEST_BODY = 65_536
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


class User(NamedTuple):
    """Somebody, and what they may do in the repository."""

    id: int
    login: str
    role: Role = "none"
    kind: Literal["User", "Bot"] = "User"

    @property
    def permission(self) -> str:
        """The role as the older word of the API for it."""
        return {"maintain": "write", "triage": "read"}.get(self.role, self.role)


class Token(NamedTuple):
    """What a token lets its bearer do: names and levels as below ``permissions:`` of a workflow."""

    value: str
    login: str
    contents: Access = "none"
    pull_requests: Access = "none"
    issues: Access = "none"

    def has(self, need: str) -> bool:
        """Whether it satisfies a need such as ``pull_requests=write``."""
        name, _, level = need.partition("=")
        given = "read" if name == "metadata" else getattr(self, name)
        return given == "write" or given == level


class Pull(NamedTuple):
    """What makes an issue a pull request."""

    head_repository: int | None
    """Its id; None when the repository was deleted."""
    head_owner: str
    head_branch: str
    base_branch: str
    head: str
    base: str
    test_merge: str = ""
    """Empty while there are conflicts."""
    is_draft: bool = False
    merged_at: str = ""
    merged_by: str = ""
    merge_commit: str = ""

    @property
    def label(self) -> str:
        return f"{self.head_owner}:{self.head_branch}"


class Issue(NamedTuple):
    """An issue, or a pull request."""

    number: int
    id: int
    author: str
    title: str
    body: str
    created_at: str
    updated_at: str
    state: Literal["open", "closed"] = "open"
    closed_at: str = ""
    labels: tuple[str, ...] = ()
    pull: Pull | None = None


class Comment(NamedTuple):
    """A comment below an issue or a pull request."""

    id: int
    number: int
    author: str
    body: str
    created_at: str
    updated_at: str


class Reaction(NamedTuple):
    """A reaction to a comment."""

    id: int
    comment: int
    author: str
    content: str
    created_at: str


class Remark(NamedTuple):
    """What a review says about lines of a file."""

    id: int
    path: str
    line: int
    start_line: int
    """The first line; the same as `line` for one line."""
    body: str


class Review(NamedTuple):
    """A review of a pull request."""

    id: int
    number: int
    author: str
    body: str
    event: str
    commit: str
    remarks: tuple[Remark, ...]
    created_at: str
