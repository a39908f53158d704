"""GitHub's API, as far as Remigrate needs it: the only importer of PyGithub.

Everything that is made is made once: an answer may be lost after GitHub has done what it was asked,
so nothing is asked for again before it was looked for. What GitHub refuses is told with its cure.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote

import requests
from github import Auth, Github, GithubException
from github.GithubException import RateLimitExceededException, UnknownObjectException

from remigrate import __version__
from remigrate.errors import NetworkFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from github.Issue import Issue
    from github.IssueComment import IssueComment


Reaction = Literal["eyes", "rocket", "+1", "-1", "confused"]
Made = TypeVar("Made")

MAY_WRITE = frozenset({"admin", "maintain", "write"})
"""Answers of `GitHub.permission` that let somebody push."""
LONGEST_BODY = 60_000
"""Characters of a comment or of a pull request's text; GitHub takes 65,536."""
A_PAGE = 100
"""What GitHub tells of a list in one answer."""

_TIMEOUT = 30
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_PATIENCE = 120.0
"""Seconds to wait at most until GitHub takes requests again."""
_PAUSES = (1.0, 4.0, 10.0)
"""Seconds before looking whether something was made after all."""
_SECONDARY_WAIT = 60.0


class PullRequest(NamedTuple):
    """A pull request, as it was when it was asked for."""

    number: int
    title: str
    url: str
    is_open: bool
    is_merged: bool
    head: str
    """Commit id."""
    head_branch: str
    head_repository: int | None
    """Id; None when the repository is gone."""
    base: str
    """Commit id of the branch that it is to be merged into, when GitHub looked last."""
    base_branch: str
    body: str
    author: str


class Comment(NamedTuple):
    """A comment below a pull request."""

    id: int
    author: str
    body: str
    created_at: str
    """As in ``2026-11-21T08:00:00Z``, so that comparing texts compares times."""
    url: str
    updated_at: str = ""


class Remark(NamedTuple):
    """A review comment: one on a line of the diff."""

    url: str
    """Of the API."""
    author: str
    body: str
    line: int | None
    """None once the line is not as it was."""


class Pace(NamedTuple):
    """How patient we are, in seconds."""

    between_writes: float = 1.0
    pauses: tuple[float, ...] = _PAUSES
    patience: float = _PATIENCE
    secondary: float = _SECONDARY_WAIT


class GitHub:
    """One repository on GitHub, reached with one token.

    Every method raises `NetworkFailure` when GitHub does not do what it was asked.
    """

    def __init__(
        self, server_url: str, api_url: str, repository: str, token: str, pace: Pace | None = None
    ) -> None:
        self._page = f"{server_url}/{repository}"
        self._pace = pace or Pace()
        self._github = Github(
            auth=Auth.Token(token),
            base_url=api_url.rstrip("/"),
            timeout=_TIMEOUT,
            user_agent=f"remigrate/{__version__}",
            per_page=A_PAGE,
            retry=None,  # its own waits an hour if it is told to, and asks twice for what was done
            seconds_between_requests=None,
            seconds_between_writes=self._pace.between_writes,
            lazy=True,
        )
        self._repository = self._github.get_repo(repository)
        self._owner = repository.partition("/")[0]
        self._login = ""

    def compare_url(self, base: str, head: str) -> str:
        """Where somebody can open a pull request between two branches."""
        return f"{self._page}/compare/{quote(base, safe='/')}...{quote(head, safe='/')}?expand=1"

    # Who

    def login(self) -> str:
        """Whom the token stands for, as comments name their author."""
        if not self._login:
            query = "query { viewer { login } }"
            with _told("the token's own name cannot be read", ""):
                asked = self._github.requester.graphql_query
                _, answer = self._again(lambda: asked(query, {}))
                self._login = str(answer["data"]["viewer"]["login"])
        return self._login

    def permission(self, login: str) -> str:
        """What somebody may do here: ``admin``, ``write``, ``read`` or ``none``, as GitHub counts
        its roles up."""
        with _told(f"what {login} may do here cannot be read", "contents: read"):
            try:
                asked = self._repository.get_collaborator_permission
                return self._again(lambda: asked(login))
            except UnknownObjectException:
                return "none"

    # Pull requests

    def pull_request(self, number: int) -> PullRequest:
        """The pull request with this number."""
        with _told(f"the pull request #{number} cannot be read", "pull-requests: read"):
            return self._again(lambda: _pull_request(self._repository.get_pull(number)))

    def pull_requests(self, branch: str = "", state: str = "open") -> list[PullRequest]:
        """The pull requests, newest first; of one branch of this repository, if it is named."""
        found = self._pulls(branch, state)
        return [each for each in found if not branch or each.head_branch == branch]

    def pull_requests_into(self, branch: str) -> list[PullRequest]:
        """Open pull requests into a branch, the last changed first; no more than one page."""
        with _told(f"the pull requests into {branch} cannot be listed", "pull-requests: read"):
            asked = self._repository.get_pulls(
                state="open", sort="updated", direction="desc", base=branch
            )
            return self._again(lambda: [_pull_request(each) for each in asked.get_page(0)])

    def _pulls(self, branch: str, state: str) -> list[PullRequest]:
        more = {"head": f"{self._owner}:{branch}"} if branch else {}
        with _told("the pull requests cannot be listed", "pull-requests: read"):
            asked = self._repository.get_pulls(
                state=state, sort="created", direction="desc", **more
            )
            return self._again(lambda: [_pull_request(each) for each in asked])

    def patches(self, number: int) -> dict[str, tuple[str, str]]:
        """Blob and patch of each file that a pull request changes, by path; GitHub leaves out
        patches that are too long."""
        with _told(f"the files of #{number} cannot be listed", "pull-requests: read"):
            asked = self._repository.get_pull(number).get_files
            return self._again(lambda: {f.filename: (f.sha, f.patch or "") for f in asked()})

    def propose(self, branch: str, onto: str, title: str, body: str) -> tuple[PullRequest, bool]:
        """The one open pull request from `branch` into `onto`, with this title and text, and
        whether it is new."""

        def find() -> PullRequest | None:
            found = (each for each in self.pull_requests(branch) if each.base_branch == onto)
            return next(found, None)

        def create() -> PullRequest:
            made = self._repository.create_pull(base=onto, head=branch, title=title, body=body)
            return _pull_request(made)

        with _told(f"no pull request can be opened from {branch}", "pull-requests: write"):
            there = find()
            is_new = there is None
            there = there or self._made(find, create)
            if (there.title, there.body) != (title, body):  # also somebody's of a moment ago
                is_new, edit = False, self._repository.get_pull(there.number).edit
                self._again(lambda: edit(title=title, body=body))
            return there._replace(title=title, body=body), is_new

    def label(self, number: int, name: str) -> None:
        """Put a label on a pull request; on GitHub, one that is not there is made so."""
        with _told(f"#{number} cannot get the label {name}", "issues: write"):
            add = self._repository.get_pull(number).add_to_labels
            self._again(lambda: add(name))  # twice is once

    def close(self, number: int) -> None:
        """Close a pull request without merging it."""
        with _told(f"#{number} cannot be closed", "pull-requests: write"):
            edit = self._repository.get_pull(number).edit
            self._again(lambda: edit(state="closed"))

    # Comments

    def comments(self, number: int) -> list[Comment]:
        """All comments below a pull request, oldest first."""
        with _told(f"the comments of #{number} cannot be read", "pull-requests: read"):
            asked = self._issue(number).get_comments
            return self._again(lambda: [_comment(each) for each in asked()])

    def own_comment(self, number: int, mark: str) -> Comment | None:
        """Our first comment with this mark; somebody else's copy of it is none."""
        found = self.comments(number)
        if not any(mark in each.body for each in found):
            return None
        mine = self.login()
        return next((each for each in found if mark in each.body and each.author == mine), None)

    def say(self, number: int, mark: str, body: str) -> Comment:
        """Our one comment with `mark`, which is in `body`: made, or changed in its place."""
        there = self.own_comment(number, mark)
        if there is not None:
            return there if there.body == body else self.change(there, body)

        def create() -> Comment:
            return _comment(self._issue(number).create_comment(body))

        with _told(f"no comment can be written on #{number}", "pull-requests: write"):
            return self._made(lambda: self.own_comment(number, mark), create)

    def change(self, comment: Comment, body: str) -> Comment:
        """Another text for a comment of ours."""
        with _told("our comment cannot be changed", "pull-requests: write"):
            self._again(lambda: self._comment(comment.id).edit(body))
        return comment._replace(body=body)

    def react(self, comment: int, reaction: Reaction, instead_of: Reaction | None = None) -> None:
        """Leave a reaction of ours on a comment, and take back another one."""
        there = self._comment(comment)
        with _told("no reaction can be left on the comment", "pull-requests: write"):
            self._again(lambda: there.create_reaction(reaction))  # twice is once
            if instead_of is not None:
                self._take_back(there, instead_of)

    def _take_back(self, comment: IssueComment, reaction: Reaction) -> None:
        mine = self.login()
        for each in self._again(lambda: list(comment.get_reactions())):
            if (each.content, _login(each)) == (reaction, mine):
                self._delete(f"{comment.url}/reactions/{each.id}")

    def _delete(self, url: str) -> None:
        """Delete something; PyGithub's own methods say nothing when GitHub refuses."""
        asked = self._github.requester.requestJsonAndCheck
        with suppress(UnknownObjectException):  # gone already: an answer was lost
            self._again(lambda: asked("DELETE", url))

    # Review comments

    def own_remarks(self, number: int, mark: str) -> list[Remark]:
        """Our review comments with this mark, oldest first."""
        with _told(f"the review of #{number} cannot be read", "pull-requests: read"):
            asked = self._repository.get_pull(number).get_review_comments
            found = self._again(lambda: [_remark(each) for each in asked()])
        if not any(mark in each.body for each in found):
            return []
        mine = self.login()
        return [each for each in found if mark in each.body and each.author == mine]

    def remark(self, number: int, mark: str, body: str, at: tuple[str, str, int]) -> None:
        """Comment on a line: `at` is commit, path and number. `body` holds `mark`, by which what
        was made is found again."""
        commit, path, line = at

        def create() -> Remark:
            make = self._repository.get_pull(number).create_review_comment
            return _remark(make(body, commit, path, line=line, side="RIGHT"))

        with _told(f"no line of #{number} can be commented on", "pull-requests: write"):
            self._made(lambda: next(iter(self.own_remarks(number, mark)), None), create)

    def unremark(self, remark: Remark) -> None:
        """Delete a review comment of ours; answers to it stay."""
        with _told("our review comment cannot be deleted", "pull-requests: write"):
            self._delete(remark.url)

    def _issue(self, number: int) -> Issue:
        return self._repository.get_issue(number)

    def _comment(self, comment: int) -> IssueComment:
        return self._issue(1).get_comment(comment)  # the issue's number is no part of its address

    # Making things once

    def _made(self, find: Callable[[], Made | None], create: Callable[[], Made]) -> Made:
        """What `create` makes. Where nobody knows whether it did, `find` is asked before the next
        attempt."""
        for pause in self._pace.pauses:
            try:
                return self._again(create, attempts=1)
            except _UNSURE as error:
                if not _is_unsure(error) and not _is_taken(error):
                    raise
                failed = error
            time.sleep(pause)
            found = find()
            if found is not None:
                return found
            if _is_taken(failed):
                raise failed
        return self._again(create, attempts=1)

    def _again(self, ask: Callable[[], Made], attempts: int = 4) -> Made:
        """The answer: asked for again when GitHub had no time for it, and as often as `attempts`
        says where asking twice does no harm."""
        waited, tries = 0.0, 0
        while True:
            try:
                return ask()
            except _UNSURE as error:
                if _is_limit(error):
                    pause = max(_asked_to_wait(error, self._pace.secondary), self._pace.pauses[0])
                    waited += pause
                    if waited > self._pace.patience:
                        raise
                else:
                    tries += 1
                    if tries >= attempts or not _is_unsure(error):
                        raise
                    pause = self._pace.pauses[min(tries, len(self._pace.pauses)) - 1]
            time.sleep(pause)


_UNSURE = (GithubException, requests.RequestException, ValueError)


def _is_unsure(error: Exception) -> bool:
    """Whether GitHub may have done it all the same."""
    return not isinstance(error, GithubException) or error.status >= 500


def _is_taken(error: Exception) -> bool:
    """Whether what was to be made may be there: somebody else may have been quicker."""
    return isinstance(error, GithubException) and error.status == 422


def _is_limit(error: Exception) -> bool:
    """Whether GitHub did nothing, and wants to be asked later."""
    if isinstance(error, RateLimitExceededException):
        return True
    return isinstance(error, GithubException) and error.status == 429


def _asked_to_wait(error: Exception, otherwise: float) -> float:
    told = getattr(error, "headers", None) or {}
    headers = {name.lower(): value for name, value in told.items()}
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(0.0, float(reset) - time.time()) + 1
    return otherwise


@contextmanager
def _told(what: str, permission: str) -> Iterator[None]:
    """Tell why GitHub does not do it, and which line of the workflow would let it."""
    try:
        yield
    except GithubException as error:
        raise NetworkFailure(f"{what}: {_said(error)}", _cure(error, permission)) from error
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        said = f"{what}: GitHub's answer was lost or cut off ({type(error).__name__})"
        raise NetworkFailure(said, _TROUBLE) from error


_TROUBLE = "Run the job again; https://www.githubstatus.com tells whether GitHub has trouble."


def _said(error: GithubException) -> str:
    data = error.data if isinstance(error.data, dict) else {}
    message = str(data.get("message") or error.message or "no reason given")
    details = [
        str(each.get("message") or "") if isinstance(each, dict) else str(each)
        for each in data.get("errors") or []
    ]
    return f"{'; '.join([message, *filter(None, details)])} (HTTP {error.status})"


NO_PULL_REQUESTS = "not permitted to create or approve pull requests"
"""What GitHub says while the repository's settings do not let workflows open pull requests."""


def _cure(error: GithubException, permission: str) -> str:
    said = _said(error)
    if error.status >= 500:
        return _TROUBLE
    if _is_limit(error):
        return "GitHub takes no more requests for now: run the job again in an hour."
    if NO_PULL_REQUESTS in said:
        return (
            'Switch on "Allow GitHub Actions to create and approve pull requests": '
            "Settings, Actions, General, Workflow permissions."
        )
    if error.status == 401:
        return "The token is wrong or has expired: give the input token a new one."
    if error.status in (403, 404) and permission:
        return f"Give the job's token the permission `{permission}` (below `permissions:`)."
    return ""


def _login(found: Any) -> str:
    return str(found.user.login) if found.user else "ghost"


def _pull_request(found: Any) -> PullRequest:
    head, base = found.head, found.base
    return PullRequest(
        found.number,
        found.title,
        found.html_url,
        found.state == "open",
        found.merged_at is not None,
        head.sha,
        head.ref,
        head.repo.id if head.repo else None,
        base.sha,
        base.ref,
        found.body or "",
        _login(found),
    )


def _comment(found: Any) -> Comment:
    return Comment(
        found.id,
        _login(found),
        found.body or "",
        found.created_at.strftime(_TIME),
        found.html_url,
        found.updated_at.strftime(_TIME),
    )


def _remark(found: Any) -> Remark:
    return Remark(found.url, _login(found), found.body or "", found.line)
