"""What GitHub started this run for, and what the run may do because of it.

Pure: the payload in, values out. A payload is GitHub's word about who did what; the texts in it
(comments, names of branches) are somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from remigrate import command
from remigrate.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

Task = Literal["check", "recheck", "command", "clean-up", "nothing"]
Reason = Literal[
    "edited-comment",
    "forked",
    "granted",
    "no-command",
    "not-a-pull-request",
    "not-created",
    "not-the-author",
    "of-a-bot",
    "of-no-interest",
]
PULL_REQUEST = ("opened", "synchronize", "reopened", "ready_for_review")
ABOUT_A_PULL_REQUEST = ("pull_request", "pull_request_target")
ABOUT_A_BRANCH = ("push", "schedule", "workflow_dispatch")
CHECKED = ("merge_group", *ABOUT_A_BRANCH)


class Actor(NamedTuple):
    """Somebody on GitHub."""

    login: str
    id: int
    is_bot: bool


class Comment(NamedTuple):
    """A comment below a pull request or an issue."""

    id: int
    author: Actor
    body: str
    created_at: str
    updated_at: str


class Event(NamedTuple):
    """One event, as far as it matters here."""

    name: str
    action: str
    """Empty for events without one."""
    repository: int
    """Its id: names can be given away. 0 where an older server does not tell it."""
    sender: Actor | None
    """None for what nobody did, as a schedule."""
    number: int | None = None
    """Of the pull request; also of an issue that is none, for a comment."""
    is_pull_request: bool = False
    head_repository: int | None = None
    """Id of the repository that the pull request comes from; None when it is gone, or not told."""
    head: str = ""
    """Commit id of the pull request's head; empty where the event does not tell."""
    branch: str = ""
    """That pull requests may be waiting to be merged into: the base of this one, the one pushed to,
    the one of a schedule or of a run that somebody started; empty for tags and other events."""
    comment: Comment | None = None


class Grant(NamedTuple):
    """What a run may do."""

    task: Task
    reason: Reason
    writes: bool = False
    """Whether comments, branches and pull requests of the repository may be touched."""
    askers: tuple[str, ...] = ()
    """Logins that each need the right to write, for the task ``command``."""


def read(name: str, payload: Mapping[str, Any]) -> Event:
    """The event `name` with this payload. Raises `UsageFailure` for one that GitHub never sends."""
    try:
        return _read(name, payload)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageFailure(
            f"the payload of the event {name or 'without a name'} is not one of GitHub's: {error!r}"
        ) from error


def _read(name: str, payload: Mapping[str, Any]) -> Event:
    # Older servers tell no more of a schedule than its times.
    repository = (
        payload.get("repository", {"id": 0}) if name == "schedule" else payload["repository"]
    )
    sender = payload.get("sender")
    event = Event(
        name,
        str(payload.get("action") or ""),
        int(repository["id"]),
        _actor(sender) if sender else None,
    )
    if name in ABOUT_A_PULL_REQUEST:
        return _with_pull_request(event, payload["pull_request"])
    if name == "issue_comment":
        issue, comment = payload["issue"], payload["comment"]
        return event._replace(
            number=int(issue["number"]),
            is_pull_request=bool(issue.get("pull_request")),
            comment=_comment(comment),
        )
    if name == "schedule":
        return event._replace(branch=str(repository.get("default_branch") or ""))
    if name in ABOUT_A_BRANCH:
        return event._replace(branch=_branch(str(payload["ref"])))
    return event


def _with_pull_request(event: Event, pull_request: Mapping[str, Any]) -> Event:
    repository = pull_request["head"]["repo"]
    return event._replace(
        number=int(pull_request["number"]),
        is_pull_request=True,
        head_repository=int(repository["id"]) if repository else None,
        head=str(pull_request["head"]["sha"]),
        branch=str(pull_request["base"]["ref"]),
    )


def _actor(user: Mapping[str, Any]) -> Actor:
    return Actor(str(user["login"]), int(user["id"]), user.get("type") != "User")


def _comment(comment: Mapping[str, Any]) -> Comment:
    return Comment(
        int(comment["id"]),
        _actor(comment["user"]),
        str(comment["body"] or ""),
        str(comment["created_at"]),
        str(comment["updated_at"]),
    )


def _branch(ref: str) -> str:
    beginning = "refs/heads/"
    return ref.removeprefix(beginning) if ref.startswith(beginning) else ""


def grants(event: Event, triggered_by: str = "") -> Grant:
    """What a run for `event` may do.

    `triggered_by` is the login of whoever made GitHub run it, which may be somebody else than the
    one who commented: anyone who may write can run an old job again.
    """
    if event.name == "issue_comment":
        return _of_comment(event, triggered_by)
    if event.name in ABOUT_A_PULL_REQUEST:
        return _of_pull_request(event)
    if event.name in CHECKED:
        again = event.branch != ""
        return Grant("recheck" if again else "check", "granted", writes=again)
    return Grant("nothing", "of-no-interest")


def _of_pull_request(event: Event) -> Grant:
    if event.name == "pull_request_target":  # its token may write, and the code is anybody's
        return Grant("check", "forked" if _is_fork(event) else "granted", writes=False)
    is_fork = _is_fork(event)
    if event.action == "closed":
        return Grant("clean-up", "forked") if is_fork else Grant("clean-up", "granted", writes=True)
    if event.action in PULL_REQUEST or event.action == "edited":  # the base may be another one
        return Grant("check", "forked") if is_fork else Grant("check", "granted", writes=True)
    return Grant("nothing", "of-no-interest")


def _is_fork(event: Event) -> bool:
    return event.head_repository != event.repository


def _of_comment(event: Event, triggered_by: str) -> Grant:
    """Whether a comment is an order; who gave it has to be asked of GitHub."""
    comment = event.comment
    assert comment is not None
    if event.action != "created":
        return Grant("nothing", "not-created")
    if not command.is_command(comment.body):
        return Grant("nothing", "no-command")
    if not event.is_pull_request:
        return Grant("nothing", "not-a-pull-request")
    if comment.author.is_bot or event.sender is None or event.sender.is_bot:
        return Grant("nothing", "of-a-bot")
    if event.sender.id != comment.author.id:
        return Grant("nothing", "not-the-author")
    if comment.created_at != comment.updated_at:
        return Grant("nothing", "edited-comment")
    askers = dict.fromkeys(filter(None, (comment.author.login, triggered_by)))
    return Grant("command", "granted", writes=True, askers=tuple(askers))
