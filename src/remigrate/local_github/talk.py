"""What is said below issues and pull requests: comments, reactions, labels, reviews."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from remigrate.local_github.records import (
    LONGEST_BODY,
    REACTIONS,
    Comment,
    Issue,
    Pull,
    Reaction,
    Remark,
    Review,
)
from remigrate.local_github.refusal import Refusal, invalid, not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from remigrate.local_github.repository import Repository


class Talk:
    """Issues, and everything that is said about them."""

    repository: Repository

    def __init__(self) -> None:
        self.ids = itertools.count(1_000_001)
        self.clock: Callable[[], float] = time.time
        """What it is on this GitHub, in seconds since 1970."""
        self.issues: dict[int, Issue] = {}
        self.comments: dict[int, Comment] = {}
        self.reactions: dict[int, Reaction] = {}
        self.reviews: dict[int, Review] = {}
        self.labels: dict[str, int] = {}

    def now(self) -> str:
        """The time as the API writes it: to the second."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock()))

    def issue(self, number: int) -> Issue:
        """The issue or pull request with this number."""
        try:
            return self.issues[number]
        except KeyError:
            raise not_found() from None

    def pull(self, number: int) -> tuple[Issue, Pull]:
        """The pull request with this number."""
        issue = self.issue(number)
        if issue.pull is None:
            raise not_found()
        return issue, issue.pull

    def pulls(self) -> list[tuple[Issue, Pull]]:
        """All pull requests, in order of their numbers."""
        return [(each, each.pull) for each in self.issues.values() if each.pull]

    def _put(self, issue: Issue, **changes: Any) -> None:
        self.issues[issue.number] = issue._replace(updated_at=self.now(), **changes)

    def comment(self, number: int, body: str, *, by: str) -> Comment:
        """A new comment."""
        self.issue(number)
        fits(body, "IssueComment")
        if not body.strip():
            raise invalid("IssueComment", "body", "missing_field")
        now = self.now()
        made = Comment(next(self.ids), number, by, body, now, now)
        self.comments[made.id] = made
        return made

    def said(self, id: int) -> Comment:
        """The comment with this id."""
        try:
            return self.comments[id]
        except KeyError:
            raise not_found() from None

    def edit(self, id: int, body: str) -> Comment:
        """Another text of a comment."""
        there = self.said(id)
        fits(body, "IssueComment")
        self.comments[id] = there._replace(body=body, updated_at=self.now())
        return self.comments[id]

    def unsay(self, id: int) -> None:
        """Delete a comment, and the reactions to it."""
        del self.comments[self.said(id).id]
        for each in [each.id for each in self.reactions.values() if each.comment == id]:
            del self.reactions[each]

    def react(self, id: int, content: str, *, by: str) -> tuple[Reaction, bool]:
        """A reaction to a comment, and whether it is new: everybody has each of them once."""
        self.said(id)
        if content not in REACTIONS:
            raise invalid("Reaction", "content")
        for each in self.reactions.values():
            if (each.comment, each.content, each.author) == (id, content, by):
                return each, False
        made = Reaction(next(self.ids), id, by, content, self.now())
        self.reactions[made.id] = made
        return made, True

    def label(self, number: int, names: Iterable[str]) -> Issue:
        """Put labels on an issue or a pull request; unknown ones are made."""
        issue = self.issue(number)
        wanted = dict.fromkeys((*issue.labels, *names))
        for name in wanted:
            self.labels.setdefault(name, next(self.ids))
        self._put(issue, labels=tuple(wanted))
        return self.issues[number]

    def review(
        self,
        number: int,
        body: str,
        event: str,
        remarks: list[dict[str, Any]],
        *,
        by: str,
        commit: str = "",
    ) -> Review:
        """A review; its remarks must be on lines that the diff shows."""
        _, pull = self.pull(number)
        if commit and commit != pull.head and not self.repository.is_ancestor(commit, pull.head):
            raise Refusal(422, "Unprocessable Entity", ["Commit is not part of the pull request"])
        commit = commit or pull.head
        said = tuple(self._remark(pull, commit, each) for each in remarks)
        made = Review(next(self.ids), number, by, body, event, commit, said, self.now())
        self.reviews[made.id] = made
        return made

    def remarked(self, number: int) -> list[tuple[Review, Remark]]:
        """What the reviews of a pull request say about lines, oldest first."""
        self.pull(number)
        found = [each for each in self.reviews.values() if each.number == number]
        return sorted(
            ((review, remark) for review in found for remark in review.remarks),
            key=lambda each: each[1].id,
        )

    def unremark(self, id: int) -> None:
        """Delete what a review says about a line; a review that says nothing more goes too."""
        for review in list(self.reviews.values()):
            left = tuple(each for each in review.remarks if each.id != id)
            if left != review.remarks:
                self.reviews[review.id] = review._replace(remarks=left)
                if not left and not review.body:
                    del self.reviews[review.id]
                return
        raise not_found()

    def _remark(self, pull: Pull, commit: str, wanted: dict[str, Any]) -> Remark:
        path, line = str(wanted["path"]), int(wanted.get("line") or 0)
        start = int(wanted.get("start_line") or line)
        if not any(each.path == path for each in self.repository.changes(pull.base, commit)):
            raise Refusal(422, "Unprocessable Entity", ["Path could not be resolved"])
        shown = self.repository.lines_shown(pull.base, commit, path)
        if not {start, line} <= shown or start > line:
            raise Refusal(422, "Unprocessable Entity", ["Line could not be resolved"])
        fits(str(wanted["body"]), "PullRequestReviewComment")
        return Remark(next(self.ids), path, line, start, str(wanted["body"]))


def fits(body: str, resource: str) -> None:
    """Refuse a text that is longer than GitHub takes."""
    if len(body) > LONGEST_BODY:
        said = f"body is too long (maximum is {LONGEST_BODY} characters)"
        raise invalid(resource, "body", "unprocessable", said)
