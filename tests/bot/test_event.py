"""Which event is an order, and of whom: GitHub's published payloads, and made-up hostile ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from remigrate.errors import UsageFailure
from remigrate.event import Event, Grant, grants, read
from remigrate.local_github import events
from remigrate.local_github.repository import ZERO
from remigrate.local_github.server import LocalGitHub
from tests.octokit.description import payloads

REPOSITORY = {"id": 1, "default_branch": "main"}
ADA = {"login": "ada", "id": 10, "type": "User"}
EVE = {"login": "eve", "id": 11, "type": "User"}
APP = {"login": "helper[bot]", "id": 12, "type": "Bot"}
NOON, LATER = "2026-11-21T12:00:00Z", "2026-11-21T12:00:01Z"


def comment(**changes: Any) -> dict[str, Any]:
    """A payload of a command by Ada on the pull request #7, but for what is changed in it."""
    said = {"id": 70, "user": ADA, "body": "/reset-migrations shop"}
    payload: dict[str, Any] = {
        "action": "created",
        "repository": REPOSITORY,
        "sender": ADA,
        "issue": {"number": 7, "pull_request": {"url": "…"}},
        "comment": said | {"created_at": NOON, "updated_at": NOON},
    }
    return _changed(payload, changes)


def pull_request(**changes: Any) -> dict[str, Any]:
    """A payload of Ada's pull request #7 from a branch of the repository itself."""
    payload: dict[str, Any] = {
        "action": "opened",
        "repository": REPOSITORY,
        "sender": ADA,
        "pull_request": {
            "number": 7,
            "head": {"sha": "a" * 40, "repo": {"id": 1}},
            "base": {"ref": "main"},
        },
    }
    return _changed(payload, changes)


def _changed(payload: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes are named by their way down: ``comment__body``."""
    payload = copy.deepcopy(payload)
    for name, value in changes.items():
        *way, last = name.split("__")
        place = payload
        for part in way:
            place = place[part]
        place[last] = value
    return payload


COMMAND = Grant("command", "granted", True, ("ada",))


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (comment(), COMMAND),
        (comment(comment__body="  /reset-migrations\r\nplease"), COMMAND),
        (comment(action="edited"), Grant("nothing", "not-created")),
        (comment(action="deleted"), Grant("nothing", "not-created")),
        (comment(comment__updated_at=LATER), Grant("nothing", "edited-comment")),
        (comment(comment__body="Nice!"), Grant("nothing", "no-command")),
        (comment(comment__body=""), Grant("nothing", "no-command")),
        (comment(comment__body=None), Grant("nothing", "no-command")),
        (comment(comment__body="Try:\n/reset-migrations"), Grant("nothing", "no-command")),
        (comment(comment__body="> /reset-migrations"), Grant("nothing", "no-command")),
        (comment(issue={"number": 7}), Grant("nothing", "not-a-pull-request")),
        (
            comment(issue={"number": 7, "pull_request": None}),
            Grant("nothing", "not-a-pull-request"),
        ),
        (comment(comment__user=APP, sender=APP), Grant("nothing", "of-a-bot")),
        (comment(comment__user=APP), Grant("nothing", "of-a-bot")),
        (comment(sender=APP), Grant("nothing", "of-a-bot")),
        (comment(sender=None), Grant("nothing", "of-a-bot")),
        (comment(sender=EVE), Grant("nothing", "not-the-author")),
        # A name can be given away; an id cannot.
        (comment(sender=ADA | {"id": 99}), Grant("nothing", "not-the-author")),
        (comment(comment__user={"login": "ada", "id": 10}), Grant("nothing", "of-a-bot")),
    ],
)
def test_a_comment_is_an_order_only_from_the_one_who_wrote_it(
    payload: dict[str, Any], wanted: Grant
) -> None:
    assert grants(read("issue_comment", payload), "ada") == wanted


@pytest.mark.parametrize(
    ("triggered_by", "askers"),
    [("ada", ("ada",)), ("mallory", ("ada", "mallory")), ("", ("ada",))],
)
def test_whoever_runs_the_job_again_is_asked_for_too(
    triggered_by: str, askers: tuple[str, ...]
) -> None:
    assert grants(read("issue_comment", comment()), triggered_by).askers == askers


CHECK, FORKED = Grant("check", "granted", True), Grant("check", "forked")
CLEANS, NOTHING = Grant("clean-up", "granted", True), Grant("nothing", "of-no-interest")


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        (pull_request(), CHECK),
        (pull_request(action="synchronize"), CHECK),
        (pull_request(action="reopened"), CHECK),
        (pull_request(action="ready_for_review"), CHECK),
        (pull_request(action="edited"), CHECK),
        (pull_request(action="closed"), CLEANS),
        (pull_request(action="labeled"), NOTHING),
        (pull_request(action="locked"), NOTHING),
        (pull_request(pull_request__head__repo={"id": 2}), FORKED),
        # Forks have the name and the branches of what they were made from.
        (pull_request(pull_request__head__repo=REPOSITORY | {"id": 2, "fork": False}), FORKED),
        (pull_request(pull_request__head__repo=None), FORKED),
        (pull_request(pull_request__head__repo=None, action="synchronize"), FORKED),
        (pull_request(pull_request__head__repo=None, action="closed"), Grant("clean-up", "forked")),
    ],
)
def test_a_pull_request_of_a_fork_is_checked_and_writes_nothing(
    payload: dict[str, Any], wanted: Grant
) -> None:
    assert grants(read("pull_request", payload)) == wanted


@pytest.mark.parametrize("action", ["opened", "synchronize", "closed"])
@pytest.mark.parametrize("repository", [None, {"id": 1}, {"id": 2}])
def test_pull_request_target_never_writes(action: str, repository: Any) -> None:
    payload = pull_request(action=action, pull_request__head__repo=repository)
    assert not grants(read("pull_request_target", payload)).writes


@pytest.mark.parametrize(
    ("name", "more", "wanted"),
    [
        ("push", {"ref": "refs/heads/main"}, Grant("recheck", "granted", True)),
        ("push", {"ref": "refs/heads/feature"}, Grant("recheck", "granted", True)),
        ("push", {"ref": "refs/tags/main"}, Grant("check", "granted")),
        ("schedule", {"schedule": "0 5 * * *"}, Grant("recheck", "granted", True)),
        ("merge_group", {"action": "checks_requested"}, Grant("check", "granted")),
        ("workflow_dispatch", {"ref": "refs/heads/main"}, Grant("recheck", "granted", True)),
        ("workflow_dispatch", {"ref": "refs/tags/v1"}, Grant("check", "granted")),
        ("issues", {"action": "opened"}, NOTHING),
        ("release", {"action": "published"}, NOTHING),
        ("workflow_run", {"action": "completed"}, NOTHING),
    ],
)
def test_other_events(name: str, more: dict[str, Any], wanted: Grant) -> None:
    assert grants(read(name, {"repository": REPOSITORY, "sender": ADA, **more})) == wanted


@pytest.mark.parametrize(
    ("name", "more", "branch"),
    [
        ("push", {"ref": "refs/heads/refs/heads/main"}, "refs/heads/main"),
        ("push", {"ref": "refs/tags/main"}, ""),
        ("schedule", {"schedule": "0 5 * * *"}, "main"),
        ("workflow_dispatch", {"ref": "refs/heads/next"}, "next"),
        ("merge_group", {"action": "checks_requested"}, ""),
    ],
)
def test_pull_requests_wait_for_a_branch(name: str, more: dict[str, Any], branch: str) -> None:
    payload = {"repository": REPOSITORY, "sender": ADA, **more}
    assert read(name, payload).branch == branch


def test_a_pull_request_is_about_its_base() -> None:
    payload = pull_request(pull_request__base={"ref": "next"})
    assert read("pull_request", payload).branch == "next"


def test_a_schedule_of_an_older_server_has_nothing_but_its_times() -> None:
    """GitHub has told the repository since 2022; its servers for companies did so later."""
    event = read("schedule", {"schedule": "0 5 * * *"})
    assert (event.repository, event.sender) == (0, None)
    assert grants(event) == Grant("check", "granted")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("pull_request", {}),
        ("pull_request", {"repository": None}),
        ("pull_request", {"repository": REPOSITORY}),
        ("pull_request", pull_request(pull_request__head=None)),
        ("pull_request", pull_request(pull_request__number="seven")),
        ("pull_request", pull_request(pull_request__number=float("inf"))),
        ("pull_request", pull_request(pull_request__head__repo={"name": "shop"})),
        ("issue_comment", comment(comment=None)),
        ("issue_comment", comment(comment__user=None)),
        ("issue_comment", comment(sender="ada")),
        ("issue_comment", comment(issue={})),
        ("push", {"repository": REPOSITORY}),
        ("push", []),
        ("push", None),
        ("", {}),
    ],
)
def test_what_github_never_sends_is_refused(name: str, payload: Any) -> None:
    with pytest.raises(UsageFailure, match="is not one of GitHub's"):
        read(name, payload)


# What GitHub has published


@pytest.mark.needs("octokit")
def test_published_pull_requests_are_read() -> None:
    actions = {}
    for payload in payloads("pull_request"):
        event = read("pull_request", payload)
        assert event.number == payload["number"]
        assert event.head_repository == event.repository == payload["repository"]["id"]
        assert event.sender is not None
        assert (event.is_pull_request, event.sender.is_bot) == (True, False)
        actions[event.action] = grants(event)
    assert {action: grant for action, grant in actions.items() if grant != NOTHING} == {
        **dict.fromkeys(("opened", "synchronize", "reopened", "ready_for_review"), CHECK),
        "closed": CLEANS,
    }
    assert len(actions) > 10


@pytest.mark.needs("octokit")
def test_published_comments_are_read() -> None:
    seen = set()
    for payload in payloads("issue_comment"):
        event = read("issue_comment", payload)
        assert event.comment is not None
        assert event.comment.author.login == payload["comment"]["user"]["login"]
        assert (event.number, event.is_pull_request) == (payload["issue"]["number"], False)
        assert grants(event, "Codertocat").task == "nothing"
        seen.add(event.action)
        told = copy.deepcopy(payload)
        told["issue"]["pull_request"] = {"url": told["issue"]["url"]}
        told["comment"]["body"] = "/reset-migrations"
        told["comment"]["updated_at"] = told["comment"]["created_at"]
        grant = grants(read("issue_comment", told), "Codertocat")
        if told["sender"]["id"] == told["comment"]["user"]["id"] and event.action == "created":
            assert grant == Grant("command", "granted", True, ("Codertocat",))
        else:
            assert grant.task == "nothing"
    assert seen == {"created", "edited", "deleted"}


@pytest.mark.needs("octokit")
def test_published_pushes_and_others_are_read() -> None:
    tasks = set()
    for payload in payloads("push"):
        event = read("push", payload)
        is_branch = payload["ref"].startswith("refs/heads/")
        assert event.branch == (payload["ref"].split("/", 2)[2] if is_branch else "")
        tasks.add((is_branch, grants(event).task))
    assert tasks == {(True, "recheck"), (False, "check")}
    for payload in payloads("merge_group"):
        assert grants(read("merge_group", payload)) == Grant("check", "granted")
    for payload in payloads("workflow_dispatch"):
        assert grants(read("workflow_dispatch", payload)).task == "recheck"


@pytest.mark.needs("octokit")
@pytest.mark.parametrize("name", ["issues", "release", "create", "fork", "star", "watch"])
def test_nothing_is_done_about_the_others(name: str) -> None:
    for payload in payloads(name):
        assert grants(read(name, payload)) == NOTHING


# What the local GitHub sends


def test_the_story_of_a_pull_request(tmp_path: Any) -> None:
    with LocalGitHub("octo/shop", folder=tmp_path / "github") as hub:
        state, shapes = hub.state, hub.shapes
        state.join("ada", "write")
        before = state.push("main", {"a": "1\n"})
        state.push("feature", {"b": "1\n"}, onto="main", by="ada")
        state.open("feature", "main", "A feature", by="ada")
        fork = state.fork("mallory")
        state.push("feature", {"c": "1\n"}, onto="main", to=fork)
        state.open("feature", "main", "Take this", by="mallory", of=fork)
        said = state.comment(1, "/reset-migrations", by="ada").id
        told = {
            "ours": events.pull_request(shapes, 1, "opened", "ada"),
            "fork": events.pull_request(shapes, 2, "opened", "mallory"),
        }
        order = events.issue_comment(shapes, said)
        state.delete_fork(fork)
        told["gone"] = events.pull_request(shapes, 2, "reopened", "mallory")
        after = state.merge(1, by="ada")
        push = events.push(shapes, "main", before, after, "ada")
        gone = events.push(shapes, "feature", after, ZERO, "ada")

    def granted(name: str, payload: dict[str, Any]) -> Grant:
        event: Event = read(name, json.loads(json.dumps(payload)))
        return grants(event, "ada")

    assert {key: granted("pull_request", each) for key, each in told.items()} == {
        "ours": CHECK,
        "fork": FORKED,
        "gone": FORKED,
    }
    assert granted("issue_comment", order) == COMMAND
    assert granted("push", push).task == "recheck"
    assert granted("push", gone).task == "recheck"
